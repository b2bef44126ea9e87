"""What the clock asks for: which tasks are due, each of them run once at a time, and what becomes of one that fails.

`due_runs` makes tasks, `perform` does one. Azure Functions keeps them in a queue in between; `vizsla tick` does not.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import msgspec

from engine import late, learn, loader, parameters, runner, schedule, telemetry
from engine.errors import Throttled, VizslaError
from engine.model.hunt import Hunt
from engine.model.run import HuntRun, RunKind, Window
from engine.record import Outcome, Request, Tally, record_of
from engine.remote.clouds import CLOUDS
from engine.schedule import Task
from engine.sinks.interface import Sink
from engine.slices import Ask, Slice, halves
from engine.sources.interface import Source
from engine.stores.interface import Mark, Store

log = logging.getLogger("vizsla")
TRIES = 5
"""How often a task that raises a bug is tried before it is split; Azure counts. See host.json: maxDequeueCount."""
SOON = timedelta(seconds=30)
"""When a task whose hunt another works on is looked at again: most runs take seconds."""
LEASE = timedelta(minutes=11)
"""A little longer than a function may run: whoever held a claim so long is dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where tasks are done: the folder of hunts, whose tenant, its events (opened anew each time), sinks and store.

    `portal` is where the links of findings lead.
    """

    hunts: Path
    tenant: str
    source: Callable[[], AbstractContextManager[Source]]
    sinks: Mapping[str, Sink]
    store: Store
    portal: str = CLOUDS["global"].portal


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a task: its record, None where there was nothing left to do, and when to try again, if at all."""

    run: HuntRun | None
    until: datetime | None = None

    @property
    def told(self) -> str:
        """It in a line, for the log: no text of a stranger's but our own errors."""
        if self.run is None:
            return f"another works on the hunt until {self.until:%H:%M:%S}Z" if self.until else "done already"
        run = self.run
        counts = f"{run.events:,} events, {run.findings:,} findings in {run.seconds:.1f} s"
        return ". ".join(filter(None, [f"{run.kind} {run.status}, {counts}", run.error]))


def written(task: Task) -> str:
    """The task as a message."""
    return msgspec.json.encode(task).decode()


def read(message: bytes) -> Task:
    """The task that a message holds. Raises msgspec.DecodeError for any other: Azure sets it aside after its tries."""
    return msgspec.json.decode(message, type=Task)


def due_runs(desk: Desk, *, now: datetime) -> tuple[Task, ...]:
    """The runs that are due at `now`, a hunt's present before its past, and sweeps for late rows.

    A hunt that cannot be loaded is reported and left out. A gap is recorded, and passed over.
    """
    return tuple(task for hunt in _loaded(desk, now) for task in _due(hunt, desk, now))


def due_lessons(desk: Desk, *, now: datetime) -> tuple[Task, ...]:
    """The days that are to be learned, one a hunt. What was asked for over HTTP a day ago is forgotten, too."""
    desk.store.forget_demands(now)
    hunts = loader.load_all(desk.hunts).hunts.values()
    found = (schedule.lesson(hunt, tenant=desk.tenant, store=desk.store, now=now) for hunt in hunts)
    return tuple(filter(None, found))


def perform(task: Task, desk: Desk, *, holder: str, now: datetime) -> Done:
    """Does the task, unless it was done already; while another `holder` works on the hunt, it is to be tried later.

    What Vizsla raises on purpose is a failed run, and left to the next window. A bug is not caught.
    """
    if _is_done(task, desk.store):
        return Done(None)
    taken = desk.store.claim(task.tenant, task.hunt, holder, now=now, until=now + LEASE)
    if taken:
        return Done(None, until=min(taken, now + SOON))
    try:
        return _perform(task, desk, now)
    finally:
        desk.store.release(task.tenant, task.hunt, holder)


