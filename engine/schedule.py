"""Which hunts are due, and over which window: from the last window recorded, not from the timer's own state."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from croniter import croniter
from msgspec import Struct

from engine.model.hunt import Hunt
from engine.model.run import Window
from engine.parameters import timespan
from engine.stores.interface import Store


class Task(Struct, frozen=True):
    """One run that is due: the message on the queue. The same window has the same id, so that doubles are harmless."""

    id: str
    tenant: str
    hunt: str
    window: Window


def due(hunt: Hunt, *, tenant: str, watermark: datetime | None, now: datetime) -> Task | None:
    """The run that the hunt's cron asks for at `now` (UTC), or None when its last window reaches far enough.

    The window is [watermark - overlap, last firing - settle); before the first run, the hunt's lookback.
    """
    schedule = hunt.definition.schedule
    fired: datetime = croniter(schedule.cron, now + timedelta(microseconds=1)).get_prev(datetime)
    end = fired - timespan(schedule.settle)
    if watermark is not None and watermark >= end:
        return None
    start = watermark - timespan(schedule.overlap) if watermark else end - timespan(schedule.lookback)
    return Task(f"{tenant}.{hunt.id}.{end:%Y%m%dT%H%M%SZ}", tenant, hunt.id, Window(start, end))


def due_now(hunts: Iterable[Hunt], *, tenant: str, store: Store, now: datetime) -> tuple[Task, ...]:
    """The runs that are due at `now`, one a hunt at most."""
    asked = (due(hunt, tenant=tenant, watermark=store.watermark(tenant, hunt.id), now=now) for hunt in hunts)
    return tuple(task for task in asked if task)
