"""Finds bursts with windows that slide: judged by the span between its own events, never by the clock's bins."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
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
    or `more_than` that many, qualify; windows that qualify and share an event are one burst. One that lasts longer than
    `longest` is cut there: what comes after is judged as if nothing had come before, so that a continuation must hold
    enough by itself. Without a `fold_repeats` before it, distinct intents count.
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
        bursts = [
            _burst(key, events)
            for key, group in self._groups(batch.events).items()
            for events in self._stretches(group, tally)
        ]
        bursts.sort(key=lambda burst: (burst.device_id, burst.start, burst.key))
        loose = len(batch.events) - sum(len(burst.events) for burst in bursts)
        dropped = (
            {**batch.dropped, "in no burst": batch.dropped.get("in no burst", 0) + loose} if loose else batch.dropped
        )
        return replace(batch, bursts=tuple(bursts), dropped=dropped)

    def groups(self, events: Iterable[Event]) -> list[list[Event]]:
        """The events that may form a burst with each other, each group in order of time."""
        return list(self._groups(events).values())

    def windows(self, events: Sequence[Event], tally: Tally) -> Iterator[Held]:
        """Each window of a group, whether it qualifies or not; one that lies inside another is not judged."""
        width = span_ticks(self.window)
        end = 0
        for start, event in enumerate(events):
            judged, latest = end, _instant(event) + width
            while end < len(events) and _instant(events[end]) <= latest:
                tally.add(events[end])
                end += 1
            if end > judged:
                yield Held(start, end - 1, tally.count())
            tally.remove(event)

    def _groups(self, events: Iterable[Event]) -> dict[tuple[str, ...], list[Event]]:
        key = _KEYS[self.grouping]
        groups: defaultdict[tuple[str, ...], list[Event]] = defaultdict(list)
        for event in events:
            groups[key(event)].append(event)
        for group in groups.values():
            group.sort(key=_by_time)
        return groups

    def _stretches(self, events: Sequence[Event], tally: Callable[[], Tally]) -> Iterator[Sequence[Event]]:
        """The events of each burst of a group. What is left after a cut is judged as if nothing had come before it."""
        while events:
            done = yield from self._until_cut(events, tally())
            events = events[done:]

    def _until_cut(self, events: Sequence[Event], tally: Tally) -> Generator[Sequence[Event], None, int]:
        """Windows that share an event, joined, until one stretch is cut; how many events are done with then."""
        first, last = 0, -1
        for held in self.windows(events, tally):
            if held.holds < self.least:
                continue
            if held.first > last:
                if last >= 0:
                    yield events[first : last + 1]
                first = held.first
            last = held.last
            latest = _instant(events[first]) + span_ticks(self.longest)
            if _instant(events[last]) > latest:
                cut = bisect_right(events, latest, first, last, key=_instant)
                yield events[first:cut]
                return cut
        if last >= 0:
            yield events[first : last + 1]
        return len(events)


def _burst(key: tuple[str, ...], events: Sequence[Event]) -> Burst:
    first, last = events[0], events[-1]
    return Burst(
        device_id=text(first, "DeviceId"),
        actor=first["Actor"],
        start=_instant(first),
        end=_instant(last),
        events=tuple(events),
        intents=tuple(dict.fromkeys(event["Intent"] for event in events)),
        key=key,
    )


def _instant(event: Event) -> int:
    return ticks(event["Timestamp"])


def _by_time(event: Event) -> tuple[int, int]:
    report = event.get("ReportId")
    return ticks(event["Timestamp"]), report if isinstance(report, int) else -1


_KEYS: dict[Grouping, Callable[[Event], tuple[str, ...]]] = {
    "process": lambda event: (
        text(event, "DeviceId"),
        text(event, "InitiatingProcessId"),
        text(event, "InitiatingProcessCreationTime"),
    ),
    "actor": lambda event: event["Actor"].key,
    "device": lambda event: (text(event, "DeviceId"),),
}
