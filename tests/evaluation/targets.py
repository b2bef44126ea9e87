"""What was aimed at, beside what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean
from typing import NamedTuple

from engine.model.finding import SEVERITIES, Severity, at_least
from tests.evaluation.methods import BURST, CLASSICS
from tests.evaluation.results import Played, Results
from tests.evaluation.tables import spread
from tests.evaluation.telemetry import DISTINCT, Scored

SEVERE: tuple[Severity, ...] = ("medium", "high")
_FEW_NEW = 0.001
"""The share of new noise below which false findings are hardly tested."""


class Target(NamedTuple):
    """A target, the figure, and whether it is met or by how much not."""

    target: str
    measured: str
    verdict: str


def targets(results: Results) -> Iterator[Target]:
    """Every target of the evaluation."""
    burst = Played(BURST.name, results.days)
    classic = better_classic(results)
    found, severe, false = burst.found(), burst.false(*SEVERE), burst.false(*SEVERITIES)
    yield _least("Intrusions found, of those that show three intents or more: at least 97 %", found, 97, " %")
    yield _untested(_most("False findings, medium or above, per 1,000 device-days: at most 3", severe, 3), results)
    yield _untested(_most("False findings, all, per 1,000 device-days: at most 15", false, 15), results)
    recall = fmean(found) / fmean(classic.found()) if fmean(classic.found()) else float("inf")
    yield _least(
        f"Its recall beside the better classic's ({classic.name}): at least 2.5 times", [recall], 2.5, " times"
    )
    yield _untested(_share(fmean(classic.false(*SEVERE)), fmean(severe)), results)
    yield from _telemetry(results.telemetry)


def _share(classic: float, own: float) -> Target:
    target = "The classic's false findings beside its own, medium or above: at least 50 times"
    return _least(target, [classic / own], 50, " times") if own else Target(target, f"{classic:.1f} beside none", "met")


def _untested(target: Target, results: Results) -> Target:
    """A target on false findings proves little where hardly any noise is new: the verdict says so."""
    judged, new = (sum(getattr(day.novelty, name) for day in results.days) for name in ("judged", "new"))
    if target.verdict != "met" or new > judged * _FEW_NEW:
        return target
    return target._replace(verdict=f"met, but hardly tested: {new:,} of {judged:,} commands of the noise were new")


def better_classic(results: Results) -> Played:
    """The classic that finds most; of equals, the one that raises least for nothing."""
    return max(
        (Played(each.name, results.days) for each in CLASSICS),
        key=lambda each: (fmean(each.found()), -fmean(each.false(*SEVERE))),
    )


def _least(target: str, figures: list[float], least: float, unit: str = "") -> Target:
    mean = fmean(figures)
    return Target(target, spread(figures) + unit, "met" if mean >= least else f"missed by {least - mean:.1f}{unit}")


def _most(target: str, figures: list[float], most: float) -> Target:
    mean = fmean(figures)
    return Target(target, spread(figures), "met" if mean <= most else f"missed by {mean - most:.1f}")


def _telemetry(scored: Scored | None) -> Iterator[Target]:
    emulated = f"Emulated attacks in recorded telemetry with {DISTINCT} distinct programs or more: all found"
    benign = "Labelled benign automation raised at medium or above: none"
    if scored is None:
        yield from (Target(emulated, "no telemetry here", "not measured"), Target(benign, "the same", "not measured"))
        return
    wanted = [each for each in scored.matches if each.label == "attack_emulated" and each.distinct >= DISTINCT]
    found = [each for each in wanted if each.severity and at_least(each.severity, "medium")]
    lacking = len(wanted) - len(found)
    yield Target(emulated, f"{len(found)} of {len(wanted)}", f"missed by {lacking}" if lacking else "met")
    quiet = [each for each in scored.matches if each.label == "benign_automation"]
    raised = [each for each in quiet if each.severity and at_least(each.severity, "medium")]
    yield Target(benign, f"{len(raised)} of {len(quiet)}", f"missed by {len(raised)}" if raised else "met")
