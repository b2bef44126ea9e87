"""Drops what known-good actors ran. An identity excuses: full folder, account, signature or hash; never a name."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from typing import ClassVar

from engine.model.actor import Actor, image_path
from engine.model.event import Event
from engine.model.known_good import KnownGood, KnownGoodEntry
from engine.steps.interface import Batch, Context


@dataclass(frozen=True)
class DropKnownGood:
    """Drops the events that an entry of `known_good` excuses, and counts them by the entry.

    The actor process must lie in one of the entry's folders; an unknown folder is excused by nothing. Expired entries
    excuse nothing.
    """

    reads: ClassVar[tuple[str, ...]] = ("Intent", "Actor")
    adds: ClassVar[tuple[str, ...]] = ()

    known_good: KnownGood

    def __call__(self, batch: Batch, context: Context) -> Batch:
        """The batch without the excused events; `dropped` says how many by which entry."""
        today = context.now.date()
        kept: list[Event] = []
        excused: Counter[str] = Counter()
        for event in batch.events:
            entry = next((entry for entry in self.known_good.entries if excuses(entry, event, today)), None)
            if entry is None:
                kept.append(event)
            else:
                excused[f"known good: {entry.id}"] += 1
        return replace(batch, events=tuple(kept), dropped=Counter(batch.dropped) + excused)


def excuses(entry: KnownGoodEntry, event: Event, today: date) -> bool:
    """Whether the entry excuses this event on this day."""
    actor: Actor = event["Actor"]
    process = actor.process
    return (
        process.file_name.lower() == entry.file_name.lower()
        and today < entry.expires
        and _lies_in(image_path(process.folder_path, process.file_name), entry)
        and _one_of(process.account_sid, entry.account_sids)
        and _one_of(process.signature_status, entry.signature_statuses)
        and _one_of(process.sha1, entry.sha1s)
        and _one_of(event["Intent"], entry.intents)
    )


def _lies_in(path: str, entry: KnownGoodEntry) -> bool:
    """`*` stands for one part of the path: it never crosses a backslash."""
    parts = path.split("\\")[:-1]
    for folder in entry.folder_paths:
        wanted = folder.lower().rstrip("\\").split("\\")
        if path and len(parts) == len(wanted) and all(map(_part_fits, parts, wanted)):
            return True
    return False


def _part_fits(part: str, wanted: str) -> bool:
    return fnmatchcase(part, wanted.replace("[", "[[]"))


def _one_of(value: str, allowed: tuple[str, ...]) -> bool:
    return not allowed or value.lower() in {each.lower() for each in allowed}
