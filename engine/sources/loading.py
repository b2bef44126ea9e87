"""From files to tables: which table each file holds, its rows onto the shelf, and in words what was wrong with them."""

from __future__ import annotations

import glob
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import duckdb

from engine.errors import UnreadableFile
from engine.sources import text
from engine.sources.columns import extras, spelling, table_of, undeclared
from engine.sources.files import File, PassedOver
from engine.sources.shelf import Count, Shelf

Progress = Callable[[int, int, str], None]
"""Called with bytes done, bytes in all, and the file that comes next; at the end with an empty name."""

_SAMPLE_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Holding:
    """A file, the table its rows belong to, and its columns: name -> DuckDB type (text unless it is Parquet)."""

    file: File
    table: str
    columns: dict[str, str]


def look(files: Sequence[File]) -> tuple[list[Holding], list[PassedOver]]:
    """Which table each file holds, and which files hold none.

    A text file is known by its first thousand rows. Raises UnreadableFile for a named file that cannot be read or
    holds no known table; an empty one is passed over.
    """
    holdings: list[Holding] = []
    passed_over: list[PassedOver] = []
    for file in files:
        try:
            found = _look(file)
        except UnreadableFile as error:
            if file.named:
                raise
            found = PassedOver(file.path, str(error).removeprefix(f"{file}: "))
        if isinstance(found, Holding):
            holdings.append(found)
        else:
            passed_over.append(found)
    return holdings, passed_over


def _look(file: File) -> Holding | PassedOver:
    try:
        columns = _parquet_columns(file) if file.format == "parquet" else _text_columns(file)
    except (OSError, duckdb.Error) as error:
        raise UnreadableFile(f"{file}: cannot be read: {str(error).partition(chr(10))[0]}") from error
    if not columns:
        return PassedOver(file.path, "empty")
    table = table_of(file.path, columns)
    if table:
        return Holding(file, table, columns)
    if undeclared(file.path):
        raise UnreadableFile(f"{file}: of {undeclared(file.path)}, a table whose columns are not declared here")
    raise UnreadableFile(f"{file}: no telemetry by its columns")


def _parquet_columns(file: File) -> dict[str, str]:
    with duckdb.connect() as database:
        listed = database.execute("DESCRIBE SELECT * FROM read_parquet(?)", [glob.escape(str(file.path))]).fetchall()
    return {str(name): str(kind) for name, kind, *_ in listed}


def _text_columns(file: File) -> dict[str, str]:
    flaws = text.Flaws()
    rows = list(itertools.islice(text.rows(file, flaws), _SAMPLE_ROWS))
    if not rows and flaws:
        raise UnreadableFile(f"{file}: no row in it: {'; '.join(flaws.sentences())}")
    return dict.fromkeys((name for row in rows for name in row), "VARCHAR")


def extra_columns(holdings: Sequence[Holding]) -> dict[str, list[str]]:
    """Table -> the columns that its files have beyond those it declares, each in one spelling."""
    found: dict[str, dict[str, str]] = {}
    for holding in holdings:
        for name in extras(holding.table, holding.columns):
            found.setdefault(holding.table, {}).setdefault(name.casefold(), name)
    return {table: list(names.values()) for table, names in found.items()}


def load(shelf: Shelf, holdings: Sequence[Holding], progress: Progress) -> list[str]:
    """Puts every file onto the shelf. Returns notes on damaged text. Raises UnreadableFile."""
    sizes = [holding.file.path.stat().st_size for holding in holdings]
    notes: list[str] = []
    alike: dict[tuple[str, tuple[tuple[str, str], ...]], list[Holding]] = {}
    for number, holding in enumerate(holdings):
        progress(sum(sizes[:number]), sum(sizes), str(holding.file))
        if holding.file.format == "parquet":
            alike.setdefault((holding.table, tuple(holding.columns.items())), []).append(holding)
        else:
            notes += _load_text(shelf, holding, spelling(holding.table, shelf.types[holding.table]))
    for (table, columns), group in alike.items():
        shelf.add_parquet(table, {each.file.path.resolve(): str(each.file) for each in group}, dict(columns))
    progress(sum(sizes), sum(sizes), "")
    return notes


def _load_text(shelf: Shelf, holding: Holding, spelled: dict[str, str]) -> list[str]:
    """Loads a clean file as it is; writes any other anew and loads that."""
    file = holding.file
    known = (spelled.get(name.casefold(), name) == name for name in holding.columns)
    if all(known) and text.is_lines(file):
        try:
            shelf.add_lines(holding.table, file.path, str(file))
        except UnreadableFile:
            pass  # what is wrong with it is found out below
        else:
            return []
    flaws = text.Flaws()
    clean = shelf.folder / "clean.ndjson"
    try:
        text.write_lines(file, clean, lambda name: spelled.get(name.casefold(), name), flaws)
    except OSError as error:
        raise UnreadableFile(f"{file}: cannot be read: {error}") from error
    shelf.add_lines(holding.table, clean, str(file))
    clean.unlink()
    return [f"{file}: {sentence}" for sentence in flaws.sentences()]


def remarks(counts: Sequence[Count]) -> Iterator[str]:
    """In words, which rows are left out and which values read as null."""
    totals: dict[str, int] = {}
    faulty: dict[tuple[str, str], int] = {}
    for count in counts:
        totals[count.file] = totals.get(count.file, 0) + count.rows
        for column in count.faults:
            faulty[count.file, column] = faulty.get((count.file, column), 0) + count.rows
    for (file, column), rows in sorted(faulty.items()):
        of = f"{file}: {rows:,} of {totals[file]:,} rows"
        if column == "Timestamp":
            yield f"{of} have no Timestamp that can be read and are left out"
        elif column == "DeviceId":
            yield f"{of} have no DeviceId"
        else:
            yield f"{of} have a {column} that is none of its kind and reads as null"


def refuse_unusable(counts: Sequence[Count]) -> None:
    """Raises UnreadableFile where no row of a table's files has a Timestamp or, on a device's table, a DeviceId."""
    for table in sorted({count.table for count in counts}):
        own = [count for count in counts if count.table == table]
        for column in ("Timestamp", *["DeviceId"] * table.startswith("Device")):
            if all(column in count.faults for count in own):
                files = ", ".join(sorted({count.file for count in own}))
                raise UnreadableFile(f"{files}: no row has a {column} that can be read, which {table} needs")
