"""The store on a laptop: one SQLite file, no server."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from engine.errors import StoreError
from engine.model.finding import Finding, recurrence_key
from engine.model.run import HuntRun

_VERSION = 1
_SCHEMA = """
CREATE TABLE watermark (tenant TEXT, hunt TEXT, moment TEXT NOT NULL, PRIMARY KEY (tenant, hunt));
CREATE TABLE finding (fingerprint TEXT PRIMARY KEY, key TEXT NOT NULL, document BLOB NOT NULL);
CREATE INDEX finding_key ON finding (key);
CREATE TABLE run (id TEXT PRIMARY KEY, hunt TEXT NOT NULL, moment TEXT NOT NULL, document BLOB NOT NULL);
"""


class Sqlite:
    """One file in WAL mode. Opening creates it; a file of another schema version is refused by name."""

    def __init__(self, file: Path) -> None:
        self._file = file
        with self._connection() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
            elif version != _VERSION:
                raise StoreError(
                    f"{file} has schema version {version}, this Vizsla reads {_VERSION}: use another file."
                )

    def watermark(self, tenant: str, hunt: str) -> datetime | None:
        """See Store."""
        row = self._one("SELECT moment FROM watermark WHERE tenant = ? AND hunt = ?", tenant, hunt)
        return datetime.fromisoformat(row) if isinstance(row, str) else None

    def move_watermark(self, tenant: str, hunt: str, end: datetime) -> None:
        """See Store."""
        statement = (
            "INSERT INTO watermark VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET moment = max(moment, excluded.moment)"
        )
        self._change(statement, tenant, hunt, _text(end))

    def finding(self, fingerprint: str) -> Finding | None:
        """See Store."""
        document = self._one("SELECT document FROM finding WHERE fingerprint = ?", fingerprint)
        return msgspec.json.decode(document, type=Finding) if isinstance(document, bytes) else None

    def recurring(self, key: tuple[str, str, str, str]) -> Finding | None:
        """See Store."""
        statement = "SELECT document FROM finding WHERE key = ? ORDER BY rowid DESC LIMIT 1"
        document = self._one(statement, msgspec.json.encode(key).decode())
        return msgspec.json.decode(document, type=Finding) if isinstance(document, bytes) else None

    def record_finding(self, finding: Finding) -> None:
        """See Store."""
        key, document = msgspec.json.encode(recurrence_key(finding)).decode(), msgspec.json.encode(finding)
        self._change("INSERT OR REPLACE INTO finding VALUES (?, ?, ?)", finding.fingerprint, key, document)

    def record_run(self, run: HuntRun) -> None:
        """See Store."""
        statement = "INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?)"
        self._change(statement, run.id, run.hunt, _text(run.window.end), msgspec.json.encode(run))

    def runs(self, hunt: str | None = None) -> tuple[HuntRun, ...]:
        """See Store."""
        with self._connection() as connection:
            statement = "SELECT document FROM run WHERE ? IS NULL OR hunt = ? ORDER BY moment DESC"
            rows = connection.execute(statement, (hunt, hunt)).fetchall()
        return tuple(msgspec.json.decode(document, type=HuntRun) for (document,) in rows)

    def _one(self, statement: str, *values: str) -> object:
        with self._connection() as connection:
            row = connection.execute(statement, values).fetchone()
        return row[0] if row else None

    def _change(self, statement: str, *values: str | bytes) -> None:
        with self._connection() as connection:
            connection.execute(statement, values)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection of one use: commits at the end, and turns SQLite's errors into ours."""
        try:
            connection = sqlite3.connect(self._file)
            try:
                with connection:
                    yield connection
            finally:
                connection.close()
        except (sqlite3.Error, msgspec.DecodeError) as error:
            raise StoreError(f"{self._file}: {error}. Is it a store of Vizsla, and writable?") from error


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
