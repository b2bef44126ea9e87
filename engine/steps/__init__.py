"""What happens to events, from batch to batch: a name in hunt.yaml, a class here."""

from __future__ import annotations

from typing import Any

from engine.steps.classify import Classify
from engine.steps.drop_known_good import DropKnownGood
from engine.steps.find_bursts import FindBursts
from engine.steps.fold_repeats import FoldRepeats
from engine.steps.mark_windows import MarkWindows
from engine.steps.name_actors import NameActors
from engine.steps.score import Score
from engine.steps.weigh_rarity import WeighRarity

STEPS: dict[str, type[Any]] = {
    "classify": Classify,
    "name_actors": NameActors,
    "drop_known_good": DropKnownGood,
    "weigh_rarity": WeighRarity,
    "fold_repeats": FoldRepeats,
    "find_bursts": FindBursts,
    "score": Score,
    "mark_windows": MarkWindows,
}
