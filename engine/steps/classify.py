r"""What a command line, a cmdlet or an LDAP search is for.

Spelling is the attacker's to choose: `whoami /all`, `w"ho"ami  -ALL` and `C:\Windows\System32\WHOAMI.EXE /a^ll>f` are
one. So a line is first brought into one spelling, then asked for its intent.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, TypeAlias

from engine.model.catalogue import Catalogue, Form, Intent
from engine.model.event import Event, text
from engine.steps.interface import Batch, Context

CMDLET, SEARCH = "PowerShellCommand", "LdapSearch"
"""The ActionTypes of rows that are no launches. Their text stands where a launch has its command line."""

LONGEST = 4096
_REMEMBERED_LAUNCHES = 1 << 14
_REMEMBERED_LENGTH = 1024

# Possessive quantifiers, and classes that exclude what follows them: no line makes these patterns go back far.
_PROGRAM = re.compile(
    r"""\s*+(?:
        [a-z]:(?:\\[^\\/:*?"<>|]++)+?\\[^\\/:*?"<>|\s]+\.(?:exe|com)(?=[\s"]|$)  # a path, blanks in it, no quotes
      | [\w.-]++(?=/)                                                            # ipconfig/all
      | (?:"[^"]*+"?|[^\s"]++)++                                                 # w"ho"ami
    )""",
    re.VERBOSE | re.IGNORECASE,
)
# `>=` compares in an LDAP filter, it does not redirect.
_REDIRECTION = re.compile(r'(?:(?<!\S)\d)?(?:>>?|<)(?!=)\s*+(?:&\s?\d|"[^"]*+"?|[^\s"&|<>]*+)')
_OPTION = re.compile(r"(?<!\S)[-\u2010-\u2015]++(?=\S)")
_HELP = re.compile(r"(?:^| )[/-](?:\?|help)(?: |$)")
# A name where PowerShell takes a command: at the start, or behind what ends a command or opens another.
_COMMAND = re.compile(r"(?:^|[;|&({}=]) ?+(?:[\w.]++\\)?\[?+([a-z][\w.-]*+)\]?+(?=([^;|]{0,512}+))")
_AROUND = re.compile(r" ?([()&|!=<>~]) ?")
_SCHEMA_CLASS = re.compile(r"=cn=([\w-]++),cn=schema,[^)]*+")


def normalise(command_line: str) -> str:
    """The arguments after the program in one spelling, at most 4,096 characters.

    Lower case, one blank between words, no quotes, carets or redirections, `/` before options.
    """
    line = command_line.replace("^", "")
    rest = _REDIRECTION.sub(" ", line[_program_end(line) :])
    words = " ".join(rest.replace('"', "").lower().split())
    return _OPTION.sub("/", words)[:LONGEST]


def program_of(command_line: str) -> str:
    """The file name that a command line starts, in lower case; `.exe` where it has no extension."""
    line = command_line.replace("^", "")
    path = line[: _program_end(line)].replace('"', "").strip().lower()
    name = re.split(r"[\\/]", path)[-1]
    return name if not name or "." in name else f"{name}.exe"


def cmdlets_of(command: str) -> list[tuple[str, str]]:
    """The commands that a text of PowerShell runs, in order: each name and what follows it, in lower case, unquoted.

    Where only the name was recorded, nothing follows. At most 4,096 characters are read, 512 behind each name.
    """
    line = re.sub(r"[`\"']", "", command[:LONGEST].lower())
    line = " ".join(re.sub(r"[\r\n]+", ";", line.strip()).split())
    return [(found[1], found[2].strip()) for found in _COMMAND.finditer(line)]


def plain_filter(search_filter: str) -> str:
    """An LDAP filter in one spelling: lower case, no blanks around signs, a class by its name and not its path."""
    line = _AROUND.sub(r"\1", " ".join(search_filter[:LONGEST].lower().split()))
    return _SCHEMA_CLASS.sub(r"=\1", line)


def intents_of(
    catalogue: Catalogue, *, file_name: str = "", original_file_name: str = "", command_line: str = "", action: str = ""
) -> tuple[Intent, ...]:
    """Every intent of a launch, in the catalogue's order: one or none, or else the catalogue is at fault.

    An empty command line is an unknown one: only forms that take any arguments have it. `action` is the ActionType:
    where it is PowerShellCommand or LdapSearch, `command_line` is the command or the filter, and names do not matter.
    """
    return tuple(dict.fromkeys(_indexed(catalogue).matches(action, file_name, original_file_name, command_line)))


def intent_of(
    catalogue: Catalogue, *, file_name: str = "", original_file_name: str = "", command_line: str = "", action: str = ""
) -> Intent | None:
    """The first intent of a launch in the catalogue's order, or None; of a text of PowerShell, that of its first."""
    return next(_indexed(catalogue).matches(action, file_name, original_file_name, command_line), None)


@dataclass(frozen=True, slots=True)
class Classify:
    """Keeps the events that have an intent, and names it in the column `Intent`. The others are no discovery.

    `catalogue` lists the intents. A program is known by its file name or, when renamed, by its original file name. Rows
    whose ActionType is PowerShellCommand or LdapSearch are judged by the cmdlet or the filter in ProcessCommandLine;
    all others are launches.
    """

    reads: ClassVar[tuple[str, ...]] = (
        "ActionType",
        "FileName",
        "ProcessVersionInfoOriginalFileName",
        "ProcessCommandLine",
    )
    adds: ClassVar[tuple[str, ...]] = ("Intent",)

    catalogue: Catalogue

    def __call__(self, batch: Batch, context: Context) -> Batch:  # noqa: ARG002 - every step is given the context
        """The batch with the events that have an intent; the others are dropped as "no discovery"."""
        lookup = _lookup(self.catalogue)
        kept: list[Event] = []
        for event in batch.events:
            action, name = text(event, "ActionType"), text(event, "FileName")
            original, line = text(event, "ProcessVersionInfoOriginalFileName"), text(event, "ProcessCommandLine")
            intent = lookup(action, name, original, line)
            if intent is not None:
                kept.append({**event, "Intent": intent.id})
        return batch.keep(kept, "no discovery")


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A form's patterns, compiled."""

    intent: Intent
    arguments: re.Pattern[str] | None
    unless: re.Pattern[str] | None

    def takes(self, arguments: str | None) -> bool:
        """Whether normalised arguments fit. None are unknown arguments."""
        if arguments is None:
            return self.arguments is None
        if self.arguments is not None and self.arguments.search(arguments) is None:
            return False
        return self.unless is None or self.unless.search(arguments) is None


@dataclass(frozen=True, slots=True)
class _Index:
    """A catalogue made ready: its forms in order, and where the forms of a program stand."""

    patterns: tuple[_Pattern, ...]
    by_file_name: Mapping[str, list[int]]
    by_original_file_name: Mapping[str, list[int]]
    by_cmdlet: Mapping[str, list[int]]
    searches: tuple[int, ...]

    def matches(self, action: str, file_name: str, original_file_name: str, command_line: str) -> Iterator[Intent]:
        """The intents of the forms that take a row, in order; one comes twice when two of its forms do."""
        if action == CMDLET:
            for name, arguments in cmdlets_of(command_line):
                yield from self._taking(self.by_cmdlet.get(name, ()), arguments)
        elif action == SEARCH:
            yield from self._taking(self.searches, plain_filter(command_line))
        else:
            yield from self._launched(file_name, original_file_name, command_line)

    def _launched(self, file_name: str, original_file_name: str, command_line: str) -> Iterator[Intent]:
        # A version resource that stands in a language file calls itself NLTESTRK.EXE.MUI.
        original = original_file_name.lower().removesuffix(".mui")
        places = {*self.by_file_name.get(file_name.lower(), ()), *self.by_original_file_name.get(original, ())}
        if not places:
            return
        yield from self._taking(sorted(places), normalise(command_line) if command_line.strip() else None)

    def _taking(self, places: Iterable[int], arguments: str | None) -> Iterator[Intent]:
        if not arguments or not _HELP.search(arguments):
            yield from (self.patterns[place].intent for place in places if self.patterns[place].takes(arguments))


_Lookup: TypeAlias = Callable[[str, str, str, str], Intent | None]


@lru_cache(maxsize=8)
def _indexed(catalogue: Catalogue) -> _Index:
    """The catalogue made ready, once."""
    forms = [(intent, form) for intent in catalogue.intents for form in intent.forms]
    return _Index(
        patterns=tuple(_compiled(intent, form) for intent, form in forms),
        by_file_name=_places([form.file_names for _, form in forms]),
        by_original_file_name=_places([form.file_names + form.original_file_names for _, form in forms]),
        by_cmdlet=_places([form.cmdlets for _, form in forms]),
        searches=tuple(place for place, (_, form) in enumerate(forms) if form.search_filter),
    )


def _places(names_of_forms: list[tuple[str, ...]]) -> dict[str, list[int]]:
    """Where the forms of a name stand."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, names in enumerate(names_of_forms):
        for name in names:
            places[name].append(place)
    return dict(places)


def _compiled(intent: Intent, form: Form) -> _Pattern:
    wanted = form.arguments or form.search_filter
    arguments, unless = (re.compile(pattern) if pattern else None for pattern in (wanted, form.unless))
    return _Pattern(intent, arguments, unless)


@lru_cache(maxsize=8)
def _lookup(catalogue: Catalogue) -> _Lookup:
    """Gives a launch's intent and remembers it, for telemetry repeats itself; long lines are not worth the memory."""
    index = _indexed(catalogue)

    def find(action: str, file_name: str, original_file_name: str, command_line: str) -> Intent | None:
        return next(index.matches(action, file_name, original_file_name, command_line), None)

    remembered: _Lookup = lru_cache(maxsize=_REMEMBERED_LAUNCHES)(find)

    def lookup(action: str, file_name: str, original_file_name: str, command_line: str) -> Intent | None:
        long = len(command_line) > _REMEMBERED_LENGTH
        return (find if long else remembered)(action, file_name, original_file_name, command_line)

    return lookup


def _program_end(line: str) -> int:
    """Where the arguments begin."""
    program = _PROGRAM.match(line)
    return program.end() if program else 0