def split(task: Task, desk: Desk, *, now: datetime) -> tuple[Task, ...]:
    """What to try instead of a task that failed again and again: its halves, by time and then by device.

    A task too small to be cut gives nothing: it is set aside, as a gap in the record. Either way the hunt's watermark
    moves on: one hostile command line does not blind it to all that comes after. Raises HuntError.
    """
    hunt = loader.load(desk.hunts / task.hunt)
    ask = Ask(hunt=hunt, values=hunt.defaults, window=task.window)
    parts = _halves(task, ask)
    if not parts:
        which = f", of the devices whose hash modulo {task.shares} is {task.share}" if task.shares > 1 else ""
        _lose(task, f"set aside: judging it failed again and again{which}", desk.store, now)
    if mark := _DONE.get(task.kind):
        desk.store.move_watermark(task.tenant, task.hunt, task.window.end, mark)
    log.error("run %s failed %d times: %s", task.id, TRIES, "tried in halves" if parts else "set aside")
    return tuple(_part(task, part, number, ask.overlap / 2) for number, part in enumerate(parts))


def _halves(task: Task, ask: Ask) -> list[Slice]:
    """The task's halves, none where they would be hardly smaller: cut in time, each needs a margin of half the overlap.

    A day that is learned, and a sweep, are not cut.
    """
    if task.kind in {"learn", "late"}:
        return []
    parts = halves(ask, Slice(task.window, task.shares, task.share))
    by_time = bool(parts) and parts[0].shares == task.shares
    return [] if by_time and parts[0].window.end - parts[0].window.start < ask.overlap else parts


def _loaded(desk: Desk, now: datetime) -> Iterable[Hunt]:
    """The hunts that load. Of each that does not, once an hour, the log and the record of runs say why."""
    loaded = loader.load_all(desk.hunts)
    hour = now.replace(minute=0, second=0, microsecond=0)
    for error in loaded.broken:
        run_id = f"{desk.tenant}.{error.hunt}.broken.{hour:%Y%m%dT%H}"
        if run_id not in {run.id for run in desk.store.runs(error.hunt, tenant=desk.tenant, limit=100)}:
            request = Request(id=run_id, tenant=desk.tenant, window=Window(hour, now), now=now, kind="window")
            _keep(record_of(request, error.hunt, failure=error), desk.store)
            log.error("hunt %s is disabled until it is mended:\n%s", error.hunt, error)
    return loaded.hunts.values()


def _due(hunt: Hunt, desk: Desk, now: datetime) -> Iterator[Task]:
    tenant, store = desk.tenant, desk.store
    due = schedule.due(hunt, tenant=tenant, store=store, now=now)
    if due.gap:
        lost = Task(f"{tenant}.{hunt.id}.gap.{due.gap.end:%Y%m%dT%H%M%SZ}", tenant, hunt.id, due.gap)
        _lose(lost, "not judged while nothing ran, and by now older than Defender keeps", store, now)
        store.move_watermark(tenant, hunt.id, due.gap.end)
        due = schedule.due(hunt, tenant=tenant, store=store, now=now)
    yield from due.tasks
    yield from filter(None, [schedule.late(hunt, tenant=tenant, store=store, now=now)])


def asked(task: Task, now: datetime) -> Request:
    """The run that a task asks for."""
    return Request(
        id=task.id,
        tenant=task.tenant,
        window=task.window,
        now=now,
        scheduled=True,
        kind=task.kind,
        part=Slice(task.window, task.shares, task.share) if task.shares > 1 else None,
    )


def _perform(task: Task, desk: Desk, now: datetime) -> Done:
    request = asked(task, now)
    try:
        hunt = loader.load(desk.hunts / task.hunt)
        with desk.source() as source:
            outcome = _KINDS.get(task.kind, _judge)(hunt, request, source, desk)
    except VizslaError as failure:
        record = record_of(request, task.hunt, failure=failure)
        _keep(record, desk.store)
        outcome = Outcome(record, (), failure.until if isinstance(failure, Throttled) else None)
    return Done(outcome.run, outcome.until)


