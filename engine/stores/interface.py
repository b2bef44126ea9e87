"""What a store is."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from engine.model.baseline import Day
from engine.model.delivery import Delivery
from engine.model.demand import Demand
from engine.model.finding import Finding, Severity
from engine.model.mute import Mute
from engine.model.run import HuntRun
from engine.remote.budget import Quota

Mark = Literal["window", "present", "late"]
"""What a watermark is of: the schedule's windows, the present while windows are caught up, the late sweep."""


class Listing(NamedTuple):
    """Findings that begin at `since` or later, at least so severe, of a device: its id, or its name in any case.

    `after` is the fingerprint of the last one of an earlier answer, whose next page is wanted.
    """

    tenant: str
    since: datetime | None = None
    least: Severity = "informational"
    device: str = ""
    after: str = ""


class Store(Quota, Protocol):
    """Remembers watermarks, findings, the outbox, runs, baselines, claims, and the calls made to each tenant.

    Every method raises StoreError when it cannot. Moments are UTC.
    """

    def watermark(self, tenant: str, hunt: str, mark: Mark = "window") -> datetime | None:
        """The end of the last window that succeeded; None before the first."""
        ...

    def move_watermark(self, tenant: str, hunt: str, end: datetime, mark: Mark = "window") -> None:
        """Moves the watermark forward to `end`; one that lies later stays."""
        ...

    def finding(self, fingerprint: str) -> Finding | None:
        """The finding as last recorded, or None."""
        ...

    def recurring(self, key: tuple[str, str, str, str]) -> Finding | None:
        """The finding last recorded with this hunt, device id, actor identity and sorted intents, or None."""
        ...

    def met(self, tenant: str, hunt: str, device_id: str, span: tuple[int, int]) -> tuple[Finding, ...]:
        """Findings on the device that stand, and whose start and end meet the span (ticks, both ends in it).

        In order of start, then fingerprint.
        """
        ...

    def record_finding(self, finding: Finding) -> None:
        """Records the finding under its fingerprint, over an earlier form of it."""
        ...

    def delivery(self, fingerprint: str, sink: str) -> Delivery | None:
        """What became of telling the finding to the sink, or None before it was due there."""
        ...

    def record_delivery(self, delivery: Delivery) -> None:
        """Records the delivery under its fingerprint and sink, over an earlier state of it."""
        ...

    def undelivered(self, tenant: str, hunt: str) -> tuple[Delivery, ...]:
        """Deliveries of the hunt that are pending, sending or failed.

        Longest waiting first, then by fingerprint and sink.
        """
        ...

    def mutes(self, tenant: str) -> tuple[Mute, ...]:
        """What is muted in the tenant, expired mutes too, oldest first, then by id."""
        ...

    def record_mute(self, mute: Mute) -> None:
        """Records the mute under its id, over an earlier form of it."""
        ...

    def drop_mute(self, tenant: str, mute_id: str) -> None:
        """Forgets the mute; one that is gone is fine."""
        ...

    def record_run(self, run: HuntRun) -> None:
        """Records the run under its id, over an earlier try of it."""
        ...

    def runs(self, hunt: str | None = None, *, tenant: str | None = None, limit: int = 1_000) -> tuple[HuntRun, ...]:
        """Recorded runs, latest window first, at most `limit` of them."""
        ...

    def demand(self, demand_id: str) -> Demand | None:
        """What was asked on demand, under its id, or None."""
        ...

    def record_demand(self, demand: Demand) -> None:
        """Records the demand under its id, over an earlier state of it."""
        ...

    def open_demands(self, now: datetime) -> int:
        """How many demands are not done at `now`, those asked in the last hour: what is older will never be."""
        ...

    def forget_demands(self, now: datetime) -> None:
        """Forgets the demands whose `until` has come."""
        ...

    def findings(self, listing: Listing, *, limit: int = 100) -> tuple[Finding, ...]:
        """The findings of a listing, the latest first, at most `limit` of them."""
        ...

    def secret(self, name: str) -> bytes:
        """32 random bytes that are the same from their first use on, for whoever uses this store."""
        ...

    def days(self, tenant: str, hunt: str) -> tuple[Day, ...]:
        """The days that the hunt's baseline holds, oldest first."""
        ...

    def record_day(self, tenant: str, hunt: str, day: Day, *, keep: int = 30) -> None:
        """Records one day of the hunt's baseline, over an earlier reading of it; the latest `keep` days stay."""
        ...

    def claim(self, tenant: str, hunt: str, holder: str, *, now: datetime, until: datetime) -> datetime | None:
        """Takes the hunt for `holder` until `until`, unless another holds it: then until when, else None.

        A holder's own claim is renewed. Two at once never both get it.
        """
        ...

    def release(self, tenant: str, hunt: str, holder: str) -> None:
        """Gives the hunt up, where `holder` holds it; else does nothing."""
        ...
