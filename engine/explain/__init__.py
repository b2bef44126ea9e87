"""Why a hunt found something on a device, or nothing: a step's name in hunt.yaml, the function that tells of it here.

`answer.py` asks and judges. The modules with a step's name each put that step into words; a step that has none is told
by its counts.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.explain import (
    classify,
    drop_known_good,
    find_bursts,
    fold_repeats,
    mark_windows,
    name_actors,
    score,
    weigh_rarity,
)
from engine.explain.interface import Words

WORDS: Mapping[str, Words] = {
    "classify": classify.tell,
    "name_actors": name_actors.tell,
    "drop_known_good": drop_known_good.tell,
    "weigh_rarity": weigh_rarity.tell,
    "fold_repeats": fold_repeats.tell,
    "find_bursts": find_bursts.tell,
    "score": score.tell,
    "mark_windows": mark_windows.tell,
}
