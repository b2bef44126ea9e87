"""Installs the npm packages of a folder exactly as its lock names them: `python -m engine.lints.npm FOLDER...`.

Exit codes: 0 installed or up to date, 1 not installed (the reason stands on stderr).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from engine.errors import VizslaError
from engine.lints.kusto import PACKAGE, WHEEL, NodeFailed, NodeMissing, find_node, wheel_node

_SECONDS = 900
_LAST_LINES = 10


def install(folder: Path, *, path: str | None = None, wheel: str = WHEEL) -> str:
    """Runs `npm ci` in `folder` unless its lock is unchanged since the last time. Returns what was done, in one line.

    Raises NodeMissing as `find_node` and `find_npm` do, and NodeFailed when npm fails.
    """
    lock = folder / "package-lock.json"
    if not lock.is_file():
        raise NodeFailed(f"{folder} holds no package-lock.json, so there is nothing to install.")
    stamp = folder / "node_modules" / ".installed"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return f"{folder}: npm packages are up to date"
    node = find_node(path, wheel)
    _ci(folder, node, find_npm(node, path, wheel))
    stamp.parent.mkdir(exist_ok=True)  # npm makes none for a lock without packages
    stamp.write_text(wanted)
    return f"{folder}: npm packages installed"


def find_npm(node: str, path: str | None = None, wheel: str = WHEEL) -> list[str]:
    """The command that starts npm: the machine's own where `node` is, else the one in the Python package `wheel`.

    Raises NodeMissing when there is neither: Debian, for one, packages Node without npm.
    """
    bundled = wheel_node(wheel)
    npm = shutil.which("npm", path=path)
    if npm and node != bundled:
        return [npm]
    if bundled is None:
        raise NodeMissing(
            f"{node} has no npm beside it. Install npm, or run `{sys.executable} -m pip install {PACKAGE}`."
        )
    # The wheel's npm command does not start; the script behind it does.
    modules = Path(bundled).parent / ("node_modules" if os.name == "nt" else "../lib/node_modules")
    return [bundled, str(modules / "npm" / "bin" / "npm-cli.js")]


def main(arguments: list[str] | None = None) -> int:
    """Installs into each folder named; one line each."""
    parser = argparse.ArgumentParser(
        prog="python -m engine.lints.npm", description="Installs npm packages by their lock."
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    try:
        for folder in parser.parse_args(arguments).folders:
            sys.stdout.write(f"{install(folder)}\n")
    except VizslaError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _ci(folder: Path, node: str, npm: list[str]) -> None:
    # npm and the packages' install scripts ask for plain `node`: let it be the one that was found.
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])}
    command = [*npm, "ci", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(  # noqa: S603 -- no shell, and both words and folder are the caller's own
            command, cwd=folder, env=environment, capture_output=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NodeFailed(f"npm ci in {folder} did not end within {_SECONDS} s. Is the registry reachable?") from error
    if done.returncode:
        last = "\n".join(done.stderr.decode(errors="replace").strip().splitlines()[-_LAST_LINES:])
        raise NodeFailed(
            f"npm ci in {folder} failed. Is the registry reachable, and does package.json fit the lock?\n{last}"
        )


if __name__ == "__main__":
    sys.exit(main())
