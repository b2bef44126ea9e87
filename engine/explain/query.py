"""What the hunt's query returned of all that the device did, and what it left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from engine.explain.interface import Span, counted, listed, minutes, plural, without
from engine.model.catalogue import Catalogue, Intent
from engine.model.event import Event, text
from engine.model.explanation import Line, Section
from engine.report import words
from engine.steps.classify import intent_of
from engine.steps.find_bursts import FindBursts
from engine.steps.interface import Batch

_IDENTITY = ("Timestamp", "ReportId")
_MOST_PROGRAMS = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """All that the device did in the span, and what the query returned of it.

    `left_out` is what it did not return, `discovery` the part of that which has an intent.
    """

    deeds: Sequence[Event]
    judged: Sequence[Event]
    shells: int
    left_out: Sequence[Event]
    discovery: Sequence[tuple[Event, Intent]]


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why a query does not return a discovery command: it reads only `tables`, and may leave out what is too little.

    No query loses a burst, so that near what it leaves out there are fewer than `least` commands within `window`.
    """

    tables: Collection[str]
    finder: FindBursts | None

    def of(self, event: Event) -> str:
        """The reason for one command."""
        source = text(event, "Source")
        if source not in self.tables:
            return f"the hunt does not read {source}"
        if self.finder is None:
            return "the query does not ask for it"
        return f"fewer than {self.finder.least} different commands within {minutes(self.finder.window)}"


def answer(deeds: Sequence[Event], batch: Batch, span: Span, catalogue: Catalogue) -> Answer:
    """The query's answer, which `batch` holds, beside the device's deeds in the span."""
    judged = [event for event in batch.events if span.holds(event)]
    shells = [event for event in batch.shells if span.holds(event)]
    rest = without(deeds, judged, _IDENTITY)
    left_out = without(rest, shells, _IDENTITY)
    found = [(event, intent) for event in left_out if (intent := _intent(event, catalogue))]
    return Answer(deeds, judged, len(rest) - len(left_out), left_out, found)


def section(held: Answer, catalogue: Catalogue, reasons: Reasons) -> Section:
    """What was returned, and of the rest what is discovery, what only might have been, and what is none."""
    beside = f", and {words.count(held.shells, 'shell')} to tell who started them" if held.shells else ""
    says = f"{len(held.judged):,} of {in_words(held.deeds)} returned{beside}"
    discovery = [
        (text(event, "ProcessCommandLine"), f"{intent.title}: left out, {reasons.of(event)}")
        for event, intent in held.discovery
    ]
    others = without(held.left_out, [event for event, _ in held.discovery], _IDENTITY)
    programs = {name for intent in catalogue.intents for form in intent.forms for name in form.file_names}
    lines = [
        *counted("dropped", discovery, noun="command left out"),
        *_programs("as run, no discovery", (each for each in others if _name(each).lower() in programs)),
        *_programs("not in the catalogue", (each for each in others if _name(each).lower() not in programs)),
    ]
    return Section(step="query", given=len(held.deeds), kept=len(held.judged), says=says, lines=tuple(lines))


def in_words(events: Sequence[Event]) -> str:
    """How many deeds of which kind: `71 events (68 process creations, 3 cmdlets and searches)`."""
    launches = sum(text(event, "Source") == "DeviceProcessEvents" for event in events)
    others = len(events) - launches
    created = words.count(launches, "process creation")
    recorded = f"{others:,} {plural(others, 'cmdlet or search', 'cmdlets and searches')}"
    return f"{words.count(len(events), 'event')} ({created}, {recorded})" if others else created


def _programs(what: str, events: Iterable[Event]) -> list[Line]:
    """One line for events whose program alone matters; none for none."""
    programs = Counter(_name(event) for event in events)
    if not programs:
        return []
    named = listed([f"{name} {count:,}" for name, count in programs.most_common()], _MOST_PROGRAMS)
    return [Line(mark="dropped", count=programs.total(), what=what, why=named)]


def _name(event: Event) -> str:
    return text(event, "FileName") or "an unknown program"


def _intent(event: Event, catalogue: Catalogue) -> Intent | None:
    return intent_of(
        catalogue,
        file_name=text(event, "FileName"),
        original_file_name=text(event, "ProcessVersionInfoOriginalFileName"),
        command_line=text(event, "ProcessCommandLine"),
        action=text(event, "ActionType"),
    )
