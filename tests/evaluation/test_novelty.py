"""What of a day's noise counts as new."""

from __future__ import annotations

from engine.model.baseline import Baseline, Day, Pair
from engine.model.identity import Identity
from engine.steps.rarity import Rarity
from tests.evaluation.days import START
from tests.evaluation.methods import BURST, UNLEARNED, UNSEEN
from tests.evaluation.novelty import Novelty, novelty


def event(report: int, *, routine: bool, days: int = 0, own_days: int = 0) -> dict[str, object]:
    rarity = Rarity(
        routine=routine, days=days, of=7, devices=0, fleet=100, own_days=own_days, stand_in=False, weak=False
    )
    return {"DeviceId": "d1", "ReportId": report, "Rarity": rarity, "Routine": routine}


def test_new_is_what_was_never_seen_of_its_actor() -> None:
    events = [
        event(900, routine=True, days=7),
        event(901, routine=False, days=1),
        event(902, routine=False, own_days=2),
        event(903, routine=False),
    ]

    assert novelty(events) == Novelty(judged=4, rare=3, new=1)


def test_an_empty_week_is_a_whole_week_that_taught_nothing() -> None:
    pair = Pair(Identity("a", "b", ""), "processes", "p", 50, 60)
    baseline = Baseline(
        "discovery-burst", tuple(Day(START.date().replace(day=n), 100, (pair,), (), ()) for n in range(16, 23))
    )
    empty = UNSEEN.known(baseline)

    assert empty is not None
    assert (empty.weak, empty.devices, {day.pairs for day in empty.days}) == (False, 100, {()})
    assert (BURST.known(baseline), UNLEARNED.known(baseline)) == (baseline, None)
