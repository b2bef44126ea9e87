"""What operations sees of Vizsla, in Application Insights. Without a connection string nothing here does anything.

| span | lasts | attributes, each name after `vizsla.` |
|---|---|---|
| `hunt run` | one run | run, tenant, hunt, kind, start, end, status, rows, slices, findings, newest, error |
| `query` | until the source had answered one question | start, end, rows, error |
| `steps` | judging the answers, and what was learned for that | |
| `deliver` | comparing with what is known, telling the sinks | |

`start` and `end` are those of the window, `newest` is the newest Timestamp among its rows, where it has any. A failed
run says why in our own sentence; of a bug only its kind is told, for its text may quote a command line. A query that
asks too much at once is asked again in parts, and a throttled run is asked again later: both have an error, and are no
failures.

Rows are judged while they stream, device by device: queries and steps take turns. So each span begins when its work
first did, and lasts as long as that work took in all, not until its last turn. Durations are what to add up; what they
leave of the run's own is the keeping of its record. What is asked during steps or deliver is a query, and counts there.

| metric | counts | by |
|---|---|---|
| `vizsla.runs` | runs of every kind, and gaps: windows that nobody will judge | hunt, kind, status |
| `vizsla.seconds` | how long judging runs took | hunt, status |
| `vizsla.findings` | findings of runs | hunt, severity, actor: the file name of who ran the commands |
| `vizsla.dropped` | rows that were set aside | hunt, reason |
| `vizsla.rows` | rows that were judged | hunt |
| `vizsla.slices` | parts that questions were asked in | hunt |
| `vizsla.throttles` | runs put off, since the far side is busy or our budget is spent | hunt |
| `vizsla.deliveries` | what became of telling a sink of a finding | hunt, sink, state |
| `vizsla.calls` | calls to the tenant that its budget let through (made), or bade wait (held) | tenant, outcome |
| `vizsla.lag` | seconds from what is judged to the clock, after a run of the schedule; a hunt's settle or more | hunt |
"""

from __future__ import annotations

import sys
from collections.abc import MutableMapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from engine.model.delivery import DeliveryState
from engine.model.finding import Finding
from engine.model.run import HuntRun
from engine.record import Request
from engine.remote.budget import Quota
from engine.sources.interface import Source

CONNECTION = "APPLICATIONINSIGHTS_CONNECTION_STRING"


class Seen:
    """A run as it is seen. This one sees nothing."""

    def watch(self, source: Source) -> Source:
        """The source, each of whose questions is told of."""
        return source

    def part(self, name: str) -> AbstractContextManager[None]:  # noqa: ARG002 - for who sees
        """A part of the run, for a `with`: steps or deliver."""
        return nullcontext()

    def record(self, run: HuntRun, findings: Sequence[Finding]) -> None:
        """What became of the run, and what it found."""


def configure(environment: MutableMapping[str, str]) -> None:
    """Tells of all runs from now on, where the environment names who is to hear. Call it at a trigger, not on import.

    `environment` is the process's own, os.environ: the library reads switches there alone, which are set. What was
    configured already, here or by the Functions worker, stays as it is.
    """
    if environment.get(CONNECTION):
        from engine.telemetry import sending  # noqa: PLC0415 - OpenTelemetry, for who sends

        sending.configure(environment)


def run(request: Request, hunt: str) -> AbstractContextManager[Seen]:
    """A run of a hunt, for a `with`. What is raised in it passes through."""
    if not _is_on():
        return nullcontext(Seen())
    from engine.telemetry import spans  # noqa: PLC0415 - as above

    return spans.run(request, hunt)


def tell(run: HuntRun) -> None:
    """Tells of a run that judged nothing itself: it learned, swept, or failed before it began; or is a gap."""
    if _is_on():
        from engine.telemetry import spans  # noqa: PLC0415 - as above

        spans.tell(run)


def delivery(hunt: str, sink: str, state: DeliveryState) -> None:
    """Tells what became of telling a sink of a finding."""
    if _is_on():
        from engine.telemetry import spans  # noqa: PLC0415 - as above

        spans.delivery(hunt, sink, state)


def counted(quota: Quota) -> Quota:
    """The quota, each call at which is told of. Ask for it once telemetry is configured."""
    if not _is_on():
        return quota
    from engine.telemetry import spans  # noqa: PLC0415 - as above

    return spans.Counted(quota)


def flush() -> None:
    """Sends what waits to be sent, for who is about to end. A silent endpoint costs ten seconds for each kind."""
    if _is_on():
        from engine.telemetry import sending  # noqa: PLC0415 - as above

        sending.flush()


def _is_on() -> bool:
    """Whether someone configured OpenTelemetry, which alone imports its SDK."""
    return "opentelemetry.sdk.trace" in sys.modules
