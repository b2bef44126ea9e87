"""Which commands `fold_repeats` lets count once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from engine.explain.interface import MOST_LINES, Passage, counted, name
from engine.model.event import Event, text
from engine.model.explanation import Section
from engine.steps.fold_repeats import FoldRepeats, Form

_SAYS: Mapping[Form, str] = {
    "each": "in a window a command counts once, however often it ran",
    "all": "launches count, unless one program is all that a window holds",
    "majority": "launches count, but for a program that has more than half of a window",
}


def tell(passage: Passage) -> Section:
    """How repeats count, and what was repeated most."""
    step: FoldRepeats = passage.step
    if step.form != "each":
        programs = [(text(event, "FileName").lower(), "launches") for event in passage.kept]
        return passage.section(_SAYS[step.form], counted("kept", programs, most=MOST_LINES // 2, noun="more program"))
    repeats = Counter(_command(event) for event in passage.kept)
    repeated = [
        (text(event, "ProcessCommandLine"), f"{passage.title(event)}, by {name(event['Actor'])}")
        for event in _first_spelled(passage.kept)
        for _ in range(repeats[_command(event)])
        if repeats[_command(event)] > 1
    ]
    return passage.section(_SAYS[step.form], counted("note", repeated, most=MOST_LINES // 2, noun="more command"))


def _command(event: Event) -> tuple[object, ...]:
    return event["Actor"].key, event["Intent"]


def _first_spelled(events: list[Event]) -> list[Event]:
    """The first event of each actor and intent."""
    return list({_command(event): event for event in reversed(events)}.values())[::-1]
