"""Weighs how rare a command is for its actor, against what was seen on earlier days.

Routine is a pair of an actor identity and an intent that many devices had on several earlier days, or this device on
several. An attack on the whole fleet does not excuse itself on its first day.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, ClassVar

from msgspec import structs

from engine.model.baseline import FEWEST_DEVICES, History, Seen
from engine.model.catalogue import Catalogue
from engine.model.event import Event, text, ticks
from engine.model.identity import Identity, folded, identity_of
from engine.steps.find_bursts import FindBursts
from engine.steps.fold_repeats import EachOnce
from engine.steps.interface import Batch, Context
from engine.steps.rarity import HEAVY, Cover, Rarity

_WORKING_WEEK = 5
_REMEMBERED_SETS = 1 << 10
LIGHT = 1
SMALLEST_FLEET = 20


@dataclass(frozen=True)
class WeighRarity:
    """Extends each event with its `Rarity`, and with its `Weight` in a window: 0 routine, 1 rare, 2 rare and heavy.

    `Identity` is the actor's as text, empty for sessions and generic hosts, which run whatever they are told to.

    A pair is routine when it was seen on `days` days before the event's, on at least three devices a day on average and
    on `share` of the fleet, or on `days` of them on this device, or, at a desktop, by this person. For actors in
    folders that users can write to, and unsigned ones, only light intents are, by SHA1, on five days. What
    `generic_hosts` run is weighed as if it were rare, and counts for nothing in each window (of `window`, which is that
    of find_bursts) in which the host has no more than the intents that it had together on `days` earlier days. With a
    weak baseline nothing is weighed down: the score takes the verdict into account.
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
        scales = _Scales(self, context.history)
        return replace(batch, events=tuple({**event, **scales.weigh(event)} for event in batch.events))

    def routine(self, events: Sequence[Event]) -> list[bool]:
        """Whether each weighed event is routine in every window that holds it, whatever the baseline excuses."""
        verdicts = [event["Rarity"].routine or event["Rarity"].cover is not None for event in events]
        hosts: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
        for place, event in enumerate(events):
            if (cover := event["Rarity"].cover) is not None:
                hosts[event["Actor"].key, cover.host].append(place)
        finder = FindBursts(window=self.window, at_least=1)
        for places in hosts.values():
            places.sort(key=lambda place: ticks(events[place]["Timestamp"]))
            told = 0
            for held in finder.windows([_strictly(events[place]) for place in places], EachOnce()):
                if held.holds:
                    for place in places[max(held.first, told) : held.last + 1]:
                        verdicts[place] = False
                    told = held.last + 1
        return verdicts


def _strictly(event: Event) -> Event:
    """The event as it is weighed when the baseline is not weak."""
    return {**event, "Rarity": structs.replace(event["Rarity"], weak=False)}


class _Scales:
    """Weighs the events of one batch. Telemetry repeats itself, so that what is alike is weighed once."""

    def __init__(self, step: WeighRarity, history: History) -> None:
        self._step = step
        self._history = history
        self._weights = {intent.id: intent.weight for intent in step.catalogue.intents}
        self._hosts = frozenset(step.generic_hosts)
        self._weighed: dict[tuple[object, ...], Mapping[str, Any]] = {}
        self._covers: dict[tuple[Identity, str], Cover] = {}

    def weigh(self, event: Event) -> Mapping[str, Any]:
        """What the event is to be extended with."""
        identity, kind = identity_of(event, self._hosts), event["Actor"].kind
        person = text(event, "AccountSid") if kind == "session" else ""
        day, device, intent = event["Timestamp"][:10], text(event, "DeviceId"), event["Intent"]
        alike = (identity, intent, day, device, kind, person)
        if alike not in self._weighed:
            rarity = self._rarity(identity, intent, day, device, person)
            weight = 0 if rarity.routine and not rarity.weak else 1 + (self._weights[intent] == HEAVY)
            own = "" if kind != "process" or self._is_generic(identity) else "|".join(identity)
            self._weighed[alike] = {"Rarity": rarity, "Weight": weight, "Identity": own}
        return self._weighed[alike]

    def _rarity(self, identity: Identity, intent: str, day: str, device: str, person: str) -> Rarity:
        seen = self._history.before(date.fromisoformat(day))
        by_day = seen.devices(identity, intent)
        own = max(seen.own_days(device, identity, intent), seen.habit_days(person, intent) if person else 0)
        excuses = identity.is_known and (not seen.weak or seen.fleet >= SMALLEST_FLEET)
        generic = self._is_generic(identity)
        return Rarity(
            routine=excuses and not generic and self._is_routine(seen, identity, intent, by_day, own),
            days=len(by_day),
            of=seen.days,
            devices=max(by_day, default=0),
            fleet=seen.fleet,
            own_days=own,
            stand_in=seen.stand_in,
            weak=seen.weak,
            cover=self._cover(seen, identity, day) if excuses and generic else None,
        )

    def _is_routine(self, seen: Seen, identity: Identity, intent: str, by_day: Sequence[int], own: int) -> bool:
        step = self._step
        many = sum(by_day) >= step.days * max(FEWEST_DEVICES, step.share * seen.fleet)
        if identity.sha1:
            return self._weights[intent] == LIGHT and many and len(by_day) >= _WORKING_WEEK
        return (many and len(by_day) >= (1 if seen.weak else step.days)) or own >= step.days

    def _cover(self, seen: Seen, identity: Identity, day: str) -> Cover:
        """The same object for all events of a host and a day: it remembers its verdicts."""
        if (identity, day) not in self._covers:

            @lru_cache(maxsize=_REMEMBERED_SETS)
            def knows(intents: frozenset[str]) -> bool:
                return seen.covered(identity, set(intents), days=self._step.days)

            self._covers[identity, day] = Cover(identity, date.fromisoformat(day), knows)
        return self._covers[identity, day]

    def _is_generic(self, identity: Identity) -> bool:
        return identity.file_name in _folded(self._hosts)


@lru_cache(maxsize=8)
def _folded(hosts: frozenset[str]) -> frozenset[str]:
    return frozenset(folded(host) for host in hosts)
