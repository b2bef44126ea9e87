"""Three launches, hostile enough, and a way to ask a Local source about them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import duckdb

from engine.model.event import Event
from engine.model.run import Window
from engine.sources.local import Local

LAUNCHES: list[dict[str, object]] = [
    {
        "Timestamp": "2026-11-24T10:50:01.1234567Z",
        "DeviceId": "b",
        "FileName": "cmd.exe",
        "ProcessId": 41,
        "ProcessCommandLine": 'cmd /c "echo a,b;\t\'\nwhoami" ü 语 𐍈 %s {0} --',
        "LogonId": 9_007_199_254_740_993,
        "ProcessCreationTime": "2026-11-24T10:50:01.1234561Z",
        "CreatedProcessSessionId": None,
    },
    {
        "Timestamp": "2026-11-24T10:49:00.0000000Z",
        "DeviceId": "a",
        "FileName": "whoami.exe",
        "ProcessId": 43,
        "ProcessCommandLine": "whoami",
        "LogonId": 999,
        "ProcessCreationTime": None,
        "CreatedProcessSessionId": 2,
    },
    {
        "Timestamp": "2026-11-24T10:50:01.1234568Z",
        "DeviceId": "a",
        "FileName": "o'brien\".exe",
        "ProcessId": 42,
        "ProcessCommandLine": "",
        "LogonId": None,
        "ProcessCreationTime": "2026-11-24T10:00:00.0000000Z",
        "CreatedProcessSessionId": 0,
    },
]
SORTED = [LAUNCHES[1], LAUNCHES[2], LAUNCHES[0]]
QUERY = f"DeviceProcessEvents | project {', '.join(LAUNCHES[0])}"


def ndjson(rows: Sequence[Event]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def comma_separated(rows: list[dict[str, object]], delimiter: str = ",") -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def parquet(rows: list[dict[str, object]], path: Path, *, types: str = "VARCHAR") -> None:
    with duckdb.connect() as database:
        names = ", ".join(f"{name}: 'VARCHAR'" for name in rows[0])
        lines = path.with_suffix(".rows")
        lines.write_bytes(ndjson(rows))
        chosen = {
            "VARCHAR": "*",
            "typed": "* REPLACE (Timestamp::TIMESTAMP_NS AS Timestamp, ProcessId::INTEGER AS ProcessId, "
            "LogonId::UBIGINT AS LogonId, ProcessCreationTime::TIMESTAMP_NS AS ProcessCreationTime, "
            "CreatedProcessSessionId::BIGINT AS CreatedProcessSessionId)",
        }[types]
        database.execute(
            f"COPY (SELECT {chosen} FROM read_json(?, columns={{{names}}}, format='newline_delimited')) "  # noqa: S608 - ours
            "TO ? (FORMAT PARQUET)",
            [str(lines), str(path)],
        )
        lines.unlink()


def ask(*paths: Path | str, query: str = QUERY, window: Window | None = None) -> list[Event]:
    """All events that the files answer the query with."""
    with Local(paths=[str(path) for path in paths]) as source:
        return [event for batch in source.rows(query, window) for event in batch]


def count(*paths: Path | str) -> int:
    """How many launches the files hold."""
    with Local(paths=[str(path) for path in paths]) as source:
        return source.counts["DeviceProcessEvents"]


def notes(*paths: Path | str) -> tuple[str, ...]:
    """What the source has to say of the files."""
    with Local(paths=[str(path) for path in paths]) as source:
        return source.notes
