"""Which files a person means by a path: one file, everything in a folder, or what a glob matches."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.errors import NothingToRead, UnreadableFile

Format = Literal["json", "csv", "parquet"]

_FORMATS: dict[str, Format] = {
    ".ndjson": "json",
    ".jsonl": "json",
    ".json": "json",
    ".csv": "csv",
    ".parquet": "parquet",
}
NOTICE = "NOTICE.txt"
READABLE = ".ndjson, .jsonl, .json, .csv (each also .gz) or .parquet"


@dataclass(frozen=True, slots=True)
class File:
    """A file that may hold events. Was it `named`, its reader is owed an error; a folder's file is passed over."""

    path: Path
    format: Format
    named: bool

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A file that a folder or glob held and that is not read, with the reason."""

    path: Path
    reason: str


def find(paths: Sequence[str]) -> tuple[list[File], list[PassedOver]]:
    """The files meant, each once and in a stable order, and what was passed over for its name alone.

    Raises UnreadableFile for a named path that is not there or has no known ending, NothingToRead for a glob that
    matches nothing.
    """
    files: dict[Path, File] = {}
    passed_over: dict[Path, PassedOver] = {}
    for path, named in _expand(paths):
        kind = _format(path)
        if kind:
            files.setdefault(path.resolve(), File(path, kind, named))
        elif named:
            raise UnreadableFile(f"{path}: cannot tell its format by its name; give it an ending out of {READABLE}")
        elif path.name != NOTICE:
            passed_over.setdefault(path.resolve(), PassedOver(path, "no telemetry by its name"))
    return list(files.values()), list(passed_over.values())


def _expand(paths: Sequence[str]) -> Iterator[tuple[Path, bool]]:
    for text in paths:
        path = Path(text)
        if path.is_dir():
            yield from ((inner, False) for inner in _inside(path))
        elif path.is_file():
            yield path, True
        elif path.exists():
            raise UnreadableFile(f"{path}: is neither a file nor a folder")
        elif glob.has_magic(text):
            yield from ((inner, False) for inner in _matches(text))
        else:
            raise UnreadableFile(f"{path}: no such file or folder")


def _inside(folder: Path) -> list[Path]:
    """Every file below the folder but hidden ones; what editors and version control keep there is nobody's events."""
    below = (path for path in folder.rglob("*") if not any(part[0] == "." for part in path.relative_to(folder).parts))
    return sorted(path for path in below if path.is_file())


def _matches(pattern: str) -> list[Path]:
    found = [Path(match) for match in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207 - Path.glob takes no absolute pattern
    if not found:
        raise NothingToRead(f"{pattern}: no file matches; check the pattern and quote it, so that no shell expands it")
    return [inner for path in found for inner in (_inside(path) if path.is_dir() else [path] * path.is_file())]


def _format(path: Path) -> Format | None:
    name = path.name.lower()
    kind = _FORMATS.get(Path(name.removesuffix(".gz")).suffix)
    return None if kind == "parquet" and name.endswith(".gz") else kind


def notices(files: Sequence[File]) -> list[str]:
    """What the folders of the files say of themselves: the first line of a NOTICE.txt that lies beside the data."""
    beside = {file.path.parent / NOTICE for file in files}
    texts = [path.read_text("utf-8", "replace") for path in sorted(beside) if path.is_file()]
    return [text.strip().partition("\n")[0] for text in texts if text.strip()]


def summary(passed_over: Sequence[PassedOver]) -> list[str]:
    """One note a reason, naming at most five files."""
    reasons: dict[str, list[str]] = {}
    for item in passed_over:
        reasons.setdefault(item.reason, []).append(item.path.name)
    return [f"passed over, {reason}: {_some(names)}" for reason, names in sorted(reasons.items())]


def _some(names: list[str], most: int = 5) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")
