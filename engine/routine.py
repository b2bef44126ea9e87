"""What is so routine that a query need not fetch it: lines that say who runs which command.

A line is what `unusual` in a hunt's query.kql makes of a row: the folded path of the actor, its account and the
command, joined by `|`. The first two are empty where the command is no discovery, whoever runs it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import TypeAlias

from engine import learn, parameters
from engine.model.actor import Actor
from engine.model.baseline import Baseline
from engine.model.catalogue import Catalogue, Form, Intent
from engine.model.event import Event
from engine.model.finding import Process
from engine.model.identity import PERSON, Identity, account_kind, folded, identity_of
from engine.steps.classify import CMDLET, SEARCH, intent_of, normalise
from engine.steps.interface import Batch, Context, Step
from engine.steps.name_actors import NameActors
from engine.steps.rarity import HEAVY
from engine.steps.weigh_rarity import WeighRarity

MOST_BYTES = 16_384
_CUT = 400
"""Characters of a command that baseline.kql keeps."""
_LOST = "anything"
"""What baseline.kql writes for a text that may have been anything."""
_NAME = re.compile(r"anyhost(?:\.example)?|anyone|anyguid|anyfile|0{7}")
"""What it writes for a name, an address or a number. Those have no other characters than these, and no dash first."""
_OF_NAMES = "abcdefghijklmnopqrstuvwxyz0123456789_.:@$\\-"
_JOKER = "\0"
_ATOM = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?.|[()|?*+^$]|\{[\d,]+\}|.", re.DOTALL)
_INTRICATE = re.compile(r"\(\?[^:=!]|\\[1-9B]")
_NO_DEVICE = "none"
Builds: TypeAlias = tuple[tuple[str, str], ...]


def routine_lines(
    steps: Sequence[Step], context: Context, baseline: Baseline, *, most_bytes: int = MOST_BYTES
) -> tuple[str, ...]:
    """What to bind a hunt's parameter `routine` to, for a run of its steps in that context.

    It is at most `most_bytes` of KQL, the pairs with the most launches first. Whatever a line stands for weighs
    nothing, on each day of the window and on every device: without it the hunt finds the same. Empty for steps that
    weigh no rarity, and while the baseline is weak. The context's history is that of the `baseline`.
    """
    lines: dict[str, None] = {}
    left = most_bytes
    for line in _lines(steps, context, baseline):
        if line not in lines:
            left -= len(parameters.write(line)) + len(", ")
            if left < 0:
                break
            lines[line] = None
    return tuple(lines)


def _lines(steps: Sequence[Step], context: Context, baseline: Baseline) -> Iterator[str]:
    """Every line that may be left out, by the launches of its pair; one more than once where pairs share it."""
    weigh = next((step for step in steps if isinstance(step, WeighRarity)), None)
    climb = next((step for step in steps if isinstance(step, NameActors)), None)
    if weigh is None or climb is None:
        return
    shells = {folded(shell) for shell in climb.shells}
    for who, command in _by_launches(baseline):
        meaning = _meaning(weigh.catalogue, command)
        if meaning and not meaning.intents:
            yield f"||{meaning.line}"
        elif meaning and who.file_name not in shells and _weighs_nothing(weigh, context, who, meaning.intents):
            yield f"{who.path}|{who.account}|{meaning.line}"


def _by_launches(baseline: Baseline) -> list[tuple[Identity, str]]:
    """Who ran which command, on three devices a day or more: what makes the most rows stands first."""
    launches = Counter[tuple[Identity, str]]()
    for day in baseline.days:
        for pair in day.pairs:
            launches[pair.identity, pair.command] += pair.launches
    return sorted(launches, key=lambda pair: (-launches[pair], pair))


@dataclass(frozen=True, slots=True)
class _Meaning:
    """How the query spells a command in a line, and every intent that a row with that line can have."""

    line: str
    intents: frozenset[str]


def _meaning(catalogue: Catalogue, command: str) -> _Meaning | None:
    """None where it cannot be told. What has no placeholder is what ran, but for capitals and the program's path."""
    program, _, words = command.partition(" ")
    if not command or not (command.isascii() and command.isprintable()) or len(words) >= _CUT or _LOST in words:
        return None
    builds = _builds(program)
    named = _NAME.search(command)
    if any(any(_forms(catalogue, file, original)) for file, original in builds):
        found = (_can_have if named else _has)(catalogue, builds, command)
        return _Meaning(command, frozenset(found))
    action = SEARCH if command.startswith("(") else CMDLET
    asked = intent_of(catalogue, action=action, command_line=command)
    return None if named else _Meaning(f"{action.lower()} {command}", frozenset({asked.id} if asked else ()))


