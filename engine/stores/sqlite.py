"""The store on a laptop: one SQLite file, no server."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from engine.errors import StoreError
from engine.model.finding import Finding, recurrence_key
from engine.model.run import HuntRun
from engine.remote.budget import Limit, horizon, next_free

# A file that an older Vizsla wrote goes through the steps that it lacks, in order. A step that was released stays.
_STEPS = (
    (
        "CREATE TABLE watermark (tenant TEXT, hunt TEXT, moment TEXT NOT NULL, PRIMARY KEY (tenant, hunt))",
        "CREATE TABLE finding (fingerprint TEXT PRIMARY KEY, key TEXT NOT NULL, document BLOB NOT NULL)",
        "CREATE INDEX finding_key ON finding (key)",
        "CREATE TABLE run (id TEXT PRIMARY KEY, hunt TEXT NOT NULL, moment TEXT NOT NULL, document BLOB NOT NULL)",
    ),
    ("CREATE TABLE call (tenant TEXT NOT NULL, moment TEXT NOT NULL)", "CREATE INDEX call_tenant ON call (tenant)"),
)
_VERSION = len(_STEPS)


class Sqlite:
    """One file in WAL mode. Opening creates it, or brings an older one up to date; a newer one is refused by name."""

    def __init__(self, file: Path) -> None:
        self._file = file
        with self._connection() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            if _version(connection) != _VERSION:
                self._grow(connection)

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

    def take_call(self, tenant: str, now: datetime, limits: Sequence[Limit]) -> datetime:
        """See Quota."""
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM call WHERE moment <= ?", (_text(horizon(now, limits)),))
            rows = connection.execute("SELECT moment FROM call WHERE tenant = ?", (tenant,)).fetchall()
            free = next_free((datetime.fromisoformat(moment) for (moment,) in rows), now, limits)
            if free == now:
                connection.execute("INSERT INTO call VALUES (?, ?)", (tenant, _text(now)))
        return free

    def _grow(self, connection: sqlite3.Connection) -> None:
        """Takes the steps that the file lacks, all or none, and alone: another process may open it just now."""
        connection.execute("BEGIN IMMEDIATE")
        version = _version(connection)
        if version > _VERSION:
            raise StoreError(
                f"{self._file} has schema version {version}, this Vizsla reads {_VERSION}: use another file."
            )
        for statement in (statement for step in _STEPS[version:] for statement in step):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {_VERSION}")

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


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
