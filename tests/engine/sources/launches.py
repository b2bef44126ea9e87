"""Three launches, hostile enough, and a way to ask a Local source about them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

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
