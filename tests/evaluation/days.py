"""An estate's days on disk, and as a run of a hunt sees them: only rows that had arrived by then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import msgspec

from engine.model import tables
from engine.model.run import Window
from engine.sources.columns import duck_type, literal
from tests.estate import Row

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = datetime(2026, 11, 16, tzinfo=UTC)  # a Monday
TABLE = "DeviceProcessEvents"
_ARRIVAL = "_ArrivalTime"


def day_of(n: int) -> Window:
    """The n-th day of the estate."""
    return Window(START + timedelta(days=n), START + timedelta(days=n + 1))


def ends_of(day: Window, runs: int) -> list[datetime]:
    """Where the windows of a day's runs end, behind that of the last run of the day before."""
    span = (day.end - day.start) / runs
    return [day.start + span * index for index in range(runs + 1)]


def write(rows: Iterable[Row], file: Path) -> None:
    """Writes a day's rows as Parquet, each column of its own type."""
    kinds = {name: duck_type(kind) for name, kind in tables.columns(TABLE).items()} | {_ARRIVAL: duck_type("datetime")}
    keys = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in kinds.items())
    encoder = msgspec.json.Encoder()
    with TemporaryDirectory(prefix="vizsla-evaluation-") as folder:
        lines = Path(folder) / "rows.ndjson"
        with lines.open("wb") as out:
            out.writelines(encoder.encode(row) + b"\n" for row in rows)
        source = f"read_json({literal(str(lines))}, format='newline_delimited', columns={{{keys}}})"
        _copy(f"SELECT * FROM {source}", file)  # noqa: S608 - every text goes through literal()


def part_by_arrival(files: Sequence[Path], folder: Path, *, ends: Sequence[datetime], settle: timedelta) -> list[Path]:
    """Parts the rows of `files` by the run that first sees them: those that arrived by an end of `ends` and `settle`.

    Returns one file an end, in their order; what arrives behind the last is in none of them.
    """
    listed = ", ".join(literal(str(file)) for file in files)
    parts: list[Path] = []
    begun = "TIMESTAMP_NS '1970-01-01'"
    for index, end in enumerate(ends):
        until = f"TIMESTAMP_NS {literal(f'{end + settle:%Y-%m-%d %H:%M:%S}')}"
        parts.append(folder / f"{TABLE}-{index:03}.parquet")
        where = f'"{_ARRIVAL}" > {begun} AND "{_ARRIVAL}" <= {until}'
        _copy(f"SELECT * FROM read_parquet([{listed}]) WHERE {where}", parts[-1])  # noqa: S608 - through literal()
        begun = until
    return parts


def _copy(query: str, file: Path) -> None:
    with duckdb.connect() as database:
        database.execute("SET enable_progress_bar=false")
        database.execute(f"COPY ({query}) TO {literal(str(file))} (FORMAT parquet)")
