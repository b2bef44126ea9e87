"""The tables of Advanced Hunting as views in a DuckDB database that lives on disk as long as it is needed."""

# ruff: noqa: S608 - every name goes through quoted(), every text through literal()

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import duckdb

from engine.errors import UnreadableFile
from engine.model import tables
from engine.model.event import Event
from engine.model.run import Window
from engine.sources import columns
from engine.sources.answer import events
from engine.sources.columns import ARRIVAL, FAULTS, FILE, literal, quoted
from engine.sources.kql import translate
from engine.sources.text import LONGEST_ROW, is_gzip

_MEMORY = "800MB"
_MOST_THREADS = 4
_PREPARATION = (
    "SET GLOBAL TimeZone='UTC'",
    "SET enable_progress_bar=false",
    # duckdb-kql bins by epoch(), and DuckDB rounds nanoseconds to microseconds there: what happened in the last half
    # microsecond of a bin would fall into the next.
    "CREATE MACRO epoch(t) AS (epoch_ns(t) // 1000) / 1e6",
    *columns.MACROS,
    "CREATE SCHEMA held",
    "CREATE SCHEMA whole",
)
# What TIMESTAMP_NS can hold, with room to spare.
_FIRST, _LAST = datetime(1700, 1, 1, tzinfo=UTC), datetime(2250, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Count:
    """Rows of one file in one table with the same faults: names of columns that hold what their type cannot.

    Where Timestamp is at fault, `oldest` and `newest` say nothing.
    """

    table: str
    file: str
    faults: tuple[str, ...]
    rows: int
    oldest: datetime
    newest: datetime


class Shelf:
    """Tables filled from NDJSON and Parquet files, then sealed: from there on it reads no other file and writes none.

    `extra` names columns that files have beyond those a table declares; `types` holds all, table -> name -> Kusto
    type. The temporary folder, open to its owner alone, keeps the events of text files; closing the shelf deletes it.
    """

    def __init__(self, *, extra: Mapping[str, Collection[str]]) -> None:
        self.types = {
            table: tables.columns(table) | dict.fromkeys(extra.get(table, ()), "string") for table in tables.names()
        }
        self._parquet: dict[str, list[str]] = {table: [] for table in self.types}
        self._names: dict[str, str] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="vizsla-", ignore_cleanup_errors=True)
        self._database = duckdb.connect(
            self.folder / "events.duckdb",
            config={
                "memory_limit": _MEMORY,
                "threads": min(os.cpu_count() or 1, _MOST_THREADS),
                "temp_directory": str(self.folder / "spilled"),
                "preserve_insertion_order": False,
                "python_enable_replacements": False,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
        for statement in (*_PREPARATION, *(_held(table, types) for table, types in self.types.items())):
            self._database.execute(statement)

    @property
    def folder(self) -> Path:
        """Where files may be kept as long as the shelf is open."""
        return Path(self._folder.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forgets everything, on disk too. Closing twice is harmless."""
        self._database.close()
        self._folder.cleanup()

    def add_lines(self, table: str, path: Path, name: str) -> None:
        """Loads clean NDJSON, plain or gzipped, whose keys are spelled as the table's columns: all of it or nothing.

        `name` stands for the file in counts. Raises UnreadableFile where the file is no such thing.
        """
        types = self.types[table]
        present = {column: (quoted(column), "VARCHAR") for column in types}
        chosen = columns.select_list(types, present, f"{literal(name)}::VARCHAR")
        keys = ", ".join(f"{quoted(column)}: 'VARCHAR'" for column in types)
        packed = "gzip" if is_gzip(path) else "uncompressed"
        source = (
            f"read_json(?, format='newline_delimited', columns={{{keys}}}, compression='{packed}', "
            f"hive_partitioning=false, maximum_object_size={LONGEST_ROW})"
        )
        insert = f"INSERT INTO held.{quoted(table)} BY NAME SELECT {chosen} FROM {source}"
        try:
            self._database.execute(insert, [glob.escape(str(path))])
        except (duckdb.InvalidInputException, duckdb.IOException) as error:
            # DuckDB's own words would quote the row.
            raise UnreadableFile(f"{name}: cannot be read as one JSON object a line") from error

    def add_parquet(self, table: str, files: Mapping[Path, str], types: Mapping[str, str]) -> None:
        """Takes in Parquet files of equal columns (name -> DuckDB type) without copying them.

        `files` gives each absolute path the name that stands for it in counts.
        """
        spelled = columns.spelling(table, self.types[table])
        present = {
            spelled[name.casefold()]: (quoted(name), kind) for name, kind in types.items() if name.casefold() in spelled
        }
        chosen = columns.select_list(self.types[table], present, quoted("$Path"))
        listed = ", ".join(literal(glob.escape(str(path))) for path in files)
        source = f"read_parquet([{listed}], filename='$Path', hive_partitioning=false)"
        self._parquet[table].append(f"SELECT {chosen} FROM {source}")
        self._names |= {str(path): name for path, name in files.items()}

    def seal(self) -> None:
        """Ends the taking in: from here on DuckDB opens no file but those named, and no setting can be changed."""
        for table in self.types:
            parts = [f"SELECT * FROM held.{quoted(table)}", *self._parquet[table]]
            self._database.execute(f"CREATE VIEW whole.{quoted(table)} AS {' UNION ALL BY NAME '.join(parts)}")
        # DuckDB checks both the pattern and the file it stands for.
        allowed = ", ".join(literal(path) for name in self._names for path in {name, glob.escape(name)})
        for setting in (f"allowed_paths=[{allowed}]", "enable_external_access=false", "lock_configuration=true"):
            self._database.execute(f"SET {setting}")

    def counts(self) -> list[Count]:
        """What the tables hold, by file and faults. Raises UnreadableFile for a Parquet file that is damaged."""
        return [count for table in self.types for count in self._counts(table)]

    def _counts(self, table: str) -> Iterator[Count]:
        listed = (
            f"SELECT {quoted(FILE)}, {quoted(FAULTS)}, count(*), min(Timestamp), max(Timestamp) "
            f"FROM whole.{quoted(table)} GROUP BY ALL ORDER BY ALL"
        )
        try:
            found = self._database.execute(listed).fetchall()
        except duckdb.Error as error:
            why = str(error).partition("\n")[0]
            raise UnreadableFile(f"{table}: one of its Parquet files cannot be read: {why}") from error
        for file, faults, rows, *span in found:
            names = tuple(faults.split(",")) if faults else ()
            yield Count(table, self._names.get(file, file), names, rows, *map(_utc, span))

    def rows(self, query: str, window: Window | None, now: datetime) -> Iterator[list[Event]]:
        """The answer to `query` over the rows of `window`, when the time is `now`; see Source.rows."""
        schema = tuple((table, tuple(types)) for table, types in self.types.items())
        translation = translate(query, schema)
        cursor = self._database.cursor()
        try:
            for table in translation.tables:
                names = [*self.types[table], *[ARRIVAL] * translation.arrival]
                cursor.execute(f"CREATE TEMP VIEW {quoted(table)} AS {self._within(table, names, window)}")
            yield from events(cursor, translation.sql, translation.parameters(now))
        finally:
            cursor.close()

    def _within(self, table: str, names: list[str], window: Window | None) -> str:
        """SQL for the table's rows in the window. Kusto knows no null text, so null is empty."""
        kinds = self.types[table]
        shown = ", ".join(
            f"coalesce({quoted(name)}, '') AS {quoted(name)}" if kinds.get(name) == "string" else quoted(name)
            for name in names
        )
        limits = f"Timestamp >= {_instant(window.start)} AND Timestamp < {_instant(window.end)}" if window else "true"
        return f"SELECT {shown} FROM whole.{quoted(table)} WHERE Timestamp IS NOT NULL AND {limits}"


def _held(table: str, types: Mapping[str, str]) -> str:
    kinds = {name: columns.duck_type(kind) for name, kind in types.items()}
    kinds |= {ARRIVAL: "TIMESTAMP_NS", FILE: "VARCHAR", FAULTS: "VARCHAR"}
    return f"CREATE TABLE held.{quoted(table)} ({', '.join(f'{quoted(name)} {kind}' for name, kind in kinds.items())})"


def _utc(moment: datetime | None) -> datetime:
    return (moment or _FIRST).replace(tzinfo=UTC)


def _instant(moment: datetime) -> str:
    bounded = max(_FIRST, min(_LAST, moment.astimezone(UTC)))
    return f"TIMESTAMP_NS '{bounded:%Y-%m-%d %H:%M:%S.%f}'"
