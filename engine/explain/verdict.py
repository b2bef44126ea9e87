"""The verdict: the finding, or the single most telling reason for none.

That is the first thing without which there would have been one: known-good, then what is routine, then both; else what
the fullest window lacked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from engine import recurrence
from engine.explain import find_bursts as bursts
from engine.explain.drop_known_good import because, excused
from engine.explain.interface import Passage, Span, label, listed, name, plural
from engine.explain.query import Answer, Reasons, in_words
from engine.explain.weigh_rarity import routine, seen, weight
from engine.model.baseline import History
from engine.model.event import Event, instant, ticks
from engine.model.finding import Device, Finding
from engine.report import words
from engine.runner import Plan
from engine.steps.classify import Classify
from engine.steps.drop_known_good import DropKnownGood
from engine.steps.find_bursts import FindBursts
from engine.steps.interface import Batch
from engine.steps.rarity import kinds_of, weights
from engine.steps.weigh_rarity import WeighRarity

_A_PAIR = 2


@dataclass(frozen=True, slots=True)
class Judged:
    """One device as it was judged: what was asked with, what came back, each step at work, and what was found.

    `findings` are those with a part in the span, worst first; `reasons` say why the query left something out.
    """

    plan: Plan
    batch: Batch
    span: Span
    answer: Answer
    reasons: Reasons
    passages: tuple[Passage, ...]
    findings: tuple[Finding, ...]

    def at(self, kind: type) -> Passage | None:
        """The first step of that class at work."""
        return next((passage for passage in self.passages if isinstance(passage.step, kind)), None)


def verdict(judged: Judged) -> str:
    """One line: `Finding (high, 92): ...` or `No finding: ...`."""
    if judged.findings:
        return _found(judged)
    return f"No finding: {_reason(judged)}."


def nothing_ran(device: Device, at: datetime, deeds: Sequence[Event]) -> str:
    """The verdict where the device did nothing in the span; `deeds` are those of the whole window, one at least."""
    asked = instant(at)
    nearest = min((ticks(event["Timestamp"]) for event in deeds), key=lambda each: abs(each - asked))
    away = f"{words.duration(abs(nearest - asked))} {'earlier' if nearest < asked else 'later'}"
    return (
        f"No finding: nothing that {device.name} ran at that time is in the data. "
        f"The nearest is at {words.moment(nearest)}, {away}."
    )


def _found(judged: Judged) -> str:
    made = judged.passages[-1].after.findings
    standing = {each.fingerprint: each for each in recurrence.fold(made, lambda _: None)}
    own = [each for each in judged.findings if not standing[each.fingerprint].recurs]
    if not own:
        return _again(standing[standing[judged.findings[0].fingerprint].recurs])
    worst = own[0]
    told = f"({worst.severity}, {worst.score}): {worst.title}"
    return f"Finding {told}" if len(own) == 1 else f"{len(own)} findings, the worst {told}"


def _again(first: Finding) -> str:
    """A burst that is a recurrence is counted on the finding that came first."""
    at, again = words.moment(ticks(first.start)), words.count(first.recurrences, "time")
    return (
        f"No finding of its own: it came again, and is counted on the finding of {at} "
        f"({first.severity}, {first.score}), which came {again} more"
    )


def _reason(judged: Judged) -> str:
    classified = judged.at(Classify)
    if classified and not classified.kept:
        return _no_discovery(judged)
    known_good, rarity, finder = (judged.at(kind) for kind in (DropKnownGood, WeighRarity, FindBursts))
    if known_good and known_good.dropped and _would_find(judged, known_good=False):
        return f"known-good excuses it. {_excused(known_good)}"
    idle = _idle(rarity) if rarity else []
    if rarity and idle and _would_find(judged, routine=False):
        return f"what ran is routine. {_routine(rarity, idle)}"
    if known_good and known_good.dropped and rarity and _would_find(judged, known_good=False, routine=False):
        return f"known-good excuses a part, and the rest is routine. {_excused(known_good)}"
    near = bursts.peaks(finder.step, finder.before, judged.span) if finder else []
    if finder and near:
        return _short(finder, near[0])
    if known_good and known_good.dropped:
        return f"what ran was too little, and known-good excuses it. {_excused(known_good)}"
    return f"no step made one of the {words.count(len(judged.answer.judged), 'event')}"


def _no_discovery(judged: Judged) -> str:
    left = judged.answer.discovery
    if not left:
        return f"of {in_words(judged.answer.deeds)} none is discovery"
    titles = listed(intent.title for _, intent in left)
    return f"{words.count(len(left), 'discovery command')} ran ({titles}), but {judged.reasons.of(left[0][0])}"


def _would_find(judged: Judged, *, known_good: bool = True, routine: bool = True) -> bool:
    """Whether there would be a burst in the span if nobody were known-good, or nothing routine."""
    context = judged.plan.context if routine else replace(judged.plan.context, history=History(None))
    batch = judged.batch
    for step in judged.plan.steps:
        if known_good or not isinstance(step, DropKnownGood):
            batch = step(batch, context)
    return any(judged.span.meets(burst.start, burst.end) for burst in batch.bursts)


def _excused(passage: Passage) -> str:
    counts = excused(passage).most_common()
    told = [
        f"{entry.id} excused {count:,} of {words.count(len(passage.given), 'command')}: {because(entry)}"
        for entry, count in counts[:1]
    ]
    others = listed(entry.id for entry, _ in counts[1:])
    return "; ".join((*told, *([f"the others: {others}"] if others else [])))


def _idle(passage: Passage) -> list[Event]:
    """The events of the span that count for nothing in any window."""
    return [event for event, is_routine in routine(passage) if not weight(event, is_routine=is_routine)]


def _routine(passage: Passage, idle: Sequence[Event]) -> str:
    titles = listed(passage.title(event) for event in idle)
    actors = listed(name(event["Actor"]) for event in idle)
    count = f"{len(idle):,} of {words.count(len(passage.kept), 'command')} {plural(len(idle), 'counts', 'count')}"
    return f"{count} for nothing, by {actors}: {titles}, {seen(passage.step, idle[0])}"


def _short(passage: Passage, peak: bursts.Peak) -> str:
    ran = Counter(passage.title(event) for event in peak.events)
    # net starts net1 for the same command, so that two launches say nothing.
    titles = listed(f"{title} ({count} times)" if count > _A_PAIR else title for title, count in ran.items())
    idle = weights(kinds_of(peak.events)).count(0)
    of = "" if not idle else ", all routine," if idle == len(peak.events) else f" ({idle} routine)"
    together = bursts.together(passage.step, passage.before, passage.span)
    further = (
        bursts.too_far(passage, peak),
        f"All actors together make {together}, but they are not one" if together >= peak.needed else "",
    )
    told = (
        f"{peak.count} of {peak.needed}. {label(peak.events[0])} ran {titles}{of} {peak.lasting(passage.span)}; "
        f"{bursts.missing(peak, passage.before)} would have made one"
    )
    return ". ".join(filter(None, (told, *further)))
