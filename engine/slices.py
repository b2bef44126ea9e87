"""One question in as many parts as it takes: what a source cannot answer whole is cut in two and asked again.

In time first, then by device, then in time down to a minute. Parts cut in time overlap by twice the span that the
hunt's query judges together. The query keeps slots of twice that span, so that each slot lies whole in one of two
neighbours: nothing is lost, and a part returns no row that the whole would not. What both return counts once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from engine import parameters
from engine.errors import TooManyRows
from engine.model.event import Event
from engine.model.hunt import Hunt, Value
from engine.model.run import Window
from engine.sources.interface import BATCH_ROWS, Source, place
from engine.spool import Spool

SHARES = ("device_slices", "device_slice")
"""Parameters of a query that can be asked for some devices: `where hash(DeviceId, device_slices) == device_slice`."""
_SHORTEST = timedelta(minutes=1)
_MOST_SHARES = 256
_IDENTITY = ("DeviceId", "Timestamp", "ReportId")


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a question: a span of time, and the devices whose hash modulo `shares` is `share`."""

    window: Window
    shares: int = 1
    share: int = 0


class Question(NamedTuple):
    """A bound query, and the window that its tables are seen through."""

    query: str
    reached: Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A hunt's question over a window with given parameter values, and how it may be cut."""

    hunt: Hunt
    values: Mapping[str, Value]
    window: Window

    @property
    def overlap(self) -> timedelta:
        """How far two parts of it overlap in time: the hunt's overlap, and twice its window where that is more."""
        span = self.values.get("window")
        least = 2 * span if isinstance(span, timedelta) else timedelta()
        return max(parameters.timespan(self.hunt.definition.schedule.overlap), least)

    @property
    def by_device(self) -> bool:
        """Whether it can be asked for a share of the devices."""
        return set(SHARES) <= self.hunt.defaults.keys()

    def part(self, part: Slice) -> Question:
        """The question for one slice, and what overlaps it.

        Shells, which come before what they launched, are looked for as far back as for the whole window, where the
        query tells them from launches by `since`.
        """
        margin = self.overlap / 2
        start = max(self.window.start, part.window.start - margin)
        end = min(self.window.end, part.window.end + margin)
        since = "since" in self.hunt.defaults
        values = {**self.values, **({"since": start} if since else {})}
        if self.by_device:
            values |= dict(zip(SHARES, (part.shares, part.share), strict=True))
        reach = parameters.timespan(self.hunt.definition.schedule.reach)
        return Question(
            parameters.bind(self.hunt.query, values), Window((self.window.start if since else start) - reach, end)
        )


@dataclass(slots=True)
class Answers:
    """The rows that answer a question, ordered as a source orders them; `slices` is how many parts it took so far.

    `part` narrows the question from the start: a share of the devices over the whole window.
    """

    ask: Ask
    source: Source
    part: Slice | None = None
    slices: int = 0

    def rows(self) -> Iterator[list[Event]]:
        """Batches as of Source.rows. Raises TooManyRows where the smallest part is still too large."""
        whole = self.part or Slice(self.ask.window)
        try:
            answered = self._begun(whole)
        except TooManyRows as error:
            yield from self._cut(self._parts(whole, error))
        else:
            yield from answered

    def _begun(self, part: Slice) -> Iterator[list[Event]]:
        """The part's batches, of which the first is there: TooManyRows is raised now or never."""
        batches = self.source.rows(*self.ask.part(part))
        first = next(batches, None)
        self.slices += 1
        return chain([first] if first else [], batches)

    def _cut(self, waiting: list[Slice]) -> Iterator[list[Event]]:
        with Spool() as spool:
            while waiting:
                part = waiting.pop(0)
                try:
                    batches = self._begun(part)
                except TooManyRows as error:
                    waiting[:0] = self._parts(part, error)
                else:
                    spool.add(batches)
            yield from _batched(_once(spool.merged()))

    def _parts(self, part: Slice, error: TooManyRows) -> list[Slice]:
        """The part in two. Raises TooManyRows where it is the smallest."""
        if parts := halves(self.ask, part):
            return parts
        raise TooManyRows(
            f"{self.ask.hunt.id} cannot be asked for less at a time. {error} {_cure(self.ask)}"
        ) from error


def halves(ask: Ask, part: Slice) -> list[Slice]:
    """The part in two; nothing where it is the smallest.

    Halves shorter than the overlap ask nearly all of it again: then devices are shared out, as long as they can be.
    """
    half = (part.window.end - part.window.start) / 2
    can_share = ask.by_device and part.shares < _MOST_SHARES
    if half >= (max(ask.overlap, _SHORTEST) if can_share else _SHORTEST):
        middle = part.window.start + half
        windows = (Window(part.window.start, middle), Window(middle, part.window.end))
        return [replace(part, window=window) for window in windows]
    if can_share:
        shares = 2 * part.shares
        return [replace(part, shares=shares, share=share) for share in (part.share, part.share + part.shares)]
    return []


def _cure(ask: Ask) -> str:
    if ask.by_device:
        return "Narrow the hunt's parameters, or look at the devices that make so much."
    return f"Give the hunt the parameters {' and '.join(SHARES)}, so that devices can be shared out, or narrow it."


def _once(events: Iterable[tuple[int, Event]]) -> Iterator[Event]:
    """Each event once: of those with one identity, the ones of the first part that has it.

    Raises TooManyRows for rows that have none, such as counts: the parts' would have to be added up, which nobody can.
    """
    for _, group in groupby(events, key=lambda pair: place(pair[1])[:3]):
        owners: dict[Any, int] = {}
        found = sorted(group, key=itemgetter(0))
        yield from sorted(
            (event for part, event in found if owners.setdefault(_identity(event), part) == part), key=place
        )


def _identity(event: Event) -> Any:
    """What tells the event from others: the whole of it where a part of its identity is null."""
    missing = [name for name in _IDENTITY if name not in event]
    if missing:
        raise TooManyRows(
            f"the answer is too large, and cannot be had in parts: its rows have no {missing[0]}. "
            f"Rows of a query that is to be cut keep {', '.join(_IDENTITY)}."
        )
    found = tuple(event[name] for name in (*_IDENTITY, "Role") if name in event)
    return msgspec.json.encode(event) if None in found[:3] else found


def _batched(events: Iterable[Event]) -> Iterator[list[Event]]:
    batch: list[Event] = []
    for event in events:
        batch.append(event)
        if len(batch) == BATCH_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch
