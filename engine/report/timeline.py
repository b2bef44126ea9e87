"""The geometry of the report's two drawings: pure functions from times to places.

Across, places are percent of a drawing's width, so that one drawing serves a desk and a phone without its text being
scaled; down, they are pixels. Times are ticks of 100 ns. The drawings themselves stand in the templates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from engine.model.event import TICKS_PER_SECOND, ticks, timestamp
from engine.model.finding import Command, Finding
from engine.model.run import Window
from engine.report.words import device

ROW = 22
"""The height of a row in pixels; the style sheet gives the labels beside it the same."""

MOST_DEVICES = 40
MOST_LANES = 12

_MARGIN = 0.03
_MILLISECOND = TICKS_PER_SECOND // 1000
_SECOND, _MINUTE, _HOUR, _DAY = (TICKS_PER_SECOND * seconds for seconds in (1, 60, 3_600, 86_400))
_STEPS = (
    *(_MILLISECOND * step for step in (100, 200, 500)),
    *(_SECOND * step for step in (1, 2, 5, 10, 15, 30)),
    *(_MINUTE * step for step in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * step for step in (1, 2, 3, 6, 12)),
    *(_DAY * step for step in (1, 2, 7, 14, 28, 91, 364)),
)


@dataclass(frozen=True, slots=True)
class Scale:
    """A span of time laid over the width of a drawing."""

    start: int
    end: int

    def at(self, instant: int) -> float:
        """Where an instant stands, in percent of the width."""
        return round(100 * (instant - self.start) / (self.end - self.start), 2)


@dataclass(frozen=True, slots=True)
class Tick:
    """A label on the time axis. A `minor` one may be left out where there is little room."""

    at: float
    label: str
    minor: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """A bar from `start` to `end`, or a dot where both are one. `index` says whose it is in what was drawn."""

    start: float
    end: float
    index: int


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a drawing, `y` its middle."""

    label: str
    y: int
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing to be written down. `day` is the date of its left edge, `left_out` how many rows found no room."""

    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    day: str
    left_out: int = 0

    @property
    def height(self) -> int:
        """Of the rows alone, without the axis below them."""
        return ROW * len(self.rows)


def fleet(findings: Sequence[Finding], window: Window) -> Chart:
    """A row a device, in the order in which the findings name them; a bar a finding. `index` counts findings."""
    names = {finding.device.id: device(finding) for finding in findings}
    row = {each: number for number, each in enumerate(names)}
    spans = [(ticks(finding.start), ticks(finding.end)) for finding in findings]
    edges = [ticks(window.start.isoformat()), ticks(window.end.isoformat())]
    # Late rows and bursts that continue reach beyond the window.
    scale = fit([*edges, *(edge for span in spans for edge in span)])
    owned = [(row[finding.device.id], *span) for finding, span in zip(findings, spans, strict=True)]
    shown = list(names.values())[:MOST_DEVICES]
    return _chart(scale, shown, owned, left_out=len(names) - len(shown))


def lanes(commands: Sequence[Command]) -> Chart:
    """A row an intent, in order of first appearance; a dot a launch. `index` counts commands.

    When there are more than MOST_LANES intents, the last row takes all that found none.
    """
    if not commands:
        return Chart((), (), "")
    titles = {command.intent: command.title or command.intent for command in commands}
    row = {intent: min(number, MOST_LANES - 1) for number, intent in enumerate(titles)}
    labels = list(titles.values())
    if len(labels) > MOST_LANES:
        labels[MOST_LANES - 1 :] = [f"{len(labels) - MOST_LANES + 1} other intents"]
    instants = [ticks(command.time) for command in commands]
    owned = [(row[command.intent], at, at) for command, at in zip(commands, instants, strict=True)]
    return _chart(fit(instants), labels, owned)


def fit(instants: Iterable[int]) -> Scale:
    """A scale that shows every instant, with a little room on both sides; two seconds wide at least."""
    known = sorted(instants)
    start, end = known[0], known[-1]
    room = max(int((end - start) * _MARGIN), _SECOND - (end - start) // 2)
    return Scale(start - room, end + room)


def axis(scale: Scale, most: int = 8) -> tuple[Tick, ...]:
    """At most `most` labels at round times; where a day begins its date stands, elsewhere the time of day."""
    span = scale.end - scale.start
    step = next((step for step in _STEPS if span // step < most), span // most + 1)
    first = -(-scale.start // step) * step
    return tuple(
        Tick(scale.at(instant), _label(instant, step), minor=bool(number % 2))
        for number, instant in enumerate(range(first, scale.end + 1, step))
    )


def _chart(scale: Scale, labels: Sequence[str], owned: Sequence[tuple[int, int, int]], left_out: int = 0) -> Chart:
    """`owned` holds, for each thing drawn, its row, start and end."""
    marks: list[list[Mark]] = [[] for _ in labels]
    for index, (row, start, end) in enumerate(owned):
        if row < len(marks):
            marks[row].append(Mark(scale.at(start), scale.at(end), index))
    rows = tuple(
        Row(label, ROW * number + ROW // 2, tuple(own))
        for number, (label, own) in enumerate(zip(labels, marks, strict=True))
    )
    return Chart(rows, axis(scale), timestamp(scale.start)[:10], left_out)


def _label(instant: int, step: int) -> str:
    if instant % _DAY == 0:
        day = datetime.fromtimestamp(instant // _SECOND, UTC)
        return f"{day.day} {day:%b}"
    written = timestamp(instant)
    if step < _SECOND:
        return written[11:21]
    return written[11:19] if step < _MINUTE else written[11:16]
