"""What findings, deliveries and runs are looked up by, and in which order they come: the same in every store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeAlias

from engine.model.delivery import Delivery
from engine.model.event import ticks
from engine.model.finding import Finding
from engine.model.run import HuntRun

Span: TypeAlias = tuple[int, int]
"""From the first tick to the last, both in it."""
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
    return delivery.state in {"pending", "sending"}


def by_waiting(delivery: Delivery) -> tuple[datetime, str, str]:
    """Longest waiting first."""
    return delivery.since, delivery.fingerprint, delivery.sink


def by_window(run: HuntRun) -> tuple[timedelta, str]:
    """Latest window first."""
    return before_the_end(run.window.end), run.id


def before_the_end(moment: datetime) -> timedelta:
    """How long a moment is before the end of time: later moments come first."""
    return _END_OF_TIME - moment
