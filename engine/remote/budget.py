"""How often a tenant may be asked: kept before the service has to say 429, and shared through the store.

Microsoft grants a tenant 45 calls a minute and 1,500 an hour for all its tools together. A third is ours by default.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol


class Limit(NamedTuple):
    """So many calls within any span so long."""

    calls: int
    within: timedelta


LIMITS = (Limit(15, timedelta(minutes=1)), Limit(500, timedelta(hours=1)))


class Quota(Protocol):
    """What remembers calls: a store. Workers that share one share their budget."""

    def take_call(self, tenant: str, now: datetime, limits: Sequence[Limit]) -> datetime:
        """Books a call at `now` (UTC) and gives `now`; or books nothing and gives the moment from which it may be.

        Two workers at once never both get the last call. Raises StoreError.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """One tenant's limits, and where its calls are remembered."""

    quota: Quota
    tenant: str
    limits: tuple[Limit, ...] = LIMITS

    def take(self, now: datetime) -> datetime:
        """See Quota.take_call."""
        return self.quota.take_call(self.tenant, now, self.limits)

    def __str__(self) -> str:
        return " and ".join(f"{limit.calls} calls in {limit.within}" for limit in self.limits)


def next_free(booked: Iterable[datetime], now: datetime, limits: Sequence[Limit]) -> datetime:
    """The moment from which one more call keeps every limit: `now`, or when enough of the `booked` are long enough ago.

    A call booked by a clock that runs ahead counts as one made now, so that no wait is longer than its limit's span.
    """
    moments = sorted(min(moment, now) for moment in booked)
    free = [now]
    for limit in limits:
        recent = [moment for moment in moments if moment > now - limit.within]
        if len(recent) >= limit.calls:
            free.append(recent[-limit.calls] + limit.within)
    return max(free)


def horizon(now: datetime, limits: Sequence[Limit]) -> datetime:
    """Calls booked before it count no more, and may be forgotten."""
    return now - max((limit.within for limit in limits), default=timedelta())