def _judge(hunt: Hunt, request: Request, source: Source, desk: Desk) -> Outcome:
    """One window, with what was learned. A hunt that learns, and has not for a week, only observes."""
    learned = request.baseline or learn.remembered(desk.store, request.tenant, hunt.id)
    observing = learn.is_new_to(hunt, learned, request.window.end.date())
    request = replace(request, baseline=learned, observing=observing, portal=desk.portal)
    return runner.run(hunt, request, source=source, sinks=desk.sinks, store=desk.store)


def _learn(hunt: Hunt, request: Request, source: Source, desk: Desk) -> Outcome:
    """One day of the hunt's baseline."""
    began = time.perf_counter()
    day = learn.learn(hunt, source, request.window)
    desk.store.record_day(request.tenant, hunt.id, day)
    tally = Tally(events=sum(pair.launches for pair in day.pairs))
    notes, seconds = (*source.notes, f"{day.devices:,} devices"), round(time.perf_counter() - began, 3)
    record = record_of(request, hunt.id, tally, notes=notes, seconds=seconds)
    _keep(record, desk.store)
    return Outcome(record, ())


def _sweep(hunt: Hunt, request: Request, source: Source, desk: Desk) -> Outcome:
    """Judges again what rows that came late may change, device by device; then the sweep's own watermark moves."""
    settled = request.window.end - parameters.timespan(hunt.definition.schedule.settle)
    devices = late.late_devices(
        hunt, source, received_since=request.window.start, settled=settled, horizon=schedule.SWEEP_REACH
    )
    learned = learn.remembered(desk.store, request.tenant, hunt.id) if devices else None
    records: list[HuntRun] = []
    for number, (window, ids) in enumerate(late.windows(devices)):
        part = replace(request, id=f"{request.id}.{number}", window=window, devices=ids, baseline=learned)
        outcome = _judge(hunt, part, source, desk)
        records.append(outcome.run)
        if outcome.run.status != "succeeded":
            return outcome
    desk.store.move_watermark(request.tenant, hunt.id, request.window.end, "late")
    tally = Tally(events=sum(run.events for run in records))
    notes = (f"rows arrived late from {len(devices):,} devices",)
    record = record_of(request, hunt.id, tally, notes=notes, findings=sum(run.findings for run in records))
    _keep(record, desk.store)
    return Outcome(record, ())


_KINDS: Mapping[RunKind, Callable[[Hunt, Request, Source, Desk], Outcome]] = MappingProxyType(
    {"learn": _learn, "late": _sweep}
)


def _is_done(task: Task, store: Store) -> bool:
    """Whether an earlier message, or a later window, has done it."""
    if task.kind == "learn":
        return task.window.start.date() in {day.day for day in store.days(task.tenant, task.hunt)}
    mark = _DONE.get(task.kind)
    if mark is None or task.shares > 1:
        return False
    reached = store.watermark(task.tenant, task.hunt, mark)
    return reached is not None and reached >= task.window.end


_DONE: Mapping[RunKind, Mark] = MappingProxyType({**runner.MARKS, "late": "late"})


def _part(task: Task, part: Slice, number: int, margin: timedelta) -> Task:
    """A half of a task that failed, with a margin, so that no burst is cut in two. It moves no watermark."""
    start = max(task.window.start, part.window.start - margin)
    end = min(task.window.end, part.window.end + margin)
    return Task(
        id=f"{task.id}.{number}",
        tenant=task.tenant,
        hunt=task.hunt,
        window=Window(start, end),
        kind="part",
        shares=part.shares,
        share=part.share,
    )


def _lose(task: Task, why: str, store: Store, now: datetime) -> None:
    """Records a window that is never judged."""
    _keep(msgspec.structs.replace(record_of(asked(task, now), task.hunt), status="gap", error=why), store)


def _keep(run: HuntRun, store: Store) -> None:
    """Records a run that the runner did not do, and tells of it."""
    store.record_run(run)
    telemetry.tell(run)
