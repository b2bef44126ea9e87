"""What a SQLite file holds, as steps from one version to the next."""

from __future__ import annotations

import sqlite3

from engine.errors import StoreError
from engine.model.event import ticks

# A file that an older Vizsla wrote goes through the steps that it lacks, in order. A step that was released stays.
_STEPS = (
    (
        "CREATE TABLE watermark (tenant TEXT, hunt TEXT, moment TEXT NOT NULL, PRIMARY KEY (tenant, hunt))",
        "CREATE TABLE finding (fingerprint TEXT PRIMARY KEY, key TEXT NOT NULL, document BLOB NOT NULL)",
        "CREATE INDEX finding_key ON finding (key)",
        "CREATE TABLE run (id TEXT PRIMARY KEY, hunt TEXT NOT NULL, moment TEXT NOT NULL, document BLOB NOT NULL)",
    ),
    ("CREATE TABLE call (tenant TEXT NOT NULL, moment TEXT NOT NULL)", "CREATE INDEX call_tenant ON call (tenant)"),
    (
        "ALTER TABLE watermark RENAME TO watermark_before",
        """CREATE TABLE watermark
            (tenant TEXT, hunt TEXT, mark TEXT, moment TEXT NOT NULL, PRIMARY KEY (tenant, hunt, mark))""",
        "INSERT INTO watermark SELECT tenant, hunt, 'window', moment FROM watermark_before",
        "DROP TABLE watermark_before",
        # Until then nothing said its tenant, and no finding was absorbed or retracted. Spans are ticks.
        "ALTER TABLE finding ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default'",
        "ALTER TABLE finding ADD COLUMN hunt TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE finding ADD COLUMN device TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE finding ADD COLUMN first INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE finding ADD COLUMN last INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE finding ADD COLUMN stands INTEGER NOT NULL DEFAULT 1",
        """UPDATE finding SET
            hunt = json_extract(CAST(document AS TEXT), '$.hunt'),
            device = json_extract(CAST(document AS TEXT), '$.device.id'),
            first = ticks(json_extract(CAST(document AS TEXT), '$.start')),
            last = ticks(json_extract(CAST(document AS TEXT), '$.end'))""",
        "CREATE INDEX finding_met ON finding (tenant, hunt, device, last) WHERE stands",
        "ALTER TABLE run ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default'",
        "CREATE INDEX run_moment ON run (moment DESC, id, hunt, tenant)",
        """CREATE TABLE delivery (fingerprint TEXT, sink TEXT, tenant TEXT NOT NULL, hunt TEXT NOT NULL,
            since TEXT NOT NULL, waits INTEGER NOT NULL, document BLOB NOT NULL, PRIMARY KEY (fingerprint, sink))""",
        "CREATE INDEX delivery_waits ON delivery (tenant, hunt, since, fingerprint, sink) WHERE waits",
        "CREATE TABLE day (tenant TEXT, hunt TEXT, day TEXT, document BLOB NOT NULL, PRIMARY KEY (tenant, hunt, day))",
        """CREATE TABLE claim
            (tenant TEXT, hunt TEXT, holder TEXT NOT NULL, until TEXT NOT NULL, PRIMARY KEY (tenant, hunt))""",
    ),
    (
        """CREATE TABLE mute
            (tenant TEXT, id TEXT, since TEXT NOT NULL, document BLOB NOT NULL, PRIMARY KEY (tenant, id))""",
        """CREATE TABLE demand (id TEXT PRIMARY KEY, open INTEGER NOT NULL, since TEXT NOT NULL, until TEXT NOT NULL,
            document BLOB NOT NULL)""",
        "CREATE TABLE secret (name TEXT PRIMARY KEY, value BLOB NOT NULL)",
        "CREATE INDEX finding_listed ON finding (tenant, first DESC, fingerprint)",
    ),
)
_VERSION = len(_STEPS)


def bring_up_to_date(connection: sqlite3.Connection, *, place: str) -> None:
    """Takes the steps that the file lacks, all or none; refuses a newer one. Raises StoreError and sqlite3.Error."""
    if _version(connection) != _VERSION:
        connection.create_function("ticks", 1, ticks)
        _grow(connection, place)


def _grow(connection: sqlite3.Connection, place: str) -> None:
    """Takes the steps alone: another process may open the file just now."""
    connection.execute("BEGIN IMMEDIATE")
    version = _version(connection)
    if version > _VERSION:
        raise StoreError(f"{place} has schema version {version}, this Vizsla reads {_VERSION}: use another file.")
    for statement in (statement for step in _STEPS[version:] for statement in step):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {_VERSION}")


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version
