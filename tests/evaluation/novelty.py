"""How much of a day's noise was new: a hunt that learns can be wrong only about what it has not seen."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from engine.model.event import Event
from engine.steps.rarity import Rarity


class Novelty(msgspec.Struct, frozen=True):
    """Of a day's noise: the commands that known-good leaves, those of them not routine, and those never seen before."""

    judged: int
    rare: int
    new: int


def novelty(noise: Sequence[Event]) -> Novelty:
    """Counts weighed events of noise. An intrusion's rows are to be left out whole: not all of them have a label."""
    return Novelty(
        judged=len(noise),
        rare=sum(not event["Routine"] for event in noise),
        new=sum(_is_new(event) for event in noise),
    )


def _is_new(event: Event) -> bool:
    rarity: Rarity = event["Rarity"]
    return not event["Routine"] and not rarity.days and not rarity.own_days