def _has(catalogue: Catalogue, builds: Builds, command: str) -> Iterator[str]:
    for file, original in builds:
        if intent := intent_of(catalogue, file_name=file, original_file_name=original, command_line=command):
            yield intent.id


def _can_have(catalogue: Catalogue, builds: Builds, command: str) -> Iterator[str]:
    """The intents that it has for one name or another in place of the placeholders, and perhaps more."""
    words = _NAME.sub(_JOKER, normalise(command))
    for file, original in builds:
        for intent, form in _forms(catalogue, file, original):
            if not form.arguments or _loosened(form.arguments).search(words):
                yield intent.id


@lru_cache(maxsize=1 << 10)
def _loosened(arguments: str) -> re.Pattern[str]:
    """A pattern that takes a joker wherever a name could stand that makes `arguments` match.

    What fits a character of a name fits a joker too, and as many others before it: a name may be of any length. What
    must not follow, and where words end, is forgotten. Patterns that look back, or are otherwise intricate, take all.
    """
    if _INTRICATE.search(arguments):
        return re.compile("")
    atoms = []
    for atom in _ATOM.findall(arguments):
        if atom == "(?!":
            atoms.append("(?=|")
        elif atom == r"\b":
            continue
        elif atom[0] in "()|?*+^${" or not any(re.fullmatch(atom, each) for each in _OF_NAMES):
            atoms.append(atom)
        else:
            atoms.append(f"(?:{atom}|{_JOKER}|(?={_JOKER}))")
    return re.compile("".join(atoms))


def _builds(program: str) -> Builds:
    """The file names and original file names that `spelled` in the query writes as this program."""
    file, _, original = program.partition(":")
    if original:
        return ((file, original),)
    files = ("net.exe", "net1.exe") if file == "net.exe" else (file,)
    return tuple((name, original) for name in files for original in ("", name))


def _forms(catalogue: Catalogue, file: str, original: str) -> Iterator[tuple[Intent, Form]]:
    """The forms that a launch of the program can have."""
    for intent in catalogue.intents:
        for form in intent.forms:
            if file in form.file_names or original in (*form.file_names, *form.original_file_names):
                yield intent, form


def _weighs_nothing(weigh: WeighRarity, context: Context, identity: Identity, intents: Collection[str]) -> bool:
    """Whether the step itself weighs all of them as nothing on each day of the window, whatever ran beside them.

    Heavy ones are left to the query: they take routine company along. Those of generic hosts are judged by company too.
    """
    hosts = frozenset(weigh.generic_hosts)
    light = {intent.id for intent in weigh.catalogue.intents if intent.weight < HEAVY}
    days = [each.start.date() for each in learn.days(context.window)]
    events = tuple(_event(identity, intent, day) for intent in intents for day in days)
    if identity.sha1 or not light.issuperset(intents) or any(identity_of(event, hosts) != identity for event in events):
        return False
    weighed = weigh(Batch(events), context).events
    return all(event["Weight"] == 0 and event["Identity"] for event in weighed)


def _event(identity: Identity, intent: str, day: date) -> Event:
    """An event of an actor of that identity, on no device that there is."""
    sid = "S-1-5-21-0" if identity.account == PERSON else identity.account
    process = Process(file_name=identity.file_name, folder_path=identity.path)
    return {
        "DeviceId": _NO_DEVICE,
        "Timestamp": f"{day:%Y-%m-%d}T00:00:00.0000000Z",
        "AccountSid": sid if account_kind(sid) == identity.account else f"{sid}-0",
        "Intent": intent,
        "Actor": Actor((_NO_DEVICE, "process", *identity), "process", process),
    }
