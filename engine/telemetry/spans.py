"""Spans and metrics of runs, as OpenTelemetry takes them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime

from opentelemetry import metrics, trace
from opentelemetry.trace import Span, Status, StatusCode

from engine.errors import Throttled, TooManyRows, VizslaError
from engine.model.delivery import DeliveryState
from engine.model.event import Event
from engine.model.finding import Finding
from engine.model.run import HuntRun, Window
from engine.record import Request
from engine.remote.budget import Limit, Quota
from engine.sources.interface import Source
from engine.telemetry import Seen

_RUN, _QUERY = "hunt run", "query"
_TRACER = trace.get_tracer("vizsla")
_METER = metrics.get_meter("vizsla")
_RUNS = _METER.create_counter("vizsla.runs", "{run}")
_SECONDS = _METER.create_histogram("vizsla.seconds", "s")
_FINDINGS = _METER.create_counter("vizsla.findings", "{finding}")
_DROPPED = _METER.create_counter("vizsla.dropped", "{row}")
_ROWS = _METER.create_counter("vizsla.rows", "{row}")
_SLICES = _METER.create_counter("vizsla.slices", "{slice}")
_THROTTLES = _METER.create_counter("vizsla.throttles", "{run}")
_DELIVERIES = _METER.create_counter("vizsla.deliveries", "{delivery}")
_CALLS = _METER.create_counter("vizsla.calls", "{call}")
_LAG = _METER.create_gauge("vizsla.lag", "s")


@contextmanager
def run(request: Request, hunt: str) -> Iterator[Seen]:
    """See engine/telemetry. Log lines that are written meanwhile belong to the run's span."""
    with ExitStack() as stack:
        # The library would record the text of whatever is raised.
        span = stack.enter_context(
            _TRACER.start_as_current_span(
                _RUN, attributes=_asked(request, hunt), record_exception=False, set_status_on_exception=False
            )
        )
        stack.push(lambda _kind, error, _trace: _blame(span, error))
        yield _Watching(span)


def tell(run: HuntRun) -> None:
    """See engine/telemetry."""
    start = time.time_ns() - int(run.seconds * 1e9)
    span = _TRACER.start_span(_RUN, attributes=_asked(run, run.hunt), start_time=start)
    _conclude(span, run)
    span.end()


def delivery(hunt: str, sink: str, state: DeliveryState) -> None:
    """See engine/telemetry."""
    _DELIVERIES.add(1, {"hunt": hunt, "sink": sink, "state": state})


@dataclass(frozen=True, slots=True)
class Counted:
    """A quota, each call at which is told of."""

    quota: Quota

    def take_call(self, tenant: str, now: datetime, limits: Sequence[Limit]) -> datetime:
        """See Quota.take_call."""
        free = self.quota.take_call(tenant, now, limits)
        _CALLS.add(1, {"tenant": tenant, "outcome": "held" if free > now else "made"})
        return free


class _Stopwatch:
    """How long work took that takes turns with other work: `spent`, in nanoseconds."""

    def __init__(self) -> None:
        self.spent = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        began = time.perf_counter_ns()
        try:
            yield
        finally:
            self.spent += time.perf_counter_ns() - began


class _Watching(Seen):
    """A run that is told of; `answering` is the time that its sources took so far."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self.answering = _Stopwatch()

    def watch(self, source: Source) -> Source:
        return _Watched(source, self)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        start, answered, whole = time.time_ns(), self.answering.spent, _Stopwatch()
        span = self.child(name, start)
        try:
            with whole.running():
                yield
        finally:
            span.end(start + whole.spent - (self.answering.spent - answered))

    def record(self, run: HuntRun, findings: Sequence[Finding]) -> None:
        _conclude(self._span, run)
        _count(run, findings)
        if run.kind == "window" and run.began:
            judged = run.window.end if run.status == "succeeded" else run.window.start
            _LAG.set((run.began - judged).total_seconds() + run.seconds, {"hunt": run.hunt})

    def child(self, name: str, start: int) -> Span:
        """A span in the run's, begun at `start`, in nanoseconds since 1970."""
        return _TRACER.start_span(name, trace.set_span_in_context(self._span), start_time=start)


class _Watched:
    """A source, each of whose questions is told of, with how long its answer took the source alone."""

    def __init__(self, source: Source, seen: _Watching) -> None:
        self._source = source
        self._seen = seen

    @property
    def notes(self) -> tuple[str, ...]:
        return self._source.notes

    def rows(self, query: str, window: Window | None) -> Iterator[list[Event]]:
        start, rows, answering = time.time_ns(), 0, _Stopwatch()
        span = self._seen.child(_QUERY, start)
        span.set_attributes(_bounds(window))
        try:
            for batch in self._timed(query, window, answering):
                rows += len(batch)
                yield batch
        except VizslaError as error:
            _blame(span, error)
            raise
        finally:
            span.set_attribute("vizsla.rows", rows)
            span.end(start + answering.spent)

    def _timed(self, query: str, window: Window | None, answering: _Stopwatch) -> Iterator[list[Event]]:
        with answering.running(), self._seen.answering.running():
            batches = self._source.rows(query, window)
        while True:
            with answering.running(), self._seen.answering.running():
                batch = next(batches, None)
            if batch is None:
                return
            yield batch


def _asked(request: Request | HuntRun, hunt: str) -> dict[str, str]:
    told = {"run": request.id, "tenant": request.tenant, "hunt": hunt, "kind": request.kind}
    return {**{f"vizsla.{name}": value for name, value in told.items()}, **_bounds(request.window)}


def _bounds(window: Window | None) -> dict[str, str]:
    if window is None:
        return {}
    return {"vizsla.start": window.start.isoformat(), "vizsla.end": window.end.isoformat()}


def _blame(span: Span, error: BaseException | None) -> None:
    """Says on a span what went wrong. What is to be asked again is no failure."""
    if error is None:
        return
    why = str(error) if isinstance(error, VizslaError) else f"a bug: {type(error).__name__}"
    span.set_attribute("vizsla.error", why)
    if not isinstance(error, TooManyRows | Throttled):
        span.set_status(Status(StatusCode.ERROR, why))


def _conclude(span: Span, run: HuntRun) -> None:
    """Says on the run's span what became of it, and counts it as a run."""
    told = {"status": run.status, "rows": run.events, "slices": run.slices, "findings": run.findings}
    span.set_attributes({f"vizsla.{name}": value for name, value in told.items()})
    for name, said in {"newest": run.newest, "error": run.error}.items():
        if said:
            span.set_attribute(f"vizsla.{name}", said)
    if run.status in {"failed", "gap"}:
        span.set_status(Status(StatusCode.ERROR, run.error))
    _RUNS.add(1, {"hunt": run.hunt, "kind": run.kind, "status": run.status})


def _count(run: HuntRun, findings: Sequence[Finding]) -> None:
    hunt = {"hunt": run.hunt}
    _SECONDS.record(run.seconds, {**hunt, "status": run.status})
    _ROWS.add(run.events, hunt)
    _SLICES.add(run.slices, hunt)
    _THROTTLES.add(int(run.status == "throttled"), hunt)
    for (severity, actor), number in Counter((each.severity, each.actor.file_name) for each in findings).items():
        _FINDINGS.add(number, {**hunt, "severity": severity, "actor": actor})
    for reason, number in run.dropped.items():
        _DROPPED.add(number, {**hunt, "reason": reason})
