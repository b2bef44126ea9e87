"""What is due, and over which window: from the last window recorded, not from the timer's own state.

A run covers [watermark - overlap, last firing - settle). After an outage that is too much for one run: the present
comes first, so that nobody is blind to it while the past is read, then one slice of the past after the other.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

from croniter import croniter
from msgspec import Struct

from engine.model.hunt import Hunt
from engine.model.run import RunKind, Window
from engine.parameters import timespan
from engine.stores.interface import Store

RETENTION = timedelta(days=30)
"""How far back Defender can be asked."""
DAY_SETTLES = timedelta(hours=1)
SWEEP_EVERY = timedelta(hours=1)
SWEEP_REACH = timedelta(days=7)
"""How old a row may be that a late sweep still looks at."""


class Task(Struct, frozen=True):
    """One run that is due: the message on the queue. The same window has the same id, so that doubles are harmless.

    Of a `late` sweep the window is when rows arrived, of `learn` the day. `shares` and `share` narrow it to the devices
    whose hash modulo the one is the other: what is left of a run that kept failing.
    """

    id: str
    tenant: str
    hunt: str
    window: Window
    kind: RunKind = "window"
    shares: int = 1
    share: int = 0


class Due(NamedTuple):
    """What is due, and the window, if any, that can't be caught up any more."""

    tasks: tuple[Task, ...]
    gap: Window | None = None


def due(hunt: Hunt, *, tenant: str, store: Store, now: datetime) -> Due:
    """The runs that the hunt's cron asks for at `now` (UTC): none when its last window reaches far enough.

    Before the first run the window is the hunt's lookback. What is older than Defender keeps is a gap, and so is the
    slice after it, which would be gone before it could be asked for: once the watermark has passed it, the rest is due.
    """
    schedule = hunt.definition.schedule
    fired: datetime = croniter(schedule.cron, now + timedelta(microseconds=1)).get_prev(datetime)
    end = fired - timespan(schedule.settle)
    overlap, most = timespan(schedule.overlap), timespan(schedule.slice)
    watermark = store.watermark(tenant, hunt.id)
    if watermark is None:
        return Due((_task(hunt, tenant, "window", Window(end - timespan(schedule.lookback), end)),))
    if watermark >= end:
        return Due(())
    oldest = now - RETENTION + timespan(schedule.reach)
    if watermark < oldest:
        return Due((), gap=Window(watermark, oldest + most))
    if end - watermark <= most:
        return Due((_task(hunt, tenant, "window", Window(watermark - overlap, end)),))
    past = _task(hunt, tenant, "window", Window(watermark - overlap, watermark + most))
    present = max(store.watermark(tenant, hunt.id, "present") or end - most, end - most)
    return Due((_task(hunt, tenant, "present", Window(present - overlap, end)), past) if present < end else (past,))


def late(hunt: Hunt, *, tenant: str, store: Store, now: datetime) -> Task | None:
    """The hourly sweep for rows that arrived since the last one, for a hunt that has a late.kql and has run before."""
    watermark = store.watermark(tenant, hunt.id)
    if hunt.late_query is None or watermark is None:
        return None
    start = store.watermark(tenant, hunt.id, "late") or watermark
    if now - start < SWEEP_EVERY:
        return None
    return _task(hunt, tenant, "late", Window(max(start, now - SWEEP_REACH), now))


def lesson(hunt: Hunt, *, tenant: str, store: Store, now: datetime) -> Task | None:
    """The newest whole day (UTC) that the hunt's baseline lacks, of those that Defender still has.

    A day is whole an hour after its end. One day a time: a new tenant's past is learned day by day, the newest first.
    """
    if hunt.baseline_query is None:
        return None
    held = {day.day for day in store.days(tenant, hunt.id)}
    midnight = datetime.combine((now - DAY_SETTLES).date(), time(), UTC)
    oldest = now - RETENTION + timespan(hunt.definition.schedule.reach)
    while (start := midnight - timedelta(days=1)) >= oldest:
        if start.date() not in held:
            return _task(hunt, tenant, "learn", Window(start, midnight))
        midnight = start
    return None


def _task(hunt: Hunt, tenant: str, kind: RunKind, window: Window) -> Task:
    return Task(f"{tenant}.{hunt.id}.{kind}.{window.end:%Y%m%dT%H%M%SZ}", tenant, hunt.id, window, kind)
