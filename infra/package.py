"""Packs what Azure Functions runs: `python infra/package.py dist/vizsla.zip`; another ending names a folder instead.

Two lists decide. ROOTS says what may leave this repository at all, so that no key or export that lies about does;
.funcignore says what of it stays, which `func` and VS Code read too. The same files give the same bytes.
"""

from __future__ import annotations

import re
import shutil
import sys
import zipfile
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

REPOSITORY = Path(__file__).parent.parent
ROOTS = ("function_app.py", "host.json", "requirements.txt", "engine", "hunts")
_UNDERSTOOD = re.compile(r"(/[^/!]+)+|[^/!]+")
_MOMENT = (1980, 1, 1, 0, 0, 0)  # the first that a zip can name
_READABLE = 0o100644 << 16
_UNIX = 3


def files(repository: Path = REPOSITORY) -> tuple[PurePosixPath, ...]:
    """What the package holds, as paths below the repository, in order."""
    patterns = ignored(repository)
    return tuple(sorted(path for root in ROOTS for path in _below(PurePosixPath(root), repository, patterns)))


def ignored(repository: Path = REPOSITORY) -> tuple[str, ...]:
    """The patterns of .funcignore. Raises ValueError for a form of git's that is not understood here."""
    lines = (line.strip() for line in (repository / ".funcignore").read_text("utf-8").splitlines())
    patterns = tuple(line for line in lines if line and not line.startswith("#"))
    for pattern in patterns:
        if not _UNDERSTOOD.fullmatch(pattern):
            raise ValueError(f".funcignore: {pattern}: write a name, or a path from the root that begins with /.")
    return patterns


def leaves_out(path: PurePosixPath, patterns: Sequence[str]) -> bool:
    """Whether a pattern names the path itself: by its name, or, begun with a slash, by its place."""
    return any(fnmatch(f"/{path}" if pattern.startswith("/") else path.name, pattern) for pattern in patterns)


def write(target: Path, repository: Path = REPOSITORY) -> int:
    """Writes the package to `target`: a zip, or else a folder that is made anew. Gives how many files it holds."""
    packed = files(repository)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.suffix == ".zip":
        _zip(target, packed, repository)
    else:
        _copy(target, packed, repository)
    return len(packed)


def _below(path: PurePosixPath, repository: Path, patterns: Sequence[str]) -> Iterator[PurePosixPath]:
    if leaves_out(path, patterns):
        return
    place = repository / path
    if not place.is_dir():
        yield path
        return
    for each in place.iterdir():
        yield from _below(path / each.name, repository, patterns)


def _zip(target: Path, packed: Sequence[PurePosixPath], repository: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in packed:
            entry = zipfile.ZipInfo(str(path), _MOMENT)
            entry.create_system, entry.external_attr = _UNIX, _READABLE
            archive.writestr(entry, (repository / path).read_bytes(), zipfile.ZIP_DEFLATED, 9)


def _copy(target: Path, packed: Sequence[PurePosixPath], repository: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    for path in packed:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(repository / path, target / path)


if __name__ == "__main__":
    (place,) = map(Path, sys.argv[1:]) if sys.argv[1:] else (REPOSITORY / "dist" / "vizsla.zip",)
    count = write(place)
    size = f", {place.stat().st_size / 1024:.0f} KB" if place.is_file() else ""
    sys.stdout.write(f"{place}: {count} files{size}\n")
