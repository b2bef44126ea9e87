"""Finds bursts with windows that slide: judged by the span between its own events, never by the clock's bins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar, Literal, NamedTuple

from engine.model.burst import Burst
from engine.model.event import Event, span_ticks, text, ticks
from engine.steps.fold_repeats import EachOnce
from engine.steps.interface import Batch, Context, Tally

Grouping = Literal["process", "actor", "device"]


class Held(NamedTuple):
    """A window of a group: the places of its first and its last event, and what it holds."""

    first: int
    last: int
    holds: int


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

    @property
    def least(self) -> int:
        """How much a window must hold to qualify."""
        return self.at_least if self.at_least is not None else (self.more_than or 0) + 1

    def __call__(self, batch: Batch, context: Context) -> Batch:  # noqa: ARG002 - every step is called alike
        """The batch with its bursts; events outside any burst are counted as dropped."""
        tally = batch.tally or EachOnce
        bursts = [burst for events in self.groups(batch.events) for burst in self._bursts(events, tally())]
        bursts.sort(key=lambda burst: (burst.device_id, burst.start, burst.actor.key))
        loose = len(batch.events) - sum(len(burst.events) for burst in bursts)
        dropped = (
            {**batch.dropped, "in no burst": batch.dropped.get("in no burst", 0) + loose} if loose else batch.dropped
        )
        return replace(batch, bursts=tuple(bursts), dropped=dropped)

    def groups(self, events: Iterable[Event]) -> list[list[Event]]:
        """The events that may form a burst with each other, each group in order of time."""
        groups: dict[tuple[str, ...], list[Event]] = {}
        for event in events:
            groups.setdefault(_KEYS[self.grouping](event), []).append(event)
        return [sorted(group, key=_by_time) for group in groups.values()]

    def windows(self, events: Sequence[Event], tally: Tally) -> Iterator[Held]:
        """Each window of a group, whether it qualifies or not; one that lies inside another is not judged."""
        times = [ticks(event["Timestamp"]) for event in events]
        width = span_ticks(self.window)
        end = 0
        for start, event in enumerate(events):
            judged = end
            while end < len(events) and times[end] - times[start] <= width:
                tally.add(events[end])
                end += 1
            if end > judged:
                yield Held(start, end - 1, tally.count())
            tally.remove(event)

    def _bursts(self, events: Sequence[Event], tally: Tally) -> Iterator[Burst]:
        times = [ticks(event["Timestamp"]) for event in events]
        windows = [held for held in self.windows(events, tally) if held.holds >= self.least]
        for first, last in _spans(times, windows, span_ticks(self.longest)):
            held = tuple(events[first : last + 1])
            intents = tuple(dict.fromkeys(event["Intent"] for event in held))
            yield Burst(text(held[0], "DeviceId"), held[0]["Actor"], times[first], times[last], held, intents)


def _spans(times: Sequence[int], windows: Iterable[Held], longest: int) -> Iterator[tuple[int, int]]:
    """Windows that share an event, joined; cut into stretches no longer than `longest`."""
    merged: list[tuple[int, int]] = []
    for first, last, _ in windows:
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


def _by_time(event: Event) -> tuple[int, int, str]:
    report = text(event, "ReportId")
    return ticks(event["Timestamp"]), len(report), report


_KEYS: dict[Grouping, Callable[[Event], tuple[str, ...]]] = {
    "process": lambda event: (
        text(event, "DeviceId"),
        text(event, "InitiatingProcessId"),
        text(event, "InitiatingProcessCreationTime"),
    ),
    "actor": lambda event: event["Actor"].key,
    "device": lambda event: (text(event, "DeviceId"),),
}
