"""Rows that came late: which devices they are from, and over which windows those are to be judged again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from engine import parameters
from engine.model.event import Event, text
from engine.model.hunt import Hunt, Value
from engine.model.run import Window
from engine.sources.interface import Source

_NEAR = timedelta(hours=1)
_DAY = timedelta(days=1)
_MOMENT = timedelta(microseconds=1)


class LateDevice(NamedTuple):
    """A device (Defender's DeviceId) with late rows, and the window in which they may change what is found."""

    id: str
    window: Window


def late_devices(
    hunt: Hunt, source: Source, *, received_since: datetime, settled: datetime, horizon: timedelta
) -> tuple[LateDevice, ...]:
    """The devices with rows that arrived at `received_since` or after, later than the hunt's `settle` waits for them.

    Looked at are rows older than `settled`, at most by `horizon`: what is younger, a run has yet to judge. A window
    holds all that can be in one burst with a late row. Empty for a hunt without late.kql. Raises SourceError.
    """
    if hunt.late_query is None:
        return ()
    schedule = hunt.definition.schedule
    bound: dict[str, Value] = {
        "received_since": received_since,
        "settled": settled,
        "settle": parameters.timespan(schedule.settle),
    }
    query = parameters.bind(hunt.late_query, {**hunt.defaults, **bound})
    around = parameters.timespan(schedule.overlap)
    rows = (row for batch in source.rows(query, Window(settled - horizon, settled)) for row in batch)
    return tuple(LateDevice(text(row, "DeviceId"), _window(row, around, settled)) for row in rows)


def windows(devices: Iterable[LateDevice], *, most: int = 500) -> Iterator[tuple[Window, tuple[str, ...]]]:
    """Windows to judge again, each with the ids of its devices, at most `most`: as few as make sense.

    Devices share one where theirs are less than an hour apart and the shared one is not much longer than their own.
    """
    shared: Window | None = None
    ids: list[str] = []
    for device in sorted(devices, key=lambda each: (each.window.start, each.window.end, each.id)):
        if shared is None or len(ids) == most or not _fits(device.window, shared):
            if shared:
                yield shared, tuple(ids)
            shared, ids = device.window, []
        shared = Window(shared.start, max(shared.end, device.window.end))
        ids.append(device.id)
    if shared:
        yield shared, tuple(ids)


def _fits(own: Window, shared: Window) -> bool:
    """Whether a window that begins no earlier can be judged together with one that others share."""
    together = max(own.end, shared.end) - shared.start
    near = own.start <= shared.end + _NEAR
    return near and together <= max(_DAY, own.end - own.start, shared.end - shared.start)


def _window(row: Event, around: timedelta, settled: datetime) -> Window:
    start, end = (datetime.fromisoformat(text(row, name)) for name in ("Start", "End"))
    return Window(start - around, min(end + _MOMENT + around, settled))
