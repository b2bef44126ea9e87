"""The repository's own files, as `.gitignore` has it; needs no git."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parent.parent


def tracked(root: Path = ROOT) -> Iterator[Path]:
    """Every file below the root that version control would take, in order."""
    ignored = [".git", *(line.rstrip("/") for line in (root / ".gitignore").read_text().split())]
    for folder, below, files in os.walk(root):
        here = Path(folder)
        below[:] = sorted(each for each in below if not _is_ignored(here / each, root, ignored))
        yield from (here / each for each in sorted(files) if not _is_ignored(here / each, root, ignored))


def _is_ignored(path: Path, root: Path, patterns: list[str]) -> bool:
    """Of git's patterns two forms are enough here: a name anywhere, and `/path` from the root."""
    rooted = f"/{path.relative_to(root).as_posix()}"
    return any(rooted == pattern or fnmatch(path.name, pattern) for pattern in patterns)
