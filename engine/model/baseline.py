"""What was seen on earlier days: which actors ran which intents, on how many devices."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date

from msgspec import Struct

from engine.model.identity import Identity

FULL_WEEK = 7
FEWEST_DEVICES = 3
_PERSONS = ("S-1-5-21-", "S-1-12-1-")
_EVERYWHERE = "*"


class Pair(Struct, frozen=True, array_like=True):
    """An actor identity and a command seen on `devices` devices (at least three) in one day.

    `intent` is empty for a command that is no discovery.
    """

    identity: Identity
    intent: str
    command: str
    devices: int
    launches: int


class Own(Struct, frozen=True, array_like=True):
    """An intent that an actor identity had on one device, and not on enough others to be a Pair."""

    device_id: str
    identity: Identity
    intent: str


class Habit(Struct, frozen=True, array_like=True):
    """An intent that a person had at a desktop, on whatever device; `account_sid` is whose."""

    account_sid: str
    intent: str


class Presence(Struct, frozen=True, array_like=True):
    """A person's account, and the devices that it started processes on; none where those were more than twenty."""

    account_sid: str
    device_ids: tuple[str, ...]


class IntentSet(Struct, frozen=True, array_like=True):
    """All the intents that a generic host had on one device in a day, and on how many devices it had just these."""

    identity: Identity
    intents: tuple[str, ...]
    devices: int


class Day(Struct, frozen=True):
    """One day's aggregate. `devices` is how many devices had events at all."""

    day: date
    devices: int
    pairs: tuple[Pair, ...]
    own: tuple[Own, ...]
    sets: tuple[IntentSet, ...]
    habits: tuple[Habit, ...] = ()
    presences: tuple[Presence, ...] = ()


class Baseline(Struct, frozen=True):
    """The days that a hunt has learned, oldest first, one entry a day.

    With fewer than seven days, or when the fleet at hand stands in for them (`stand_in`), a baseline is weak.
    """

    hunt: str
    days: tuple[Day, ...] = ()
    stand_in: bool = False

    @property
    def weak(self) -> bool:
        """Whether too little is known to excuse anything outright."""
        return self.stand_in or len(self.days) < FULL_WEEK

    @property
    def devices(self) -> int:
        """The largest number of devices seen in a day."""
        return max((day.devices for day in self.days), default=0)

    def before(self, day: date) -> Baseline:
        """The baseline without that day and what follows: an attack does not excuse itself."""
        days = tuple(each for each in self.days if each.day < day)
        return self if self.stand_in else Baseline(self.hunt, days)

    def with_day(self, day: Day, *, keep: int = 30) -> Baseline:
        """The baseline with the day added, in place of an earlier reading of it; the latest `keep` days are kept."""
        days = sorted((*(each for each in self.days if each.day != day.day), day), key=lambda each: each.day)
        return Baseline(self.hunt, tuple(days[-keep:]), self.stand_in)


class Seen:
    """A baseline made ready to be asked."""

    def __init__(self, known: Baseline) -> None:
        self.weak = known.weak
        self.stand_in = known.stand_in
        self.days = len(known.days)
        self.fleet = known.devices
        self._pairs: dict[tuple[Identity, str], list[int]] = defaultdict(list)
        self._own: Counter[tuple[str, Identity, str]] = Counter()
        self._habits: Counter[tuple[str, str]] = Counter()
        self._sets: dict[Identity, list[tuple[int, frozenset[str], int]]] = defaultdict(list)
        self._places: dict[str, set[str]] = defaultdict(set)
        for number, day in enumerate(known.days):
            for pair, devices in _devices(day).items():
                self._pairs[pair].append(devices)
            self._own.update((own.device_id, own.identity, own.intent) for own in day.own)
            self._habits.update((habit.account_sid, habit.intent) for habit in day.habits)
            for presence in day.presences:
                self._places[presence.account_sid].update(presence.device_ids or (_EVERYWHERE,))
            for group in day.sets:
                self._sets[group.identity].append((number, frozenset(group.intents), group.devices))

    def devices(self, identity: Identity, intent: str) -> tuple[int, ...]:
        """On how many devices the pair was seen, one number a day that had it."""
        return tuple(self._pairs.get((identity, intent), ()))

    def own_days(self, device_id: str, identity: Identity, intent: str) -> int:
        """On how many days this device had the pair, as its own."""
        return self._own[device_id, identity, intent]

    def habit_days(self, account_sid: str, intent: str) -> int:
        """On how many days this person had the intent at a desktop."""
        return self._habits[account_sid, intent]

    def is_newcomer(self, account_sid: str, device_id: str) -> bool:
        """Whether a person's account was never seen on this device; False while too little is known to tell."""
        if self.weak or not self._places or not account_sid.startswith(_PERSONS):
            return False
        return not {device_id, _EVERYWHERE} & self._places.get(account_sid, set())

    def covered(self, identity: Identity, intents: set[str], *, days: int) -> bool:
        """Whether this identity had all these intents on enough days; while too few are known, on three devices."""
        whole = [(day, devices) for day, group, devices in self._sets.get(identity, ()) if intents <= group]
        if self.weak:
            return sum(devices for _, devices in whole) >= FEWEST_DEVICES
        return len({day for day, _ in whole}) >= days


def _devices(day: Day) -> dict[tuple[Identity, str], int]:
    """How many devices had each pair that day: a lower bound, since one device may have had several of its commands."""
    own: dict[tuple[Identity, str], set[str]] = defaultdict(set)
    for each in day.own:
        own[each.identity, each.intent].add(each.device_id)
    counted = {pair: len(devices) for pair, devices in own.items()}
    for pair in day.pairs:
        counted[pair.identity, pair.intent] = max(pair.devices, counted.get((pair.identity, pair.intent), 0))
    return counted


class History:
    """A baseline as the steps ask it: what was seen before a given day."""

    def __init__(self, baseline: Baseline | None) -> None:
        self._baseline = baseline or Baseline("")
        self._seen: dict[date, Seen] = {}

    def before(self, day: date) -> Seen:
        """What the days before this one hold: an attack does not excuse itself. Made ready once a day."""
        if day not in self._seen:
            self._seen[day] = Seen(self._baseline.before(day))
        return self._seen[day]
