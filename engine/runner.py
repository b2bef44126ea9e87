"""One hunt, start to finish: query, judge, compare, deliver, record.

The source answers the bound query in batches, the steps judge them device by device, the store tells what is new or has
grown and keeps it in the outbox, the sinks are told from there, and the HuntRun is recorded. What fails on the way
is still in the outbox, or in the next window: at least once, never not at all.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from types import MappingProxyType

import msgspec

from engine import outbox, telemetry
from engine.describe import notices
from engine.errors import Throttled, VizslaError
from engine.growth import Again
from engine.learn import known
from engine.model.baseline import History
from engine.model.event import Event, text
from engine.model.finding import Finding, by_worst
from engine.model.hunt import Hunt
from engine.model.run import RunKind, Window
from engine.record import Outcome, Request, Tally, record_of
from engine.recurrence import fold
from engine.redact import redacted, revealed
from engine.remember import remember
from engine.routine import routine_lines
from engine.sinks.interface import Sink
from engine.slices import Answers, Ask, Slice
from engine.sources.interface import Source
from engine.steps.interface import Batch, Context, Step
from engine.stores.interface import Mark, Store

_BATCH = 500
"""Events that steps judge at a time: few, so that one step finds in the processor's caches what the last has read."""
_NO_LAUNCHES = ("shell", "count")
MARKS: Mapping[RunKind, Mark] = MappingProxyType({"window": "window", "present": "present"})
"""The runs that a watermark follows; a late sweep moves its own when all of it is done."""


def run(hunt: Hunt, request: Request, *, source: Source, sinks: Mapping[str, Sink], store: Store) -> Outcome:
    """Runs one hunt over one window. What Vizsla raises on purpose ends in a failed HuntRun; a bug is not caught."""
    with telemetry.run(request, hunt.id) as seen:
        outcome = _run(hunt, request, source=seen.watch(source), sinks=sinks, store=store, seen=seen)
        seen.record(outcome.run, outcome.findings)
    return outcome


def _run(
    hunt: Hunt, request: Request, *, source: Source, sinks: Mapping[str, Sink], store: Store, seen: telemetry.Seen
) -> Outcome:
    began = time.perf_counter()
    tally = Tally()
    findings: tuple[Finding, ...] = ()
    failure: VizslaError | None = None
    notes: tuple[str, ...] = ()
    muted = 0
    try:
        with seen.part("steps"):
            history = known(hunt, request.window, source=source, baseline=request.baseline)
            judged = tuple(judge(hunt, request, source=source, history=history, tally=tally))
        if request.scheduled:
            with seen.part("deliver"):
                again = _again(hunt, request, source=source, history=history)
                findings, muted = remember(hunt, request, judged, again=again, sinks=sinks, store=store)
                describe = partial(notices, hunt=hunt, source=source, portal=request.portal, now=request.now)
                notes = outbox.send(hunt, request.tenant, sinks=sinks, store=store, now=request.now, describe=describe)
        else:
            findings = fold(judged, lambda _: None)
    except VizslaError as error:
        failure = error
    shown = sorted((finding for finding in findings if finding.stands and not finding.recurs), key=by_worst)
    seconds = round(time.perf_counter() - began, 3)
    notes = (*source.notes, *notes)
    record = record_of(request, hunt.id, tally, findings=len(shown), seconds=seconds, notes=notes, failure=failure)
    record = msgspec.structs.replace(record, muted=muted)
    store.record_run(record)
    if request.scheduled and failure is None and request.kind in MARKS:
        store.move_watermark(request.tenant, hunt.id, request.window.end, MARKS[request.kind])
    return Outcome(record, tuple(shown), failure.until if isinstance(failure, Throttled) else None)


def _again(hunt: Hunt, request: Request, *, source: Source, history: History) -> Again:
    """What the run would find on one device over another window, with all else as it is."""

    def found(device_id: str, view: Window) -> Sequence[Finding]:
        narrowed = replace(request, window=view, devices=(device_id,), part=None)
        judged = judge(hunt, narrowed, source=source, history=history)
        return [finding for finding in judged if finding.device.id == device_id]

    return found


def judge(
    hunt: Hunt, request: Request, *, source: Source, history: History | None = None, tally: Tally | None = None
) -> Iterator[Finding]:
    """The findings of one window, device by device. Without a `history` nothing is routine."""
    counted = tally if tally is not None else Tally()
    ready = plan(hunt, request, history=history)
    answers = Answers(ready.ask, source, part=request.part)
    for events in whole_devices(answers.rows()):
        counted.slices = answers.slices
        counted.count_launches(events)
        batch = to_judge(events)
        counted.count(batch)
        for step in ready.steps:
            batch = step(batch, ready.context)
        counted.dropped.update(batch.dropped)
        counted.notes.update(batch.notes)
        yield from map(revealed if request.reveal else redacted, batch.findings)


@dataclass(frozen=True, slots=True)
class Plan:
    """A hunt made ready for a request: the bound query, the window that it sees, the steps, and what they know."""

    ask: Ask
    query: str
    reached: Window
    steps: tuple[Step, ...]
    context: Context


def plan(hunt: Hunt, request: Request, *, history: History | None = None) -> Plan:
    """What `judge` asks of the source, and judges with. Pure.

    A scheduled run leaves out of the question what its baseline excuses anyway, see `routine_lines`; of a few devices
    there is little to leave out.
    """
    values = {**hunt.defaults, **request.values}
    if "since" in hunt.defaults:
        values["since"] = request.window.start
    if request.devices and "devices" in hunt.defaults:
        values["devices"] = request.devices
    steps = tuple(step.build(values) for step in hunt.steps)
    floors, past = hunt.definition.severity, history or History(None)
    context = Context(request.tenant, hunt.id, hunt.title, floors, request.now, request.window, values, past)
    if request.scheduled and request.baseline and not request.devices and "routine" in hunt.defaults:
        values["routine"] = routine_lines(steps, context, request.baseline)
    ask = Ask(hunt=hunt, values=values, window=request.window)
    query, reached = ask.part(Slice(request.window))
    return Plan(ask=ask, query=query, reached=reached, steps=steps, context=context)


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
    launches = tuple(row for row in rows if row.get("Role") not in _NO_LAUNCHES)
    return Batch(launches, tuple(row for row in rows if row.get("Role") == "shell"))
