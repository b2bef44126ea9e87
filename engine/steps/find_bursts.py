"""Finds bursts with windows that slide: judged by the span between its own events, never by the clock's bins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar, Literal

from engine.model.burst import Burst
from engine.model.event import Event, span_ticks, text, ticks
from engine.steps.fold_repeats import EachOnce
from engine.steps.interface import Batch, Context, Tally

Grouping = Literal["process", "actor", "device"]


@dataclass(frozen=True)
class FindBursts:
    """Joins the events of one process, one actor or one device, and finds the windows that hold enough commands.

    A window is any span of `window` that begins at an event, both ends included. Those that hold `at_least` commands,
    or `more_than` that many, qualify; windows that qualify and share an event are one burst, and after `longest` a
    continuation begins. Without a `fold_repeats` before it, distinct intents count.
    """

    reads: ClassVar[tuple[str, ...]] = (
        "DeviceId", "Timestamp", "ReportId", "Intent", "Actor", "InitiatingProcessId", "InitiatingProcessCreationTime",
    )  # fmt: skip
    adds: ClassVar[tuple[str, ...]] = ()

    window: timedelta
    grouping: Grouping = "actor"
    at_least: int | None = None
    more_than: int | None = None
    longest: timedelta = timedelta(hours=4)

    def __call__(self, batch: Batch, context: Context) -> Batch:  # noqa: ARG002 - every step is called alike
        """The batch with its bursts; events outside any burst are counted as dropped."""
        groups: dict[tuple[str, ...], list[Event]] = {}
        for event in batch.events:
            groups.setdefault(_KEYS[self.grouping](event), []).append(event)
        bursts = [burst for events in groups.values() for burst in self._bursts(events, batch.tally or EachOnce)]
        bursts.sort(key=lambda burst: (burst.device_id, burst.start, burst.actor.key))
        loose = len(batch.events) - sum(len(burst.events) for burst in bursts)
        dropped = (
            {**batch.dropped, "in no burst": batch.dropped.get("in no burst", 0) + loose} if loose else batch.dropped
        )
        return replace(batch, bursts=tuple(bursts), dropped=dropped)

    def _bursts(self, events: list[Event], tally: Callable[[], Tally]) -> Iterator[Burst]:
        timed = sorted(((ticks(event["Timestamp"]), text(event, "ReportId"), event) for event in events), key=_by_time)
        times = [time for time, _, _ in timed]
        ordered = [event for _, _, event in timed]
        for first, last in _spans(times, self._qualifying(ordered, times, tally()), span_ticks(self.longest)):
            held = tuple(ordered[first : last + 1])
            intents = tuple(dict.fromkeys(event["Intent"] for event in held))
            yield Burst(text(held[0], "DeviceId"), held[0]["Actor"], times[first], times[last], held, intents)

    def _qualifying(self, events: Sequence[Event], times: Sequence[int], tally: Tally) -> Iterator[tuple[int, int]]:
        """The first and last index of each window that holds enough; one that lies inside another is not judged."""
        least = self.at_least if self.at_least is not None else (self.more_than or 0) + 1
        width = span_ticks(self.window)
        end = 0
        for start, event in enumerate(events):
            judged = end
            while end < len(events) and times[end] - times[start] <= width:
                tally.add(events[end])
                end += 1
            if end > judged and tally.count() >= least:
                yield start, end - 1
            tally.remove(event)


def _spans(times: Sequence[int], windows: Iterator[tuple[int, int]], longest: int) -> Iterator[tuple[int, int]]:
    """Windows that share an event, joined; cut into stretches no longer than `longest`."""
    merged: list[tuple[int, int]] = []
    for first, last in windows:
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    for first, last in merged:
        begin = first
        for index in range(first, last + 1):
            if times[index] - times[begin] > longest:
                yield begin, index - 1
                begin = index
        yield begin, last


def _by_time(timed: tuple[int, str, Event]) -> tuple[int, int, str]:
    time, report, _ = timed
    return time, len(report), report


_KEYS: dict[Grouping, Callable[[Event], tuple[str, ...]]] = {
    "process": lambda event: (
        text(event, "DeviceId"),
        text(event, "InitiatingProcessId"),
        text(event, "InitiatingProcessCreationTime"),
    ),
    "actor": lambda event: event["Actor"].key,
    "device": lambda event: (text(event, "DeviceId"),),
}
