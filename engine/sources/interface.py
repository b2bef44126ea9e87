"""What a source is: KQL and a window in, batches of events out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, TypeAlias, runtime_checkable

from engine.model.event import Event, text, ticks
from engine.model.run import Window

BATCH_ROWS = 5_000
"""No batch holds more events than this."""
Place: TypeAlias = tuple[str, int, int, int, str, str]
PLACE = ("DeviceId", "Timestamp", "ReportId", "ProcessId", "ProcessCommandLine", "Role")
"""What events are ordered by. All but the first two only settle ties, so that the same events give the same order."""


def place(event: Event) -> Place:
    """Where an event stands in the order of a source; null stands first. The second part is in ticks, -1 for none."""
    report, process = event.get("ReportId"), event.get("ProcessId")
    return (
        text(event, "DeviceId"),
        _instant(event.get("Timestamp")),
        report if isinstance(report, int) else -1,
        process if isinstance(process, int) else -1,
        text(event, "ProcessCommandLine"),
        text(event, "Role"),
    )


def _instant(stamp: object) -> int:
    try:
        return ticks(stamp) if isinstance(stamp, str) else -1
    except ValueError:  # a query may call anything Timestamp
        return -1


@runtime_checkable
class Bounded(Protocol):
    """A source that holds so much and no more, such as files."""

    @property
    def whole(self) -> Window:
        """From its oldest event to just behind its newest."""
        ...


@runtime_checkable
class Source(Protocol):
    """Answers a hunt's query, whose parameters are already bound, with events."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What whoever reads the findings must know of the events: what was passed over, left out or guessed."""
        ...

    def rows(self, query: str, window: Window | None) -> Iterator[list[Event]]:
        """The query's answer in batches of at most BATCH_ROWS events, ordered by DeviceId, then Timestamp: see `place`.

        Every table holds only the rows with `start <= Timestamp < end` before the query sees it; None restricts
        nothing. An event has the answer's columns: datetime is ISO text in UTC with seven digits of a second and `Z`
        (but Timestamp as Defender wrote it), long an int, real a float, bool a bool, dynamic decoded JSON, null None.
        Raises SourceError, or RemoteError from far away; TooManyRows only before the first batch.
        """
        ...
