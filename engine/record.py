"""What a run is asked for, what it counts on its way, and the record of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from engine.errors import Throttled, VizslaError
from engine.model.baseline import Baseline
from engine.model.event import Event, text
from engine.model.finding import Finding
from engine.model.hunt import Value
from engine.model.run import HuntRun, RunKind, Window
from engine.remote.clouds import CLOUDS
from engine.slices import Slice
from engine.steps.interface import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a run is asked for. `scheduled` runs write findings and tell the sinks, others do neither.

    `values` are parameters already coerced; `now` is the moment the run judges at; `baseline` is what was learned.
    `part` narrows it to a share of the devices, `devices` to some of them, by id, that are judged once more. While
    `observing`, only findings of severity high are told at once. `portal` is where links lead people to. With `reveal`,
    secrets in command lines are not masked: for a person's own eyes.
    """

    id: str
    tenant: str
    window: Window
    now: datetime
    values: Mapping[str, Value] = field(default_factory=dict)
    scheduled: bool = False
    baseline: Baseline | None = None
    kind: RunKind = "demand"
    part: Slice | None = None
    devices: tuple[str, ...] = ()
    observing: bool = False
    reveal: bool = False
    portal: str = CLOUDS["global"].portal


@dataclass(frozen=True, slots=True)
class Outcome:
    """The record of a run and what it found, worst first; `until` is when a throttled one may be tried again."""

    run: HuntRun
    findings: tuple[Finding, ...]
    until: datetime | None = None


@dataclass(slots=True)
class Tally:
    """What a run has counted so far, kept also when it fails half-way."""

    events: int = 0
    slices: int = 1
    launches: int | None = None
    newest: str = ""
    dropped: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)

    def cuts(self) -> tuple[str, ...]:
        """A note of how many parts the question was asked in, where it was more than one."""
        return (f"asked in {self.slices:,} parts: one answer would have been too large",) * (self.slices > 1)

    def count_launches(self, rows: Sequence[Event]) -> None:
        """Adds up what the query says it picked from; parts of a question that overlap make it an upper bound."""
        said = [row["Launches"] for row in rows if row.get("Role") == "count"]
        if said:
            self.launches = (self.launches or 0) + sum(said)

    def count(self, batch: Batch) -> None:
        """Counts the events that are to be judged."""
        self.events += len(batch.events)
        newest = max((text(event, "Timestamp") for event in batch.events), default="")
        self.newest = max(self.newest, newest)


def record_of(
    request: Request,
    hunt: str,
    tally: Tally | None = None,
    *,
    findings: int = 0,
    seconds: float = 0.0,
    notes: Sequence[str] = (),
    failure: VizslaError | None = None,
) -> HuntRun:
    """The record of a run, as far as it came."""
    counted = tally or Tally()
    return HuntRun(
        id=request.id,
        tenant=request.tenant,
        hunt=hunt,
        kind=request.kind,
        status="throttled" if isinstance(failure, Throttled) else "failed" if failure else "succeeded",
        window=request.window,
        began=request.now,
        events=counted.events,
        slices=counted.slices,
        launches=counted.launches,
        newest=counted.newest,
        findings=findings,
        dropped=dict(sorted(counted.dropped.items())),
        seconds=seconds,
        notes=(
            *notes,
            *counted.cuts(),
            *(f"{note} ({events:,} events)" for note, events in sorted(counted.notes.items())),
        ),
        error=str(failure) if failure else "",
    )
