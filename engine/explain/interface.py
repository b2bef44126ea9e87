"""What a step's explanation is: from the batch before it and after it to a Section."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from engine.model.actor import Actor
from engine.model.event import Event, instant, span_ticks, text, ticks
from engine.model.explanation import Line, Mark, Section
from engine.model.finding import Account
from engine.model.run import Window
from engine.report import words
from engine.steps.interface import Batch, Context

MOST_LINES = 6
_IDENTITY = ("Timestamp", "ReportId", "ProcessId", "FileName", "ProcessCommandLine")


class Span(NamedTuple):
    """A half-open span of ticks, the one that is asked about."""

    start: int
    end: int

    def holds(self, event: Event) -> bool:
        """Whether the event lies in it."""
        return self.start <= ticks(event["Timestamp"]) < self.end

    def clock(self, instant: int) -> str:
        """A tick to the second; its date stands before it where the span has more than one."""
        written = words.moment(instant)
        days = {words.moment(edge)[:10] for edge in (self.start, self.end - 1, instant)}
        return written if len(days) > 1 else written[11:]

    def meets(self, start: int, end: int) -> bool:
        """Whether what lasts from `start` to `end`, both included, has a part in it."""
        return start < self.end and end >= self.start


@dataclass(frozen=True)
class Passage:
    """One step at work on one device. The batches hold the whole window; `span` is the part that is asked about.

    `name` is the step's in hunt.yaml; `titles` are what intents are called, by id.
    """

    name: str
    step: Any
    before: Batch
    after: Batch
    context: Context
    span: Span
    titles: Mapping[str, str]

    @cached_property
    def given(self) -> list[Event]:
        """The events of the span that the step was given."""
        return [event for event in self.before.events if self.span.holds(event)]

    @cached_property
    def kept(self) -> list[Event]:
        """Those that it passed on, extended with what it adds."""
        return [event for event in self.after.events if self.span.holds(event)]

    @cached_property
    def dropped(self) -> list[Event]:
        """Those that it did not."""
        return without(self.given, self.kept, _IDENTITY)

    def section(self, says: str, lines: Iterable[Line]) -> Section:
        """The step's section, with how many events it was given and kept."""
        return Section(step=self.name, given=len(self.given), kept=len(self.kept), says=says, lines=tuple(lines))

    def title(self, event: Event) -> str:
        """What the event's command is for, in words."""
        return self.titles.get(event["Intent"], event["Intent"])


class Words(Protocol):
    """Tells what one class of step did."""

    def __call__(self, passage: Passage) -> Section:
        """The section of that step."""
        ...


def without(events: Iterable[Event], others: Iterable[Event], columns: tuple[str, ...]) -> list[Event]:
    """The events without as many of each kind as `others` holds; a kind is what equal `columns` have."""
    taken = Counter(tuple(text(event, column) for column in columns) for event in others)
    left: list[Event] = []
    for event in events:
        kind = tuple(text(event, column) for column in columns)
        if taken[kind]:
            taken[kind] -= 1
        else:
            left.append(event)
    return left


def tick_span(window: Window) -> Span:
    """A window in ticks."""
    return Span(instant(window.start), instant(window.end))


def counted(
    mark: Mark, things: Iterable[tuple[str, str]], *, most: int = MOST_LINES, noun: str = "other"
) -> list[Line]:
    """A line for each different pair of what and why, the most frequent first; beyond `most`, one for the rest."""
    ranked = Counter(things).most_common()
    lines = [Line(mark=mark, count=count, what=what, why=why) for (what, why), count in ranked[:most]]
    rest = ranked[most:]
    if rest:
        more = words.count(len(rest), noun)
        lines.append(Line(mark=mark, count=sum(count for _, count in rest), what=f"and {more}"))
    return lines


def name(actor: Actor) -> str:
    """The file name of the actor process."""
    return actor.process.file_name or "an unknown process"


def label(event: Event) -> str:
    """Who ran the event, told apart from others of the same name."""
    actor: Actor = event["Actor"]
    match actor.kind:
        case "session":
            session = f", session {actor.key[-1]}" if actor.key[-2] == "session" else ""
            return f"{name(actor)}{session} of {_account(event)}"
        case "remote":
            return f"{name(actor)} as {_account(event)}"
        case _:
            return name(actor) if actor.process.process_id is None else f"{name(actor)} ({actor.process.process_id})"


def _account(event: Event) -> str:
    return words.account(Account(*(text(event, f"Account{column}") for column in ("Name", "Domain", "Sid"))))


def listed(names: Iterable[str], most: int = 6) -> str:
    """`A, B and 3 more`, each name once."""
    unique = list(dict.fromkeys(names))
    more = len(unique) - most
    return ", ".join(unique[:most]) + (f" and {more} more" if more > 0 else "")


def minutes(span: timedelta) -> str:
    """A span in words: `10 min`."""
    return words.duration(span_ticks(span))


def plural(number: int, one: str, many: str = "") -> str:
    """The noun that goes with a number: `is` or `are`, `command` or `commands`."""
    return one if number == 1 else many or f"{one}s"
