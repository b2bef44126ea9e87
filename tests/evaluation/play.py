"""Plays a day through the product, window by window, as the schedule would, and keeps what a person would receive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from engine import loader, runner
from engine.model.baseline import Baseline, Day
from engine.model.event import Event
from engine.model.finding import Finding
from engine.model.hunt import Hunt
from engine.model.run import Window
from engine.parameters import timespan
from engine.record import Request
from engine.sinks import memory as sink
from engine.sources.interface import Source
from engine.sources.local import Local
from engine.stores import memory as store

TENANT = "estate"


@dataclass(frozen=True, slots=True)
class Method:
    """A hunt as it is played: with which parameters, and what it knows of earlier days.

    It knows what the `week` taught, or `nothing`, or an `empty week`: seven days in which no program did anything.
    """

    name: str
    hunt: str
    values: Mapping[str, str] = field(default_factory=dict)
    knows: Literal["week", "nothing", "empty week"] = "week"

    def known(self, baseline: Baseline) -> Baseline | None:
        """What it knows where `baseline` is what the week taught."""
        if self.knows == "nothing":
            return None
        if self.knows == "week":
            return baseline
        days = (Day(day.day, day.devices, (), (), ()) for day in baseline.days)
        return Baseline(baseline.hunt, tuple(days))


@dataclass(frozen=True, slots=True)
class Delivered:
    """One delivery: a finding, when (the end of its run's window and settle), and whether it was new or had grown."""

    finding: Finding
    at: datetime
    new: bool


class Remembering:
    """A source that answers the same question once: methods that differ in what they know ask alike."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._answers: dict[tuple[str, Window | None], list[list[Event]]] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """See Source."""
        return self._source.notes

    def rows(self, query: str, window: Window | None) -> Iterator[list[Event]]:
        """See Source.rows."""
        asked = query, window
        if asked not in self._answers:
            self._answers[asked] = list(self._source.rows(query, window))
        yield from self._answers[asked]


def play(
    methods: Sequence[Method], parts: Sequence[Path], ends: Sequence[datetime], baseline: Baseline
) -> dict[str, tuple[Delivered, ...]]:
    """What each method delivers on a day, by its name. `parts` are the rows that each run sees beside the runs before.

    The first end is that of the last run of the day before: what that one delivers was news then, and is left out.
    Raises RuntimeError when a run fails.
    """
    played = [_Played(method, ends[1] - ends[0], method.known(baseline)) for method in methods]
    for index, end in enumerate(ends):
        with Local(paths=[str(part) for part in parts[: index + 1]]) as source:
            remembering = Remembering(source)
            for each in played:
                each.run(end, remembering)
    return {each.method.name: each.delivered_after(ends[0]) for each in played}


def settle(hunt: Hunt) -> timedelta:
    """How long after the end of its window a run begins."""
    return timespan(hunt.definition.schedule.settle)


class _Played:
    """One method, its store, and what it has delivered so far."""

    def __init__(self, method: Method, span: timedelta, baseline: Baseline | None) -> None:
        self.method = method
        self._hunt = loader.load(loader.HUNTS / method.hunt)
        self._span = span + timespan(self._hunt.definition.schedule.overlap)
        self._baseline = baseline
        self._store = store.Memory()
        self._delivered: list[Delivered] = []

    def run(self, end: datetime, source: Source) -> None:
        """Runs the hunt over the window that ends there."""
        request = Request(
            id=f"{self.method.name} {end.isoformat()}",
            tenant=TENANT,
            window=Window(end - self._span, end),
            now=end,
            values=self.method.values,
            scheduled=True,
            baseline=self._baseline,
        )
        taken = sink.Memory()
        sinks = {delivery.to: taken for delivery in self._hunt.definition.deliver}
        outcome = runner.run(self._hunt, request, source=source, sinks=sinks, store=self._store)
        if outcome.run.error:
            raise RuntimeError(f"{request.id}: {outcome.run.error}")
        known = {each.finding.fingerprint for each in self._delivered}
        at = end + settle(self._hunt)
        self._delivered += [Delivered(finding, at, finding.fingerprint not in known) for finding in taken.findings]

    def delivered_after(self, end: datetime) -> tuple[Delivered, ...]:
        """What was news after the run of the window that ends there."""
        at = end + settle(self._hunt)
        old = {each.finding.fingerprint for each in self._delivered if each.at <= at}
        return tuple(each for each in self._delivered if each.finding.fingerprint not in old)
