"""What a step is: from batch to batch, with nothing hidden."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar, Protocol, runtime_checkable

from engine.model.baseline import History
from engine.model.burst import Burst
from engine.model.event import Event
from engine.model.finding import Finding
from engine.model.hunt import SeverityFloors
from engine.model.run import Window


class Tally(Protocol):
    """Counts what a sliding window holds; what a repeat is, and what it is worth, is the tally's to say."""

    def add(self, event: Event) -> None:
        """The event enters the window."""
        ...

    def remove(self, event: Event) -> None:
        """The event, added before, leaves the window."""
        ...

    def count(self) -> int:
        """How many commands the window holds."""
        ...


@dataclass(frozen=True, slots=True)
class Batch:
    """All events of some devices, ordered by DeviceId and Timestamp, and what the steps have made of them.

    `events` are the discovery launches still in play, `shells` the creation rows of the shells that launched them
    (stitched in by the query, never counted), `dropped` how many events were set aside, by reason. `tally` makes the
    counter of a window, once a step has said how repeats count. `notes` are what else a person should know, with how
    many events each is about.
    """

    events: tuple[Event, ...]
    shells: tuple[Event, ...] = ()
    bursts: tuple[Burst, ...] = ()
    findings: tuple[Finding, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    tally: Callable[[], Tally] | None = None
    notes: Mapping[str, int] = field(default_factory=dict)

    def keep(self, events: list[Event], reason: str) -> Batch:
        """The batch with `events` alone; the rest is counted as dropped for `reason`."""
        gone = len(self.events) - len(events)
        dropped = {**self.dropped, reason: self.dropped.get(reason, 0) + gone} if gone else self.dropped
        return replace(self, events=tuple(events), dropped=dropped)


@dataclass(frozen=True, slots=True)
class Context:
    """What a run knows beside its events: whose, which hunt, when, over which window, with which bound parameters.

    `history` is what earlier days hold.
    """

    tenant: str
    hunt: str
    title: str
    severity: SeverityFloors
    now: datetime
    window: Window
    parameters: Mapping[str, object]
    history: History = field(default_factory=lambda: History(None))


@runtime_checkable
class Step(Protocol):
    """A frozen dataclass whose fields are its keys in hunt.yaml and whose docstring is its documentation.

    `reads` names the columns it needs of the query, `adds` those it extends events with.
    """

    reads: ClassVar[tuple[str, ...]]
    adds: ClassVar[tuple[str, ...]]

    def __call__(self, batch: Batch, context: Context) -> Batch:
        """The batch after this step. Pure: the same batch and context give the same answer."""
        ...
