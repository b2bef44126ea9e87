"""The store in Azure: one table of a storage account, shared by every worker.

| partition | row | what |
|---|---|---|
| `vizsla` | `schema` | the version of all this |
| `watermark:TENANT` | HUNT:MARK | the end of the last window |
| `claim:TENANT` | HUNT | who holds the hunt, and until when |
| `finding:HUNT:DEVICE` | FINGERPRINT | the finding, beside what it is asked by: its tenant, key and span |
| `fingerprint:FINGERPRINT` | `finding` | the partition in which the finding stands |
| `delivery:FINGERPRINT` | SINK | the delivery, and its ticket while it waits |
| `outbox:TENANT:HUNT` | ticket | where a delivery stands that waits |
| `mute:TENANT` | ID | a mute |
| `demand` | ID | a run on demand, and its answer |
| `secret` | NAME | random bytes |
| `listing:TENANT` | TIME:FINGERPRINT | where a finding is, the latest first |
| `run:HUNT:TENANT` | time before the end of time, and id | the run; so the latest stands first |
| `run-id:ID` | `run` | where the run stands |
| `day:TENANT:HUNT` | DAY | a day of the baseline, zipped |
| `calls:TENANT` | `calls` | when the tenant was asked |
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Self

import msgspec
from azure.core.credentials import TokenCredential

from engine.errors import StoreError
from engine.model.baseline import Day
from engine.model.delivery import Delivery
from engine.model.demand import Demand
from engine.model.finding import Finding
from engine.model.mute import Mute
from engine.model.run import HuntRun
from engine.remote.budget import Limit, horizon, next_free
from engine.stores import lookup
from engine.stores.documents import HEADS, Documents, packed, unpacked
from engine.stores.entities import Entities, contend, safe
from engine.stores.interface import Listing, Mark
from engine.stores.lookup import Claim
from engine.stores.table_deliveries import TableDeliveries
from engine.stores.table_demands import TableDemands
from engine.stores.table_findings import TableFindings
from engine.stores.table_mutes import TableMutes
from engine.stores.table_runs import TableRuns
from engine.stores.zipped import unzipped, zipped

_VERSION = 2
_SCHEMA = ("vizsla", "schema")


class Tables:
    """The table `table` of the storage account at `url`, created where it is not there; another version is refused."""

    def __init__(self, url: str, credential: TokenCredential, *, table: str = "vizsla") -> None:
        # At INFO the SDK logs each request, whose address holds keys, and each token that it gets.
        logging.getLogger("azure").setLevel(logging.WARNING)
        self._entities = Entities(url, credential, table=table)
        self._documents = Documents(self._entities)
        self._findings = TableFindings(self._documents)
        self._deliveries = TableDeliveries(self._documents)
        self._mutes = TableMutes(self._documents)
        self._demands = TableDemands(self._documents)
        self._runs = TableRuns(self._documents)
        found = self._version()
        if found != _VERSION:
            raise StoreError(
                f"{self._entities.place} has schema version {found}, this Vizsla reads {_VERSION}: "
                f"use another storage account."
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._entities.close()

    def watermark(self, tenant: str, hunt: str, mark: Mark = "window") -> datetime | None:
        """See Store."""
        entity = self._entities.get(*_watermark(tenant, hunt, mark))
        return datetime.fromisoformat(entity["end"]) if entity else None

    def move_watermark(self, tenant: str, hunt: str, end: datetime, mark: Mark = "window") -> None:
        """See Store."""
        contend(lambda: self._move(_watermark(tenant, hunt, mark), end))

    def finding(self, fingerprint: str) -> Finding | None:
        """See Store."""
        return self._findings.finding(fingerprint)

    def recurring(self, key: tuple[str, str, str, str]) -> Finding | None:
        """See Store."""
        return self._findings.recurring(key)

    def met(self, tenant: str, hunt: str, device_id: str, span: tuple[int, int]) -> tuple[Finding, ...]:
        """See Store."""
        return self._findings.met(tenant, hunt, device_id, span)

    def record_finding(self, finding: Finding) -> None:
        """See Store."""
        self._findings.record_finding(finding)

    def delivery(self, fingerprint: str, sink: str) -> Delivery | None:
        """See Store."""
        return self._deliveries.delivery(fingerprint, sink)

    def record_delivery(self, delivery: Delivery) -> None:
        """See Store."""
        self._deliveries.record_delivery(delivery)

    def undelivered(self, tenant: str, hunt: str) -> tuple[Delivery, ...]:
        """See Store."""
        return self._deliveries.undelivered(tenant, hunt)

    def mutes(self, tenant: str) -> tuple[Mute, ...]:
        """See Store."""
        return self._mutes.mutes(tenant)

    def record_mute(self, mute: Mute) -> None:
        """See Store."""
        self._mutes.record_mute(mute)

    def drop_mute(self, tenant: str, mute_id: str) -> None:
        """See Store."""
        self._mutes.drop_mute(tenant, mute_id)

    def record_run(self, run: HuntRun) -> None:
        """See Store."""
        self._runs.record_run(run)

    def runs(self, hunt: str | None = None, *, tenant: str | None = None, limit: int = 1_000) -> tuple[HuntRun, ...]:
        """See Store."""
        return self._runs.runs(hunt, tenant=tenant, limit=limit)

    def demand(self, demand_id: str) -> Demand | None:
        """See Store."""
        return self._demands.demand(demand_id)

    def record_demand(self, demand: Demand) -> None:
        """See Store."""
        self._demands.record_demand(demand)

    def open_demands(self, now: datetime) -> int:
        """See Store."""
        return self._demands.open_demands(now)

    def forget_demands(self, now: datetime) -> None:
        """See Store."""
        self._demands.forget_demands(now)

    def findings(self, listing: Listing, *, limit: int = 100) -> tuple[Finding, ...]:
        """See Store."""
        last = self.finding(listing.after) if listing.after else None
        return self._findings.findings(lookup.Wanted(listing, last), limit)

    def secret(self, name: str) -> bytes:
        """See Store."""
        return contend(lambda: self._secret(safe(name)))

    def days(self, tenant: str, hunt: str) -> tuple[Day, ...]:
        """See Store."""
        documents = map(self._documents.whole, self._entities.between(safe("day", tenant, hunt), HEADS))
        return tuple(unzipped(each, place=self._entities.place) for each in documents if each is not None)

    def record_day(self, tenant: str, hunt: str, day: Day, *, keep: int = 30) -> None:
        """See Store."""
        within, row = safe("day", tenant, hunt), day.day.isoformat()
        self._documents.write(within, row, zipped(day), about={"devices": str(day.devices)})
        held = [head["RowKey"] for head in self._entities.between(within, HEADS, only=["RowKey"])]
        for older in held[:-keep]:
            self._documents.delete(within, older)

    def claim(self, tenant: str, hunt: str, holder: str, *, now: datetime, until: datetime) -> datetime | None:
        """See Store."""
        return contend(lambda: self._claim(_claimed(tenant, hunt), safe(holder), now, until))

    def release(self, tenant: str, hunt: str, holder: str) -> None:
        """See Store."""
        contend(lambda: self._release(_claimed(tenant, hunt), safe(holder)))

    def take_call(self, tenant: str, now: datetime, limits: Sequence[Limit]) -> datetime:
        """See Quota."""
        return contend(lambda: self._book(tenant, now, limits))

    def _version(self) -> object:
        """The version that the table says, which is made where it is not there."""
        held = self._entities.get(*_SCHEMA, table_is_new=True)
        if held is None:
            self._entities.create()
            return contend(self._begin)
        return held.get("version")

    def _begin(self) -> object:
        held = self._entities.get(*_SCHEMA)
        if held is None:
            self._entities.put(*_SCHEMA, {"version": _VERSION}, over=None)
            return _VERSION
        return held.get("version")

    def _move(self, place: tuple[str, str], end: datetime) -> None:
        held = self._entities.get(*place)
        if held is None or datetime.fromisoformat(held["end"]) < end:
            self._entities.put(*place, {"end": end.isoformat()}, over=held)

    def _claim(self, place: tuple[str, str], holder: str, now: datetime, until: datetime) -> datetime | None:
        held = self._entities.get(*place)
        claim = Claim(held["holder"], datetime.fromisoformat(held["until"])) if held else None
        if claim and claim.bars(holder, now):
            return claim.until
        self._entities.put(*place, {"holder": holder, "until": until.isoformat()}, over=held)
        return None

    def _release(self, place: tuple[str, str], holder: str) -> None:
        held = self._entities.get(*place)
        if held and held["holder"] == holder:
            self._entities.delete(*place, over=held)

    def _secret(self, name: str) -> bytes:
        held = self._entities.get("secret", name)
        if held is None:
            made = secrets.token_bytes(lookup.SECRET_BYTES)
            self._entities.put("secret", name, {"value": made}, over=None)
            return made
        return bytes(held["value"])

    def _book(self, tenant: str, now: datetime, limits: Sequence[Limit]) -> datetime:
        place = safe("calls", tenant), "calls"
        held = self._entities.get(*place)
        booked = self._documents.decoded(unpacked(held), list[datetime]) if held else []
        recent = [moment for moment in booked if moment > horizon(now, limits)]
        free = next_free(recent, now, limits)
        if free == now:
            self._entities.put(*place, packed(msgspec.json.encode([*recent, now])), over=held)
        return free


def _watermark(tenant: str, hunt: str, mark: Mark) -> tuple[str, str]:
    return safe("watermark", tenant), safe(hunt, mark)


def _claimed(tenant: str, hunt: str) -> tuple[str, str]:
    return safe("claim", tenant), safe(hunt)
