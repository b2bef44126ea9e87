"""The documentation under test: commands run, links resolve, paths exist."""

import os
import re
import shutil
import subprocess
import sys
from textwrap import dedent

import pytest

from engine import cli
from tests.tree import ROOT, tracked

PAGES = [path for path in tracked() if path.suffix == ".md"]
_BLOCK = re.compile(r"^( *)```(?:sh|console|bash|shell)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
_OURS = re.compile(r"(?:\w+=\S+ )*vizsla ")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")


def name(page):
    return str(page.relative_to(ROOT))


def commands(page):
    """Each command of the page's shell blocks; a line that ends with a backslash goes on in the next."""
    for _, block in _BLOCK.findall(page.read_text("utf-8")):
        lines = dedent(block).replace("\\\n", " ").splitlines()
        prompted = any(line.startswith("$ ") for line in lines)
        for line in lines:
            if not prompted or line.startswith("$ "):
                yield line.removeprefix("$ ").strip()


def examples():
    """Every `vizsla` command that a page or `--help` tells a reader to type -> where it first stands."""
    told = [(line, name(page)) for page in PAGES for line in commands(page) if _OURS.match(line)]
    told += [(line, "--help") for line in re.findall(r"`(vizsla run [^`]+)`", cli.run.__doc__)]
    # The whole check takes long, and tests/engine/lints/test_check.py runs it; tests/engine/test_cli_serve.py serves.
    told = [(line, page) for line, page in told if not line.startswith("vizsla serve ")]
    return {line: page for line, page in reversed(told) if line.split("#")[0].strip() != "vizsla check"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of a reader's own with `samples/` in it, and `vizsla` on the PATH."""
    made = tmp_path_factory.mktemp("reader")
    shutil.copytree(ROOT / "samples", made / "samples")
    shim = made / "bin" / "vizsla"
    shim.parent.mkdir()
    shim.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c 'from engine.cli import main; main()' \"$@\"\n")
    shim.chmod(0o755)
    return made


@pytest.mark.parametrize(("line", "page"), examples().items())
def test_a_command_runs_as_its_page_says(folder, line, page):
    path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{page}: {line}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_make_is_told_only_what_it_knows(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    told = [line.split()[1] for line in commands(page) if line.startswith("make ")]
    told += re.findall(r"`make ([a-z-]+)", page.read_text("utf-8"))
    assert [target for target in told if target not in targets] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    found = ["".join(groups) for groups in _LINK.findall(page.read_text("utf-8"))]
    files = [link.partition("#")[0] for link in found if not re.match(r"[a-z]+:|#", link)]
    assert [link for link in files if not (page.parent / link).exists()] == []


def test_the_map_for_newcomers_names_what_is_there():
    table = re.findall(r"^\| (`[^|]+) \|", (ROOT / "AGENTS.md").read_text("utf-8"), re.MULTILINE)
    paths = [path for row in table for path in re.findall(r"`([^`]+)`", row) if not path.startswith("make ")]
    assert paths
    assert [path for path in paths if not list(ROOT.glob(re.sub(r"<[^>]+>", "*", path).rstrip("/")))] == []
