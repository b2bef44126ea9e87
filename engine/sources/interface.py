"""What a source is: KQL and a window in, batches of events out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from engine.model.event import Event
from engine.model.run import Window

BATCH_ROWS = 5_000
"""No batch holds more events than this."""


@runtime_checkable
class Source(Protocol):
    """Answers a hunt's query, whose parameters are already bound, with events."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What whoever reads the findings must know of the events: what was passed over, left out or guessed."""
        ...

    def rows(self, query: str, window: Window | None) -> Iterator[list[Event]]:
        """The query's answer in batches of at most BATCH_ROWS events, ordered by DeviceId, then Timestamp.

        Every table holds only the rows with `start <= Timestamp < end` before the query sees it; None restricts
        nothing. An event has the answer's columns: datetime is ISO text in UTC with seven digits of a second and `Z`,
        long an int, real a float, bool a bool, dynamic decoded JSON, null None. Raises SourceError.
        """
        ...
