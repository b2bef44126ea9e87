"""One hunt, start to finish: query, judge, compare, deliver, record.

The source answers the bound query in batches, the steps judge them device by device, the store tells what is new or has
grown, the sinks are told, and the HuntRun is recorded. Deliver, then record: at least once, never not at all.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path

from engine.errors import VizslaError
from engine.learn import known
from engine.loader import load
from engine.model.baseline import Baseline, History
from engine.model.event import Event, text
from engine.model.finding import SEVERITIES, Finding, at_least
from engine.model.hunt import Hunt, Value
from engine.model.run import HuntRun, Window
from engine.recurrence import Key, fold
from engine.schedule import Task
from engine.sinks.interface import Sink
from engine.slices import Answers, Ask, Slice
from engine.sources.interface import Source
from engine.steps.interface import Batch, Context, Step
from engine.stores.interface import Store

_BATCH = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a run is asked for. `scheduled` runs write findings and move the watermark, others touch neither.

    `values` are parameters already coerced; `now` is the moment the run judges at; `baseline` is what was learned.
    """

    id: str
    tenant: str
    window: Window
    now: datetime
    values: Mapping[str, Value] = field(default_factory=dict)
    scheduled: bool = False
    baseline: Baseline | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The record of a run and what it found, worst first."""

    run: HuntRun
    findings: tuple[Finding, ...]


def run(hunt: Hunt, request: Request, *, source: Source, sinks: Mapping[str, Sink], store: Store) -> Outcome:
    """Runs one hunt over one window. What Vizsla raises on purpose ends in a failed HuntRun; a bug is not caught."""
    began = time.perf_counter()
    tally = _Tally()
    findings: tuple[Finding, ...] = ()
    error = ""
    try:
        history = known(hunt, request.window, source=source, baseline=request.baseline)
        judged = judge(hunt, request, source=source, history=history, tally=tally)
        findings = tuple(sorted(fold(judged, _earlier(request, store)), key=_worst_first))
        if request.scheduled:
            for finding in _news(findings, store):
                _deliver(hunt, finding, sinks)
                store.record_finding(finding)
    except VizslaError as failure:
        error = str(failure)
    seconds = round(time.perf_counter() - began, 3)
    record = _record(request, hunt.id, tally, findings=len(findings), seconds=seconds, notes=source.notes, error=error)
    store.record_run(record)
    if request.scheduled and not error:
        store.move_watermark(request.tenant, hunt.id, request.window.end)
    return Outcome(record, findings)


def _record(
    request: Request,
    hunt: str,
    tally: _Tally | None = None,
    *,
    findings: int = 0,
    seconds: float = 0.0,
    notes: Sequence[str] = (),
    error: str = "",
) -> HuntRun:
    counted = tally or _Tally()
    return HuntRun(
        id=request.id,
        hunt=hunt,
        status="failed" if error else "succeeded",
        window=request.window,
        events=counted.events,
        findings=findings,
        dropped=dict(sorted(counted.dropped.items())),
        seconds=seconds,
        notes=(
            *notes,
            *counted.cuts(),
            *(f"{note} ({events:,} events)" for note, events in sorted(counted.notes.items())),
        ),
        error=error,
    )


def run_task(
    task: Task,
    hunts: Path,
    *,
    source: Callable[[], AbstractContextManager[Source]],
    sinks: Mapping[str, Sink],
    store: Store,
) -> Outcome:
    """Runs what the schedule asked for. A hunt that no longer loads, or a source that will not open, fails the run."""
    request = Request(id=task.id, tenant=task.tenant, window=task.window, now=task.window.end, scheduled=True)
    try:
        hunt = load(hunts / task.hunt)
        with source() as opened:
            return run(hunt, request, source=opened, sinks=sinks, store=store)
    except VizslaError as failure:
        record = _record(request, task.hunt, error=str(failure))
        store.record_run(record)
        return Outcome(record, ())


@dataclass(slots=True)
class _Tally:
    """What a run has counted so far, kept also when it fails half-way."""

    events: int = 0
    slices: int = 1
    dropped: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)

    def cuts(self) -> tuple[str, ...]:
        """A note of how many parts the question was asked in, where it was more than one."""
        return (f"asked in {self.slices:,} parts: one answer would have been too large",) * (self.slices > 1)


def judge(
    hunt: Hunt, request: Request, *, source: Source, history: History | None = None, tally: _Tally | None = None
) -> Iterator[Finding]:
    """The findings of one window, device by device. Without a `history` nothing is routine."""
    counted = tally if tally is not None else _Tally()
    ready = plan(hunt, request, history=history)
    answers = Answers(ready.ask, source)
    for events in whole_devices(answers.rows()):
        counted.slices = answers.slices
        batch = to_judge(events)
        counted.events += len(batch.events)
        for step in ready.steps:
            batch = step(batch, ready.context)
        counted.dropped.update(batch.dropped)
        counted.notes.update(batch.notes)
        yield from batch.findings


@dataclass(frozen=True, slots=True)
class Plan:
    """A hunt made ready for a request: the bound query, the window that it sees, the steps, and what they know."""

    ask: Ask
    query: str
    reached: Window
    steps: tuple[Step, ...]
    context: Context


def plan(hunt: Hunt, request: Request, *, history: History | None = None) -> Plan:
    """What `judge` asks of the source, and judges with. Pure."""
    values = {**hunt.defaults, **request.values}
    if "since" in hunt.defaults:
        values["since"] = request.window.start
    ask = Ask(hunt=hunt, values=values, window=request.window)
    query, reached = ask.part(Slice(request.window))
    floors, past = hunt.definition.severity, history or History(None)
    return Plan(
        ask=ask,
        query=query,
        reached=reached,
        steps=tuple(step.build(values) for step in hunt.steps),
        context=Context(request.tenant, hunt.id, hunt.title, floors, request.now, request.window, values, past),
    )


def whole_devices(batches: Iterable[Sequence[Event]], size: int = _BATCH) -> Iterator[list[Event]]:
    """Batches cut anew so that no device is in two: steps then need no memory. Input is ordered by DeviceId."""
    held: list[Event] = []
    rows = (row for batch in batches for row in batch)
    for _, device in groupby(rows, key=lambda row: text(row, "DeviceId")):
        held.extend(device)
        if len(held) >= size:
            yield held
            held = []
    if held:
        yield held


def to_judge(rows: Sequence[Event]) -> Batch:
    """The launches to judge, and the shells' creation rows beside them; see the column Role of the hunts' queries."""
    launches = tuple(row for row in rows if row.get("Role") != "shell")
    return Batch(launches, tuple(row for row in rows if row.get("Role") == "shell"))


def _earlier(request: Request, store: Store) -> Callable[[Key], Finding | None]:
    """What the store knows under a recurrence's key; a run on demand compares with nothing but itself."""
    return store.recurring if request.scheduled else lambda _: None


def _news(findings: Sequence[Finding], store: Store) -> Iterator[Finding]:
    """Those the store does not know, or knows with fewer commands; one that only came again is recorded in silence."""
    for finding in findings:
        known = store.finding(finding.fingerprint)
        if known is None or len(known.commands) < len(finding.commands):
            yield finding
        elif known.recurrences < finding.recurrences:
            store.record_finding(finding)


def _deliver(hunt: Hunt, finding: Finding, sinks: Mapping[str, Sink]) -> None:
    for delivery in hunt.definition.deliver:
        if delivery.to in sinks and at_least(finding.severity, delivery.min_severity):
            sinks[delivery.to].deliver(finding)


def _worst_first(finding: Finding) -> tuple[int, int, str, str]:
    return -SEVERITIES.index(finding.severity), -finding.score, finding.start, finding.fingerprint
