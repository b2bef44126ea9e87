"""Weighs how rare a command is for its actor, against what was seen on earlier days.

Routine is a pair of an actor identity and an intent that many devices had on several earlier days, or this device on
several. An attack on the whole fleet does not excuse itself on its first day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import ClassVar

from engine.model.baseline import FEWEST_DEVICES, Seen
from engine.model.catalogue import Catalogue
from engine.model.event import Event, span_ticks, text, ticks
from engine.model.identity import Identity, folded, identity_of
from engine.steps.interface import Batch, Context

HEAVY = 3
_WORKING_WEEK = 5
LIGHT = 1
SMALLEST_FLEET = 20


@dataclass(frozen=True, slots=True)
class Rarity:
    """What earlier days say of one event's actor and intent. `routine` is the verdict.

    The pair was seen on `days` of `of` days, at most on `devices` of `fleet` devices in one, and on `own_days` on this
    device or, at a desktop, by this person. With `stand_in` the fleet in the data was asked instead of earlier days;
    `weak` says that too little is known to excuse anything.
    """

    routine: bool
    days: int
    of: int
    devices: int
    fleet: int
    own_days: int
    stand_in: bool
    weak: bool


@dataclass(frozen=True)
class WeighRarity:
    """Extends each event with its `Rarity`, and with its `Weight` in a window: 0 routine, 1 rare, 2 rare and heavy.

    `Identity` is the actor's as text, empty for sessions and generic hosts, which run whatever they are told to.

    A pair is routine when it was seen on `days` earlier days, on at least three devices a day on average and on `share`
    of the fleet, or on `days` earlier days on this device, or, at a desktop, by this person. For actors in folders that
    users can write to, and unsigned ones, only light intents are, by SHA1, on five days. `generic_hosts` are judged by
    the whole set of intents that they had within `window` of each other: routine if it was seen on `days` earlier
    days. With a weak baseline nothing is weighed down: the score takes the verdict into account.
    """

    reads: ClassVar[tuple[str, ...]] = ("DeviceId", "Timestamp", "AccountSid", "Intent", "Actor")
    adds: ClassVar[tuple[str, ...]] = ("Rarity", "Weight", "Identity")

    catalogue: Catalogue
    generic_hosts: tuple[str, ...]
    window: timedelta
    share: float = 0.002
    days: int = 3

    def __call__(self, batch: Batch, context: Context) -> Batch:
        """The batch with every event weighed; nothing is dropped."""
        weights = {intent.id: intent.weight for intent in self.catalogue.intents}
        hosts = frozenset(self.generic_hosts)
        weighed: list[Event] = []
        for events in _together(batch.events, span_ticks(self.window)):
            seen = context.history.before(date.fromisoformat(events[0]["Timestamp"][:10]))
            identity = identity_of(events[0], hosts)
            generic = identity.file_name in _folded(hosts)
            intents = {event["Intent"] for event in events}
            covered = seen.covered(identity, intents, days=self.days) if generic else None
            for event in events:
                identity = identity_of(event, hosts)
                rarity = self._rarity(seen, event, identity, weights[event["Intent"]], covered=covered)
                heavy = weights[event["Intent"]] == HEAVY
                weight = 0 if rarity.routine and not seen.weak else 1 + heavy
                own = "" if generic or event["Actor"].kind != "process" else "|".join(identity)
                weighed.append({**event, "Rarity": rarity, "Weight": weight, "Identity": own})
        return replace(batch, events=tuple(weighed))

    def _rarity(self, seen: Seen, event: Event, identity: Identity, weight: int, *, covered: bool | None) -> Rarity:
        """`covered` is the verdict on a generic host's whole set; None for any other actor."""
        by_day = seen.devices(identity, event["Intent"])
        own = seen.own_days(text(event, "DeviceId"), identity, event["Intent"])
        if event["Actor"].kind == "session":
            own = max(own, seen.habit_days(text(event, "AccountSid"), event["Intent"]))
        many = sum(by_day) >= self.days * max(FEWEST_DEVICES, self.share * seen.fleet)
        if covered is not None:
            routine = covered
        elif identity.sha1:
            routine = weight == LIGHT and many and len(by_day) >= _WORKING_WEEK
        else:
            often = many and len(by_day) >= (1 if seen.weak else self.days)
            routine = identity.is_known and (often or own >= self.days)
        routine = routine and (not seen.weak or seen.fleet >= SMALLEST_FLEET)
        most = max(by_day, default=0)
        return Rarity(routine, len(by_day), seen.days, most, seen.fleet, own, seen.stand_in, seen.weak)


def _together(events: tuple[Event, ...], width: int) -> Iterator[list[Event]]:
    """The events of each actor, cut where it paused for longer than `width` ticks; order is kept within."""
    actors: dict[tuple[str, ...], list[Event]] = {}
    for event in events:
        actors.setdefault(event["Actor"].key, []).append(event)
    for each in actors.values():
        each.sort(key=lambda event: ticks(event["Timestamp"]))
        begin = 0
        for index in range(1, len(each)):
            if ticks(each[index]["Timestamp"]) - ticks(each[index - 1]["Timestamp"]) > width:
                yield each[begin:index]
                begin = index
        yield each[begin:]


@lru_cache(maxsize=8)
def _folded(hosts: frozenset[str]) -> frozenset[str]:
    return frozenset(folded(host) for host in hosts)
