"""Learns a baseline: a hunt's `baseline.kql`, one day an execution, its commands read as intents."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import msgspec

from engine import parameters
from engine.errors import StoreError, VizslaError
from engine.model.baseline import Baseline, Day, Habit, History, IntentSet, Own, Pair, Presence
from engine.model.catalogue import Catalogue
from engine.model.event import Event, text
from engine.model.hunt import Hunt
from engine.model.identity import Identity
from engine.model.run import Window
from engine.sources.interface import Source
from engine.steps.classify import intent_of
from engine.stores.interface import Store

_DAY = timedelta(days=1)


def learn(hunt: Hunt, source: Source, window: Window) -> Day:
    """The aggregate of a window, filed under the day it starts on. Raises VizslaError without a baseline.kql."""
    if hunt.baseline_query is None:
        raise VizslaError(f"{hunt.id} learns no baseline: it has no baseline.kql.")
    values = {**hunt.defaults, "since": window.start}
    reach = parameters.timespan(hunt.definition.schedule.reach)
    rows = source.rows(parameters.bind(hunt.baseline_query, values), Window(window.start - reach, window.end))
    return _day(window.start.date(), [row for batch in rows for row in batch], _catalogue(hunt))


def known(hunt: Hunt, window: Window, *, source: Source, baseline: Baseline | None) -> History:
    """What is known of the days before the window's events; where that is too little, the fleet inside it stands in."""
    learned = baseline or Baseline(hunt.id)
    if not is_new_to(hunt, learned, window.end.date()):
        return History(learned)
    earlier = learned.before(window.start.date()).days
    return History(Baseline(hunt.id, (*earlier, learn(hunt, source, window)), stand_in=True))


def remembered(store: Store, tenant: str, hunt: str) -> Baseline:
    """What a store holds of the hunt's baseline. A day on which no device sent anything taught nothing."""
    return Baseline(hunt, tuple(day for day in store.days(tenant, hunt) if day.devices))


def is_new_to(hunt: Hunt, learned: Baseline, day: date) -> bool:
    """Whether a hunt that learns knows too little of the days before this one to excuse anything."""
    return hunt.baseline_query is not None and learned.before(day).weak


def days(window: Window) -> Iterator[Window]:
    """The whole and part days (UTC) of a window, oldest first."""
    start = window.start
    while start < window.end:
        midnight = datetime.combine(start.date() + _DAY, time(), UTC)
        yield Window(start, min(midnight, window.end))
        start = midnight


def held(file: Path) -> Baseline:
    """The baseline in a file, of whichever hunt. Raises StoreError."""
    try:
        return msgspec.json.decode(gzip.decompress(file.read_bytes()), type=Baseline)
    except (OSError, EOFError, zlib.error, msgspec.DecodeError) as error:
        raise StoreError(f"{file} is no baseline of Vizsla: {error}. `vizsla baseline learn` makes one.") from error


def read(file: Path, hunt: str) -> Baseline:
    """The baseline in a file; an empty one when there is no file yet. Raises StoreError."""
    if not file.exists():
        return Baseline(hunt)
    baseline = held(file)
    if baseline.hunt != hunt:
        raise StoreError(f"{file} is the baseline of {baseline.hunt}, not of {hunt}.")
    return baseline


def write(file: Path, baseline: Baseline) -> None:
    """Writes the baseline whole, or leaves the file as it was. Raises StoreError."""
    fresh = file.with_name(file.name + ".new")
    try:
        fresh.write_bytes(gzip.compress(msgspec.json.encode(baseline), mtime=0))
        fresh.replace(file)
    except OSError as error:
        raise StoreError(f"{file} cannot be written: {error.strerror}.") from error


def _day(day: date, rows: list[Event], catalogue: Catalogue) -> Day:
    """Rows of a baseline.kql, by their column Kind.

    Commands without an intent are no discovery and left out, but for pairs: their launches need not be fetched.
    """
    pairs: list[Pair] = []
    own: set[tuple[str, Identity, str]] = set()
    habits: set[tuple[str, str]] = set()
    sets: list[IntentSet] = []
    presences: list[Presence] = []
    devices = 0
    for row in rows:
        identity = Identity(text(row, "Actor"), text(row, "Account"), text(row, "Sha1"))
        match row["Kind"]:
            case "fleet":
                devices = row["Devices"]
            case "set":
                intents = sorted(set(filter(None, (_intent(line, catalogue) for line in row["Command"].split("\n")))))
                sets.append(IntentSet(identity, tuple(intents), row["Devices"]))
            case "account":
                presences.append(Presence(identity.account, tuple(filter(None, text(row, "Command").split("\n")))))
            case "pair":
                intent = _intent(_launch(row), catalogue)
                pairs.append(Pair(identity, intent, text(row, "Command"), row["Devices"], row["Launches"]))
            case kind if intent := _intent(_launch(row), catalogue):
                if kind == "habit":
                    habits.add((identity.account, intent))
                else:
                    own.add((text(row, "DeviceId"), identity, intent))
    kept = (tuple(pairs), tuple(Own(*each) for each in sorted(own)), tuple(sets))
    return Day(day, devices, *kept, tuple(Habit(*each) for each in sorted(habits)), tuple(presences))


# Rows of DeviceEvents stand under their ActionType instead of a file name.
_ACTIONS = {"powershellcommand": "PowerShellCommand", "ldapsearch": "LdapSearch"}
_LAUNCH = ("FileName", "OriginalName", "Command")


def _launch(row: Event) -> str:
    return "\t".join(text(row, name) for name in _LAUNCH)


def _intent(launch: str, catalogue: Catalogue) -> str:
    file_name, original, command = launch.split("\t", 2)
    action = _ACTIONS.get(file_name, "")
    names = {} if action else {"file_name": file_name, "original_file_name": original}
    found = intent_of(catalogue, **names, action=action, command_line=command)
    return found.id if found else ""


def _catalogue(hunt: Hunt) -> Catalogue:
    catalogue: Catalogue = next(step.fields["catalogue"] for step in hunt.steps if "catalogue" in step.fields)
    return catalogue
