"""JSON and CSV files, row by row, however they were saved, and what is wrong with them.

DuckDB reads clean NDJSON far faster than Python does. What it refuses or misreads (arrays, Graph answers, CSV, UTF-16,
damaged lines and archives) is read here and written once as clean NDJSON.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from engine.sources.files import File

Row = dict[str, Any]

LONGEST_ROW = 16_000_000
"""Bytes of JSON; DuckDB takes no longer object by default."""

# pandas and others write NaN, which is no JSON; it is read as null.
_DECODER = json.JSONDecoder(parse_constant=lambda _: None)
_DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile)
_BLANK = re.compile(r"[\s,]*")
_HEAD = 1 << 16
_CHUNK = 1 << 20
_LONGEST_DOCUMENT_TRIED = 1 << 26


class Flaws:
    """What was found wrong in one file, by kind: how often, and where first."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, str]] = {}

    def add(self, kind: str, place: str) -> None:
        """Counts one flaw; `place` is kept of the first of its kind."""
        count, first = self._found.get(kind, (0, place))
        self._found[kind] = (count + 1, first)

    def __bool__(self) -> bool:
        return bool(self._found)

    def sentences(self) -> list[str]:
        """One for each kind."""
        return [f"{count:,} x {kind} (first at {first})" for kind, (count, first) in self._found.items()]


def rows(file: File, flaws: Flaws) -> Iterator[Row]:
    """The objects or records of the file. Flaws are counted and passed over, an archive cut short ends the file.

    Raises OSError if the file cannot be opened.
    """
    if file.format == "csv":
        read: Callable[[TextIO, Flaws], Iterator[Row]] = _records
    else:
        read = _elements if _is_document(file) else _lines
    given = 0
    with _opened(file.path) as stream:
        try:
            for row in read(stream, flaws):
                given += 1
                yield row
        except _DAMAGE:
            flaws.add("gzip cut short or damaged, what follows is lost", f"row {given + 1:,}")


def write_lines(file: File, target: Path, canonical: Callable[[str], str], flaws: Flaws) -> None:
    """Writes the rows of `file` to `target` as clean NDJSON, keys renamed by `canonical`."""
    with target.open("wb") as out:
        for number, row in enumerate(rows(file, flaws), 1):
            line = _line({canonical(key): value for key, value in row.items()})
            if line:
                out.write(line)
            else:
                flaws.add(f"row longer than {LONGEST_ROW:,} bytes or beyond JSON, passed over", f"row {number:,}")


def _line(row: Row) -> bytes | None:
    try:
        # Half a surrogate pair is no Unicode text, yet an intruder can put one on a command line.
        line = json.dumps(row, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    except (ValueError, RecursionError):
        return None
    return line + b"\n" if len(line) < LONGEST_ROW else None


def is_lines(file: File) -> bool:
    """Whether the file has one JSON object a line, as far as its start tells."""
    return file.format == "json" and not _is_document(file)


def is_gzip(path: Path) -> bool:
    """Whether the content is gzip, whatever the name says."""
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """The text of a plain or gzipped file in UTF-8 or UTF-16; bytes that are neither become U+FFFD."""
    with gzip.open(path) if is_gzip(path) else path.open("rb") as raw:
        yield io.TextIOWrapper(raw, _encoding(raw), "replace", newline="\n")


def _encoding(stream: gzip.GzipFile | io.BufferedReader) -> str:
    """UTF-16 where its mark stands at the start (PowerShell's `>` writes so), else UTF-8 with or without a mark."""
    try:
        return "utf-16" if stream.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    except _DAMAGE:
        return "utf-8-sig"


def _is_document(file: File) -> bool:
    """Whether the file is an array, an answer of Graph or indented objects, and not an object a line."""
    with _opened(file.path) as stream:
        try:
            head = stream.read(_HEAD).lstrip()
            if head.startswith("["):
                return True
            first, newline, _ = (head if "\n" in head else head + stream.readline()).partition("\n")
        except _DAMAGE:
            return False
        line = _decoded(first)
        if line is None and newline:
            return _starts_with_a_value(file)
        return isinstance(line, dict) and _results(line) is not None


def _starts_with_a_value(file: File) -> bool:
    with _opened(file.path) as stream:
        try:
            _DECODER.raw_decode(stream.read(_LONGEST_DOCUMENT_TRIED).lstrip())
        except (ValueError, RecursionError, *_DAMAGE):
            return False
    return True


def _lines(stream: TextIO, flaws: Flaws) -> Iterator[Row]:
    for number, line in enumerate(stream, 1):
        if not line.strip():
            continue
        value = _decoded(line)
        if isinstance(value, dict):
            yield value
        else:
            flaws.add("line that is no JSON object, passed over", f"line {number:,}")


def _elements(stream: TextIO, flaws: Flaws) -> Iterator[Row]:
    """The elements of an array, the results of a Graph answer, or objects that follow each other."""
    text = stream.read(_CHUNK)
    at = _after_blank(text, 0)
    inside = text.startswith("[", at)
    at += inside
    number = 1
    while True:
        at = _after_blank(text, at)
        if inside and text.startswith("]", at):
            break
        try:
            value, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            if more := stream.read(max(_CHUNK, len(text))):
                text, at = text[at:] + more, 0
                continue
            if at < len(text) or inside:
                flaws.add("JSON broken or without its end, what follows is lost", f"element {number:,}")
            return
        yield from _objects(value, number, flaws)
        number += 1
    if (text[at + 1 :] + stream.read(_CHUNK)).strip():
        flaws.add("text behind the end of an array, lost", f"element {number:,}")


def _objects(value: object, number: int, flaws: Flaws) -> Iterator[Row]:
    results = _results(value) if isinstance(value, dict) else None
    for inner in [value] if results is None else results:
        if isinstance(inner, dict):
            yield inner
        else:
            flaws.add("element that is no JSON object, passed over", f"element {number:,}")


def _results(value: Row) -> list[Any] | None:
    """The rows of a Graph answer, `{"schema": [...], "results": [...]}`; Microsoft spells the keys in either case."""
    folded = {key.lower(): inner for key, inner in value.items()}
    results = folded.get("results")
    return results if "schema" in folded and isinstance(results, list) else None


def _records(stream: TextIO, flaws: Flaws) -> Iterator[Row]:
    """CSV records by header. Excel writes semicolons or tabs where the locale says so."""
    first = stream.readline()
    reader = csv.reader(chain([first], stream), delimiter=max(",;\t", key=first.count))
    names = [name.strip() for name in next(reader, [])]
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error:
            flaws.add("record that is no CSV, passed over", f"line {reader.line_num:,}")
            continue
        if len(record) == len(names):
            yield dict(zip(names, record, strict=True))
        elif record:
            flaws.add("record with more or fewer fields than the header, passed over", f"line {reader.line_num:,}")


def _decoded(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None


def _after_blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at
