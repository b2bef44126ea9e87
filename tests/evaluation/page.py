"""The page that the evaluation writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import median

from engine.model.finding import SEVERITIES, Severity
from tests.evaluation import prose
from tests.evaluation.judgement import Case, Noise
from tests.evaluation.methods import BURST, METHODS, UNLEARNED, UNSEEN
from tests.evaluation.results import Played, Results
from tests.evaluation.tables import clock, ninetieth, percent, spread, table
from tests.evaluation.targets import targets
from tests.evaluation.telemetry import Scored
from tests.evaluation.why import LATE

WORST_FIRST: tuple[Severity, ...] = SEVERITIES[:0:-1]
"""The severities that are delivered."""


def page(results: Results, speed: str = "") -> str:
    """The page in Markdown. `speed` is the section that `make bench` writes; without it, where to get one is said."""
    burst = Played(BURST.name, results.days)
    sections = (
        prose.head(results),
        "## Beside the targets\n\n" + table(("target", "measured", ""), targets(results)),
        _methods(results),
        f"## By style\n\n{_grouped(burst, 'style', lambda case: case.style)}",
        f"## By actor\n\n{_grouped(burst, 'actor', lambda case: case.actor)}",
        _times(burst),
        _missed(burst),
        f"## False findings\n\n{prose.FALSE}\n{_false(burst)}",
        _unseen(results),
        _smaller(results),
        _unlearned(results),
        _rollouts(results),
        _telemetry(results.telemetry),
        speed or prose.NO_SPEED,
        prose.tail(results),
    )
    return "\n".join(sections)


def _methods(results: Results) -> str:
    rows = [_method(Played(method.name, results.days)) for method in METHODS]
    head = (
        "method",
        "found, %",
        "raised at any severity, %",
        "of fewer intents",
        *(f"false {severity}" for severity in WORST_FIRST),
    )
    doubles = [_doubles(Played(method.name, results.days)) for method in METHODS]
    received = table(
        ("method", "new findings", "doubles", "held one command of an intrusion", "brought up to date"), doubles
    )
    return f"## By method\n\n{prose.METHODS}\n{table(head, rows)}\n{prose.DOUBLES}\n{received}"


def _method(played: Played) -> tuple[str, ...]:
    hidden = played.hidden()
    return (
        played.name,
        spread(played.found()),
        spread(played.raised()),
        f"{sum(case.seconds is not None for case in hidden)} of {len(hidden)}",
        *(spread(played.false(severity)) for severity in WORST_FIRST),
    )


def _doubles(played: Played) -> tuple[object, ...]:
    judged = played.judged()
    return (
        played.name,
        sum(each.new for each in judged),
        sum(each.doubles for each in judged),
        sum(each.partial for each in judged),
        sum(each.grown for each in judged),
    )


def _grouped(played: Played, name: str, key: Callable[[Case], str]) -> str:
    groups: dict[str, list[Case]] = {}
    for _, case in played.cases():
        groups.setdefault(key(case), []).append(case)
    rows = []
    for group, cases in sorted(groups.items()):
        found = sum(case.seconds is not None for case in cases)
        findings = sum(case.findings for case in cases) / len(cases)
        rows.append((group, found, len(cases), f"{percent(found, len(cases)):.0f} %", f"{findings:.1f}"))
    return table((name, "found", "of", "share", "findings an intrusion"), rows)


def _times(played: Played) -> str:
    seconds = [case.seconds for _, case in played.cases() if case.seconds is not None]
    told = (
        f"Median {clock(median(seconds))}, 90th percentile {clock(ninetieth(seconds))}." if seconds else "None found."
    )
    return f"## Time to finding\n\n{told} {prose.TIME}"


def _missed(played: Played) -> str:
    missed = [(seed, case) for seed, case in played.cases() if case.seconds is None]
    late = sum(case.why == LATE for _, case in missed)
    rows = (
        (seed, case.id, case.sequence, case.style, case.actor, case.intents, case.raised or "no", case.why)
        for seed, case in missed
    )
    head = ("seed", "intrusion", "sequence", "style", "actor", "intents", "raised", "why")
    return f"## What was missed\n\n{prose.missed(len(missed), late)}\n{table(head, rows)}"


def _false(played: Played, most: int = 40) -> str:
    groups: dict[tuple[str, Severity], list[Noise]] = {}
    for judged in played.judged():
        for noise in judged.false:
            groups.setdefault((noise.actor, noise.severity), []).append(noise)
    ranked = sorted(groups.items(), key=lambda item: (-SEVERITIES.index(item[0][1]), -len(item[1]), item[0]))
    rows = [(actor, severity, len(noises), _scores(noises), _example(noises)) for (actor, severity), noises in ranked]
    rest = f"\nAnd {len(rows) - most} more lines.\n" if len(rows) > most else ""
    return table(("actor", "severity", "findings", "points", "for instance"), rows[:most]) + rest


def _scores(noises: Iterable[Noise]) -> str:
    scores = sorted(noise.score for noise in noises)
    return str(scores[0]) if scores[0] == scores[-1] else f"{scores[0]}-{scores[-1]}"


def _example(noises: Iterable[Noise]) -> str:
    return ", ".join(min(noises, key=lambda noise: (-noise.score, noise.intents)).intents)


def _unseen(results: Results) -> str:
    played = Played(UNSEEN.name, results.days)
    return f"## When programs are new\n\n{prose.unseen(played, results.days)}\n{_false(played, 20)}"


def _smaller(results: Results) -> str:
    if not results.smaller:
        return "## Smaller estates\n\nNot played.\n"
    played = Played(BURST.name, results.smaller)
    return f"## Smaller estates\n\n{prose.smaller(played, results.smaller)}\n{_false(played, 15)}"


def _unlearned(results: Results) -> str:
    played = Played(UNLEARNED.name, results.days)
    return f"## The first day, with nothing learned\n\n{prose.unlearned(played)}\n{_false(played, 15)}"


def _rollouts(results: Results) -> str:
    if not results.rollouts:
        return "## A rollout day\n\nNot played.\n"
    played = Played(BURST.name, results.rollouts)
    return f"## A rollout day\n\n{prose.rollout(played, results.rollouts)}\n{_false(played, 15)}"


def _telemetry(scored: Scored | None) -> str:
    if scored is None:
        return f"## Recorded telemetry\n\n{prose.NO_TELEMETRY}"
    rows = [
        (each.id, each.label, each.tool, each.distinct, each.severity or "no finding", each.score or "")
        for each in scored.matches
    ]
    head = ("burst", "label", "what it was", "distinct programs", "raised", "points")
    return f"## Recorded telemetry\n\n{prose.telemetry(scored)}\n{table(head, rows)}"
