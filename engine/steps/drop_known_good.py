"""Drops what known-good actors ran. An identity excuses: full folder, account, signature or hash; never a name."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import ClassVar, NamedTuple

from engine.model.actor import Actor, image_path
from engine.model.catalogue import Catalogue
from engine.model.event import Event
from engine.model.finding import Process
from engine.model.known_good import KnownGood, KnownGoodEntry, is_closed
from engine.steps.classify import normalise
from engine.steps.interface import Batch, Context
from engine.steps.rarity import HEAVY

_VERSIONED = r"(?=[^\\]*\w)[^\\:~]+"  # no dots alone, no stream, no 8.3 name
_UNKNOWN = frozenset({"", "unknown"})
_REMEMBERED_PROCESSES = 1 << 8
_NO_CATALOGUE = Catalogue(())


@dataclass(frozen=True)
class DropKnownGood:
    """Drops the events that an entry of `known_good` excuses, and counts them by the entry.

    The actor process must be what the entry describes; one known by name alone is excused by nothing. Account and
    signature are held against it where the data has them. Where users can write, the folder proves nothing: there an
    entry must name a signature status or a hash, and all that it names must be known. `catalogue` tells which intents
    are heavy; one that it does not hold is taken for heavy.
    """

    reads: ClassVar[tuple[str, ...]] = ("Intent", "Actor")
    adds: ClassVar[tuple[str, ...]] = ()

    known_good: KnownGood
    catalogue: Catalogue = _NO_CATALOGUE

    def __call__(self, batch: Batch, context: Context) -> Batch:
        """The batch without the excused events; `dropped` says how many by which entry."""
        today = context.now.date()
        kept: list[Event] = []
        excused: Counter[str] = Counter()
        lapsed: Counter[str] = Counter()
        for event in batch.events:
            covering = self._covering(event)
            entry = _first(covering, today)
            if entry is not None:
                excused[entry.id] += 1
                continue
            kept.append(event)
            if covering:
                lapsed[covering[0].id] += 1
        return replace(
            batch,
            events=tuple(kept),
            dropped=Counter(batch.dropped) + Counter({f"known good: {entry}": n for entry, n in excused.items()}),
            notes={
                **batch.notes,
                **{f"{entry} in known-good has expired and would have excused": n for entry, n in lapsed.items()},
            },
        )

    def excuse(self, event: Event, today: date) -> KnownGoodEntry | None:
        """The first entry that excuses the event on that day."""
        return _first(self._covering(event), today)

    def misfits(self, event: Event) -> Iterator[tuple[KnownGoodEntry, tuple[str, ...]]]:
        """Each entry for the actor's file name, and the fields of it that the event and its actor do not fit."""
        actor: Actor = event["Actor"]
        program = _ready(self.known_good, self.catalogue).get(actor.process.file_name.lower())
        for excuse in program.excuses if program else ():
            yield excuse.entry, tuple(excuse.misfits(event))

    def lapsed(self, batch: Batch, context: Context) -> dict[str, int]:
        """How many events of the batch each expired entry, by its id, would have excused; renewed ones do not count."""
        today = context.now.date()
        counts: Counter[str] = Counter()
        for event in batch.events:
            covering = self._covering(event)
            if covering and all(entry.expires <= today for entry in covering):
                counts[covering[0].id] += 1
        return dict(counts)

    def _covering(self, event: Event) -> list[KnownGoodEntry]:
        """The entries that describe the event and its actor, expired ones too, in the list's order."""
        process: Process = event["Actor"].process
        program = _ready(self.known_good, self.catalogue).get(process.file_name.lower())
        if program is None:
            return []
        intent = event["Intent"]
        fitting = program.fitting(_traits(process, asked=program.asks_for_arguments))
        return [excuse.entry for excuse in fitting if intent in excuse.intents]


def _first(covering: Iterable[KnownGoodEntry], today: date) -> KnownGoodEntry | None:
    for entry in covering:
        if today < entry.expires:
            return entry
    return None


class _Traits(NamedTuple):
    """What of an actor process an entry is held against: alike for many processes, unlike ids and times."""

    file_name: str
    folder_path: str
    account_sid: str
    signature_status: str
    sha1: str
    command_line: str


