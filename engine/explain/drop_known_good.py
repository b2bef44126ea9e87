"""Whom `drop_known_good` excused, by which entry, and which entries nearly fitted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from engine.explain.interface import MOST_LINES, Passage, name, plural
from engine.model.actor import Actor
from engine.model.event import Event
from engine.model.explanation import Line, Section
from engine.model.finding import Process
from engine.model.known_good import KnownGoodEntry
from engine.report import words
from engine.steps.drop_known_good import DropKnownGood

Misfit = tuple[str, str]


def tell(passage: Passage) -> Section:
    """Each entry that excused events, with its owner, its end and its reason; then those that fitted but for a part."""
    lines = [
        Line(mark="dropped", count=count, what=entry.id, why=because(entry))
        for entry, count in excused(passage).most_common()
    ]
    near = Counter(misfit for event in passage.kept for misfit in _near(passage, event))
    lines += [
        Line(mark="near", count=count, what=entry, why=why) for (entry, why), count in near.most_common(MOST_LINES)
    ]
    says = f"{len(passage.dropped):,} of {len(passage.given):,} excused"
    return passage.section(says, lines)


def excused(passage: Passage) -> Counter[KnownGoodEntry]:
    """How many events of the span each entry excused."""
    step: DropKnownGood = passage.step
    today = passage.context.now.date()
    return Counter(entry for event in passage.dropped if (entry := step.excuse(event, today)))


def because(entry: KnownGoodEntry) -> str:
    """Who answers for an entry, until when, and why it stands there."""
    return f"{entry.reason.rstrip('.')} ({entry.owner}, until {entry.expires})"


def _near(passage: Passage, event: Event) -> Iterator[Misfit]:
    """The entries for the actor's file name that did not excuse it, each with what it wants."""
    step: DropKnownGood = passage.step
    today = passage.context.now.date()
    actor: Actor = event["Actor"]
    for entry, fields in step.misfits(event):
        identity = [_identity(field, entry, actor.process) for field in fields if field != "intents"]
        if entry.expires <= today:
            identity.append(f"is no longer excused, since {entry.expires}")
        # What an entry excuses matters only for whom it describes.
        lacks = identity or [f"is not excused for {passage.title(event)}"]
        yield entry.id, f"{name(actor)} {', '.join(lacks)}"


def _identity(field: str, entry: KnownGoodEntry, process: Process) -> str:
    match field:
        case "folder_paths":
            return f"lies in {_folder(process)}, not in {_either(entry.folder_paths)}"
        case "account_sids":
            return f"runs as {process.account_sid or 'an unknown account'}, not as {_either(entry.account_sids)}"
        case "signature_statuses":
            return f"has signature {process.signature_status or 'unknown'}, not {_either(entry.signature_statuses)}"
        case "sha1s":
            return f"has SHA1 {process.sha1 or 'unknown'}, which is not listed"
        case _:
            return "has other arguments"


def _folder(process: Process) -> str:
    return words.path(process).rpartition("\\")[0] or "an unknown folder"


def _either(wanted: tuple[str, ...]) -> str:
    others = len(wanted) - 1
    return f"{wanted[0]} (or {others} {plural(others, 'other')})" if others else wanted[0]
