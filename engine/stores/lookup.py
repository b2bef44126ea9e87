"""What findings, deliveries and runs are looked up by, and in which order they come: the same in every store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeAlias

from engine.model.delivery import Delivery
from engine.model.demand import Demand
from engine.model.event import instant, ticks
from engine.model.finding import Finding, at_least
from engine.model.mute import Mute
from engine.model.run import HuntRun
from engine.stores.interface import Listing

Span: TypeAlias = tuple[int, int]
"""From the first tick to the last, both in it."""
SECRET_BYTES = 32
ANSWERED_WITHIN = timedelta(hours=1)
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class Claim(NamedTuple):
    """Who holds a hunt, and until when."""

    holder: str
    until: datetime

    def bars(self, holder: str, now: datetime) -> bool:
        """Whether the hunt is another's at `now`."""
        return self.holder != holder and self.until > now


def device(finding: Finding) -> tuple[str, str, str]:
    """Tenant, hunt and device id."""
    return finding.tenant, finding.hunt, finding.device.id


def span(finding: Finding) -> Span:
    """From its start to its end."""
    return ticks(finding.start), ticks(finding.end)


def meets(finding: Finding, asked: Span) -> bool:
    """Whether the finding stands, and has a tick of the span."""
    first, last = span(finding)
    return finding.stands and first <= asked[1] and asked[0] <= last


def waits(delivery: Delivery) -> bool:
    """Whether something is still to be told."""
    return delivery.state in {"pending", "sending", "failed"}


def by_waiting(delivery: Delivery) -> tuple[datetime, str, str]:
    """Longest waiting first."""
    return delivery.since, delivery.fingerprint, delivery.sink


class Wanted(NamedTuple):
    """Which findings a listing has: those behind `last`, in order of `latest_first`, where it is given."""

    listing: Listing
    last: Finding | None

    def has(self, finding: Finding) -> bool:
        """Whether the finding is one of them."""
        tenant, since, least, device, _ = self.listing
        return (
            finding.tenant == tenant
            and (since is None or ticks(finding.start) >= instant(since))
            and at_least(finding.severity, least)
            and device.casefold() in {"", finding.device.id.casefold(), finding.device.name.casefold()}
            and (self.last is None or latest_first(finding) > latest_first(self.last))
        )


def latest_first(finding: Finding) -> tuple[int, str]:
    """The latest start first, then by fingerprint."""
    return -ticks(finding.start), finding.fingerprint


def is_open(demand: Demand, now: datetime) -> bool:
    """Whether a demand is still to be answered: one that is an hour old never will be."""
    return demand.state != "done" and demand.since > now - ANSWERED_WITHIN


def by_age(mute: Mute) -> tuple[datetime, str]:
    """Oldest first."""
    return mute.since, mute.id


def by_window(run: HuntRun) -> tuple[timedelta, str]:
    """Latest window first."""
    return before_the_end(run.window.end), run.id


def before_the_end(moment: datetime) -> timedelta:
    """How long a moment is before the end of time: later moments come first."""
    return _END_OF_TIME - moment