def _traits(process: Process, *, asked: bool) -> _Traits:
    """The command line is left out where no entry asks for it."""
    return _Traits(
        process.file_name,
        process.folder_path,
        process.account_sid,
        process.signature_status,
        process.sha1,
        process.command_line if asked else "",
    )


@dataclass(frozen=True, slots=True)
class _Excuse:
    """An entry made ready: `image` matches full paths, `intents` are all that it excuses; all in lower case."""

    entry: KnownGoodEntry
    image: re.Pattern[str]
    intents: frozenset[str]
    account_sids: frozenset[str]
    signature_statuses: frozenset[str]
    sha1s: frozenset[str]
    command_lines: tuple[re.Pattern[str], ...]

    def misfits(self, event: Event) -> Iterator[str]:
        """The entry's fields that the event or its actor does not fit; without any, the entry covers it."""
        actor: Actor = event["Actor"]
        if event["Intent"] not in self.intents:
            yield "intents"
        yield from self.unlike(_traits(actor.process, asked=bool(self.command_lines)))

    def unlike(self, process: _Traits) -> Iterator[str]:
        """The entry's fields that an actor process does not fit."""
        path = image_path(process.folder_path, process.file_name)
        closed = is_closed(path)
        if not self.image.fullmatch(path) or not (closed or self.signature_statuses or self.sha1s):
            yield "folder_paths"
        if not _fits(process.account_sid, self.account_sids, unknown_fits=closed):
            yield "account_sids"
        if not _fits(process.signature_status, self.signature_statuses, unknown_fits=closed):
            yield "signature_statuses"
        if not _fits(process.sha1, self.sha1s, unknown_fits=False):
            yield "sha1s"
        if not self._takes(process.command_line):
            yield "command_lines"

    def _takes(self, command_line: str) -> bool:
        if not self.command_lines:
            return True
        arguments = normalise(command_line)
        return any(pattern.fullmatch(arguments) for pattern in self.command_lines)


def _fits(value: str, named: frozenset[str], *, unknown_fits: bool) -> bool:
    lower = value.lower()
    return not named or lower in named or (unknown_fits and lower in _UNKNOWN)


@dataclass(frozen=True, slots=True)
class _Program:
    """The excuses for one file name; `fitting` gives those that a process fits, whatever it ran."""

    excuses: tuple[_Excuse, ...]
    asks_for_arguments: bool
    fitting: Callable[[_Traits], tuple[_Excuse, ...]]


@lru_cache(maxsize=8)
def _ready(known_good: KnownGood, catalogue: Catalogue) -> Mapping[str, _Program]:
    """The programs by file name, once for a list and a catalogue."""
    light = frozenset(intent.id for intent in catalogue.intents if intent.weight < HEAVY)
    excuses: defaultdict[str, list[_Excuse]] = defaultdict(list)
    for entry in known_good.entries:
        excuses[entry.file_name.lower()].append(_made_ready(entry, light))
    return {name: _program(tuple(each)) for name, each in excuses.items()}


def _program(excuses: tuple[_Excuse, ...]) -> _Program:
    """Remembers what processes fit, for telemetry repeats itself."""

    @lru_cache(maxsize=_REMEMBERED_PROCESSES)
    def fitting(process: _Traits) -> tuple[_Excuse, ...]:
        return tuple(excuse for excuse in excuses if not any(excuse.unlike(process)))

    return _Program(excuses, any(excuse.command_lines for excuse in excuses), fitting)


def _made_ready(entry: KnownGoodEntry, light: frozenset[str]) -> _Excuse:
    folders = "|".join(_pattern(folder) for folder in entry.folder_paths)
    return _Excuse(
        entry,
        image=re.compile(rf"(?:{folders})\\{re.escape(entry.file_name.lower())}"),
        intents=frozenset(entry.intents) or light,
        account_sids=_lowered(entry.account_sids),
        signature_statuses=_lowered(entry.signature_statuses),
        sha1s=_lowered(entry.sha1s),
        command_lines=tuple(re.compile(pattern) for pattern in entry.command_lines),
    )


def _lowered(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word.lower() for word in words)


def _pattern(folder: str) -> str:
    """A folder as a regular expression of paths in lower case."""
    return re.escape(folder.lower().rstrip("\\")).replace(r"\*", _VERSIONED)
