"""The page: the same twice, from end to end, and the one in the repository."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.evaluation.__main__ import SEEDS, main, speed
from tests.evaluation.prose import SPEED
from tests.tree import ROOT

SMALL = "--seeds 1 --devices 30 --intrusions 4 --history 1 --runs 1 --rollouts 0 --smaller 0"


def _evaluate(page: Path) -> None:
    assert main([*SMALL.split(), "--jobs", "1", "--telemetry", str(page.parent / "none"), "--out", str(page)]) == 0


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The page of a small evaluation, made twice."""
    folder = tmp_path_factory.mktemp("pages")
    files: list[Path] = [folder / "first.md", folder / "second.md"]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(_evaluate, files))
    first, second = (file.read_text("utf-8") for file in files)
    return first, second


def test_the_same_seeds_give_the_same_page(pages: tuple[str, str]) -> None:
    assert pages[0] == pages[1]


def test_a_page_names_its_seeds_and_its_command(pages: tuple[str, str]) -> None:
    command = f"python -m tests.evaluation {SMALL}"

    assert f"`{command} --out docs/evaluation.md`" in pages[0]
    assert f"\nSeeds: {SEEDS[0]};" in pages[0]
    assert pages[0].rstrip().endswith(f"```sh\n{command} --out docs/evaluation.md\n```")


def test_a_page_has_a_line_for_each_intrusion_it_missed(pages: tuple[str, str]) -> None:
    (found, of), *_ = re.findall(r"^\| discovery-burst \| ([\d.]+) \| ([\d.]+) \|", pages[0], re.MULTILINE)
    missed = re.findall(r"^\| \d+ \| day1-\d+ \|", pages[0], re.MULTILINE)

    assert float(found) == 100 * (4 - len(missed)) / 4
    assert float(of) >= float(found)


def test_figures_of_speed_survive_a_new_page(tmp_path: Path) -> None:
    old = tmp_path / "page.md"
    old.write_text(f"# Old\n\n{SPEED}\n\n1.00 seconds\n\n## What this does not show\n", "utf-8")

    assert speed(old) == f"{SPEED}\n\n1.00 seconds\n"
    assert speed(tmp_path / "none.md") == ""


def test_the_page_in_the_repository_names_its_seeds_and_its_command() -> None:
    text = (ROOT / "docs" / "evaluation.md").read_text("utf-8")

    assert "`python -m tests.evaluation --seeds 5 --devices 1000 --out docs/evaluation.md`" in text
    assert f"\nSeeds: {', '.join(map(str, SEEDS[:5]))};" in text
