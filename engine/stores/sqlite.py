"""The store on a laptop: one SQLite file, no server."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from engine.errors import StoreError
from engine.model.baseline import Day
from engine.model.delivery import Delivery
from engine.model.demand import Demand
from engine.model.event import instant
from engine.model.finding import Finding, recurrence_key
from engine.model.mute import Mute
from engine.model.run import HuntRun
from engine.remote.budget import Limit, horizon, next_free
from engine.stores import lookup
from engine.stores.interface import Listing, Mark
from engine.stores.lookup import Claim
from engine.stores.schema import bring_up_to_date
from engine.stores.zipped import unzipped, zipped

T = TypeVar("T")


class Sqlite:
    """One file in WAL mode. Opening creates it, or brings an older one up to date; a newer one is refused by name."""

    def __init__(self, file: Path) -> None:
        self._file = file
        with self._connection() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            bring_up_to_date(connection, place=str(file))

    def watermark(self, tenant: str, hunt: str, mark: Mark = "window") -> datetime | None:
        """See Store."""
        statement = "SELECT moment FROM watermark WHERE tenant = ? AND hunt = ? AND mark = ?"
        rows = self._rows(statement, tenant, hunt, mark)
        return datetime.fromisoformat(rows[0][0]) if rows else None

    def move_watermark(self, tenant: str, hunt: str, end: datetime, mark: Mark = "window") -> None:
        """See Store."""
        statement = (
            "INSERT INTO watermark VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET moment = max(moment, excluded.moment)"
        )
        self._change(statement, tenant, hunt, mark, _text(end))

    def finding(self, fingerprint: str) -> Finding | None:
        """See Store."""
        found = self._documents(Finding, "SELECT document FROM finding WHERE fingerprint = ?", fingerprint)
        return next(iter(found), None)

    def recurring(self, key: tuple[str, str, str, str]) -> Finding | None:
        """See Store."""
        # A finding that is recorded again gets the next rowid.
        statement = "SELECT document FROM finding WHERE key = ? ORDER BY rowid DESC LIMIT 1"
        return next(iter(self._documents(Finding, statement, _key(key))), None)

    def met(self, tenant: str, hunt: str, device_id: str, span: tuple[int, int]) -> tuple[Finding, ...]:
        """See Store."""
        statement = (
            "SELECT document FROM finding WHERE tenant = ? AND hunt = ? AND device = ? AND last >= ? AND first <= ?"
            " AND stands ORDER BY first, fingerprint"
        )
        return self._documents(Finding, statement, tenant, hunt, device_id, *span)

    def record_finding(self, finding: Finding) -> None:
        """See Store."""
        statement = (
            "INSERT OR REPLACE INTO finding (fingerprint, key, document, tenant, hunt, device, first, last, stands)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        )
        named = finding.fingerprint, _key(recurrence_key(finding)), msgspec.json.encode(finding)
        self._change(statement, *named, *lookup.device(finding), *lookup.span(finding), finding.stands)

    def delivery(self, fingerprint: str, sink: str) -> Delivery | None:
        """See Store."""
        statement = "SELECT document FROM delivery WHERE fingerprint = ? AND sink = ?"
        return next(iter(self._documents(Delivery, statement, fingerprint, sink)), None)

    def record_delivery(self, delivery: Delivery) -> None:
        """See Store."""
        named = delivery.fingerprint, delivery.sink, delivery.tenant, delivery.hunt, _text(delivery.since)
        statement = (
            "INSERT OR REPLACE INTO delivery (fingerprint, sink, tenant, hunt, since, waits, document)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)"
        )
        self._change(statement, *named, lookup.waits(delivery), msgspec.json.encode(delivery))

    def undelivered(self, tenant: str, hunt: str) -> tuple[Delivery, ...]:
        """See Store."""
        statement = (
            "SELECT document FROM delivery WHERE tenant = ? AND hunt = ? AND waits ORDER BY since, fingerprint, sink"
        )
        return self._documents(Delivery, statement, tenant, hunt)

    def mutes(self, tenant: str) -> tuple[Mute, ...]:
        """See Store."""
        return self._documents(Mute, "SELECT document FROM mute WHERE tenant = ? ORDER BY since, id", tenant)

    def record_mute(self, mute: Mute) -> None:
        """See Store."""
        statement = "INSERT OR REPLACE INTO mute (tenant, id, since, document) VALUES (?, ?, ?, ?)"
        self._change(statement, mute.tenant, mute.id, _text(mute.since), msgspec.json.encode(mute))

    def drop_mute(self, tenant: str, mute_id: str) -> None:
        """See Store."""
        self._change("DELETE FROM mute WHERE tenant = ? AND id = ?", tenant, mute_id)

    def record_run(self, run: HuntRun) -> None:
        """See Store."""
        statement = "INSERT OR REPLACE INTO run (id, hunt, tenant, moment, document) VALUES (?, ?, ?, ?, ?)"
        self._change(statement, run.id, run.hunt, run.tenant, _text(run.window.end), msgspec.json.encode(run))

    def runs(self, hunt: str | None = None, *, tenant: str | None = None, limit: int = 1_000) -> tuple[HuntRun, ...]:
        """See Store."""
        statement = (
            "SELECT document FROM run WHERE (? IS NULL OR hunt = ?) AND (? IS NULL OR tenant = ?)"
            " ORDER BY moment DESC, id LIMIT ?"
        )
        return self._documents(HuntRun, statement, hunt, hunt, tenant, tenant, limit)

    def demand(self, demand_id: str) -> Demand | None:
        """See Store."""
        return next(iter(self._documents(Demand, "SELECT document FROM demand WHERE id = ?", demand_id)), None)

    def record_demand(self, demand: Demand) -> None:
        """See Store."""
        statement = "INSERT OR REPLACE INTO demand (id, open, since, until, document) VALUES (?, ?, ?, ?, ?)"
        times = _text(demand.since), _text(demand.until)
        self._change(statement, demand.id, demand.state != "done", *times, msgspec.json.encode(demand))

    def open_demands(self, now: datetime) -> int:
        """See Store."""
        asked = "SELECT count(*) FROM demand WHERE open AND since > ?"
        (number,) = self._rows(asked, _text(now - lookup.ANSWERED_WITHIN))[0]
        return int(number)

    def forget_demands(self, now: datetime) -> None:
        """See Store."""
        self._change("DELETE FROM demand WHERE until <= ?", _text(now))

    def findings(self, listing: Listing, *, limit: int = 100) -> tuple[Finding, ...]:
        """See Store."""
        asked = "SELECT document FROM finding WHERE tenant = ? AND first >= ? ORDER BY first DESC, fingerprint"
        wanted = lookup.Wanted(listing, self.finding(listing.after) if listing.after else None)
        with self._connection() as connection:
            rows = connection.execute(asked, (listing.tenant, instant(listing.since) if listing.since else -1))
            found = (msgspec.json.decode(document, type=Finding) for (document,) in rows)
            return tuple(islice(filter(wanted.has, found), limit))

    def secret(self, name: str) -> bytes:
        """See Store."""
        made = secrets.token_bytes(lookup.SECRET_BYTES)
        self._change("INSERT OR IGNORE INTO secret VALUES (?, ?)", name, made)
        (value,) = self._rows("SELECT value FROM secret WHERE name = ?", name)[0]
        return bytes(value)

    def days(self, tenant: str, hunt: str) -> tuple[Day, ...]:
        """See Store."""
        rows = self._rows("SELECT document FROM day WHERE tenant = ? AND hunt = ? ORDER BY day", tenant, hunt)
        return tuple(unzipped(document, place=str(self._file)) for (document,) in rows)

    def record_day(self, tenant: str, hunt: str, day: Day, *, keep: int = 30) -> None:
        """See Store."""
        older = (
            "DELETE FROM day WHERE tenant = ? AND hunt = ? AND day NOT IN"
            " (SELECT day FROM day WHERE tenant = ? AND hunt = ? ORDER BY day DESC LIMIT ?)"
        )
        with self._connection() as connection:
            row = tenant, hunt, day.day.isoformat(), zipped(day)
            connection.execute("INSERT OR REPLACE INTO day VALUES (?, ?, ?, ?)", row)
            connection.execute(older, (tenant, hunt, tenant, hunt, keep))

    def claim(self, tenant: str, hunt: str, holder: str, *, now: datetime, until: datetime) -> datetime | None:
        """See Store."""
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            asked = "SELECT holder, until FROM claim WHERE tenant = ? AND hunt = ?"
            for by, end in connection.execute(asked, (tenant, hunt)).fetchall():
                held = Claim(by, datetime.fromisoformat(end))
                if held.bars(holder, now):
                    return held.until
            row = tenant, hunt, holder, _text(until)
            connection.execute("INSERT OR REPLACE INTO claim VALUES (?, ?, ?, ?)", row)
        return None

    def release(self, tenant: str, hunt: str, holder: str) -> None:
        """See Store."""
        self._change("DELETE FROM claim WHERE tenant = ? AND hunt = ? AND holder = ?", tenant, hunt, holder)

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

    def _documents(self, kind: type[T], statement: str, *values: str | int | None) -> tuple[T, ...]:
        """The documents that a statement selects."""
        with self._connection() as connection:
            rows = connection.execute(statement, values).fetchall()
            return tuple(msgspec.json.decode(document, type=kind) for (document,) in rows)

    def _rows(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        with self._connection() as connection:
            return connection.execute(statement, values).fetchall()

    def _change(self, statement: str, *values: str | bytes | int) -> None:
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


def _key(key: tuple[str, str, str, str]) -> str:
    return msgspec.json.encode(key).decode()


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
