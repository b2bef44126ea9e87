"""How rare commands are for their actor: each by itself, and those of a generic host by all that ran beside it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias

from msgspec import Struct

from engine.model.event import Event
from engine.model.identity import Identity

HEAVY = 3
"""The catalogue's weight of an intent that counts double where it is rare."""


@dataclass(frozen=True, slots=True)
class Cover:
    """What the commands of a generic host are held against: the sets of intents that it had on days before `day`.

    `knows` says whether one of them, on enough days, holds all of these intents. A part of what is known is known too.
    """

    host: Identity
    day: date
    knows: Callable[[frozenset[str]], bool] = field(repr=False, compare=False)


class Rarity(Struct, frozen=True):
    """What earlier days say of one event's actor and intent. `routine` is the verdict.

    The pair was seen on `days` of `of` days, at most on `devices` of `fleet` devices in one, and on `own_days` on this
    device or, at a desktop, by this person. With `stand_in` the fleet in the data was asked instead of earlier days;
    `weak` says that too little is known to excuse anything. With a `cover` the event is routine beside some events and
    not beside others, and `routine` is False: see `covered`.
    """

    routine: bool
    days: int
    of: int
    devices: int
    fleet: int
    own_days: int
    stand_in: bool
    weak: bool
    cover: Cover | None = None


Kind: TypeAlias = tuple[str, int, Cover | None, bool]
"""An intent, its Weight (1 where none was given), the cover, and whether the baseline is weak."""


def kind_of(event: Event) -> Kind:
    """Equal for events that count as one in a window."""
    rarity: Rarity | None = event.get("Rarity")
    if rarity is None:
        return event["Intent"], event.get("Weight", 1), None, False
    return event["Intent"], event["Weight"], rarity.cover, rarity.weak


def kinds_of(events: Iterable[Event]) -> list[Kind]:
    """The kind of each."""
    return [kind_of(event) for event in events]


def covered(kinds: Sequence[Kind]) -> list[bool]:
    """Whether each is of a generic host, which is known to run all that it runs among these."""
    intents: defaultdict[Identity, set[str]] = defaultdict(set)
    for intent, _, cover, _ in kinds:
        if cover is not None:
            intents[cover.host].add(intent)
    sets = {host: frozenset(held) for host, held in intents.items()}
    return [cover is not None and cover.knows(sets[cover.host]) for _, _, cover, _ in kinds]


def weights(kinds: Sequence[Kind]) -> list[int]:
    """What each weighs among these: 0 where it is covered, but with a weak baseline nothing is weighed down."""
    verdicts = zip(kinds, covered(kinds), strict=True)
    return [0 if known and not weak else weight for (_, weight, _, weak), known in verdicts]
