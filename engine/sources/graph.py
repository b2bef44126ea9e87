"""Advanced Hunting in a tenant: Microsoft Graph's runHuntingQuery."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Self

from engine.errors import Refused, TooManyRows, UnsupportedQuery, VizslaError
from engine.model.event import Event, instant
from engine.model.run import Window
from engine.remote import unconfirmed
from engine.remote.session import Session
from engine.sources.rows import Answer

PATH = "/v1.0/security/runHuntingQuery"
PERMISSION = "ThreatHunting.Read.All"
ROW_LIMIT = 100_000
"""Graph cuts an answer off here, and does not say so."""


class Graph:
    """A Source over one tenant, which takes over the `session` and closes it.

    An answer of `row_limit` rows may have been cut off: it is refused with TooManyRows, as one too long in bytes is,
    and who asks must ask for less (`engine/slices.py`). Without a window Defender looks 30 days back, which is all it
    has. Whether it includes the end of a window is not known: what lies there is left out here. What lies before the
    start is not: a query may round its Timestamp down, and the start itself belongs to the window.
    """

    def __init__(self, *, session: Session, row_limit: int = ROW_LIMIT) -> None:
        self._session = session
        self._row_limit = row_limit
        self._faults: Counter[str] = Counter()

    @property
    def notes(self) -> tuple[str, ...]:
        """See Source.notes: columns that held what their type cannot, over all answers so far."""
        return tuple(
            f"{count:,} values of {name} are none of its kind and left empty"
            for name, count in sorted(self._faults.items())
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the session. Closing twice is harmless."""
        self._session.close()

    def rows(self, query: str, window: Window | None) -> Iterator[list[Event]]:
        """See Source.rows. Raises RemoteError besides: Throttled, NotPermitted, Refused."""
        answer = Answer(self._ask(query, window))
        if len(answer) >= self._row_limit:
            raise TooManyRows(f"Defender gives {self._row_limit:,} rows at most, and {_told(window)} held as many.")
        try:
            yield from answer.batches(before=instant(window.end) if window else None)
        finally:
            self._faults.update(answer.faults)

    def _ask(self, query: str, window: Window | None) -> bytearray:
        document = {"query": query}
        if window:
            document["timespan"] = f"{_iso(window.start)}/{_iso(window.end)}"
        try:
            return self._session.ask("POST", PATH, document, permission=PERMISSION)
        except Refused as error:
            raise _meant(error, window) from error


def _meant(error: Refused, window: Window | None) -> VizslaError:
    """What Defender means by a refusal."""
    if unconfirmed.is_too_large(error.status, error.code, error.reason):
        return TooManyRows(f"Defender's answer for {_told(window)} would be too large. {error}")
    if column := unconfirmed.missing_column(error.reason):
        return UnsupportedQuery(
            f"this tenant has no column {column}: read it with column_ifexists({column!r}, ...) in the query. {error}"
        )
    return UnsupportedQuery(f"Defender cannot run the query. {error}") if error.status == 400 else error  # noqa: PLR2004 - HTTP's


def _told(window: Window | None) -> str:
    return f"{_iso(window.start)} to {_iso(window.end)}" if window else "the last 30 days"


def _iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
