"""What `weigh_rarity` took for routine, what for rare, and on what ground."""

from __future__ import annotations

from collections import defaultdict

from engine.explain.interface import MOST_LINES, Passage, listed, name
from engine.model.baseline import FULL_WEEK
from engine.model.event import Event
from engine.model.explanation import Line, Section
from engine.model.identity import identity_of
from engine.report import words
from engine.steps.rarity import Rarity
from engine.steps.weigh_rarity import SMALLEST_FLEET, WeighRarity

_WORDS = {0: "routine", 1: "rare", 2: "rare and heavy"}


def tell(passage: Passage) -> Section:
    """What is rare for its actor, the heaviest first, then what is routine; each with how often it was seen."""
    alike: defaultdict[tuple[int, str, str], list[Event]] = defaultdict(list)
    for event, is_routine in routine(passage):
        called = _called(event, is_routine=is_routine)
        alike[weight(event, is_routine=is_routine), called, seen(passage.step, event)].append(event)
    ranked = sorted(alike.items(), key=lambda each: (-each[0][0], -len(each[1])))
    lines = [
        Line(
            mark="kept" if weighs else "dropped",
            count=len(events),
            what=called,
            why=f"{listed(map(passage.title, events))}: {how_often}",
        )
        for (weighs, called, how_often), events in ranked[: 2 * MOST_LINES]
    ]
    if rest := ranked[2 * MOST_LINES :]:
        total = sum(len(events) for _, events in rest)
        lines.append(Line(mark="note", count=total, what=f"and {words.count(len(rest), 'more group')} of commands"))
    rare = sum(len(events) for (weighs, _, _), events in ranked if weighs)
    ground = _ground(passage.kept[0]["Rarity"]) if passage.kept else ""
    return passage.section(f"{rare:,} of {len(passage.kept):,} count{ground}", lines)


def routine(passage: Passage) -> list[tuple[Event, bool]]:
    """The events of the span, each with whether it is routine in every window that holds it."""
    events = passage.after.events
    verdicts = zip(events, passage.step.routine(events), strict=True)
    return [(event, verdict) for event, verdict in verdicts if passage.span.holds(event)]


def weight(event: Event, *, is_routine: bool) -> int:
    """What an event weighs: with a weak baseline routine excuses nothing."""
    excused = is_routine and not event["Rarity"].weak
    return 0 if excused else int(event["Weight"])


def seen(step: WeighRarity, event: Event) -> str:
    """How often the event's actor had its intent before, and what keeps that from being routine."""
    rarity: Rarity = event["Rarity"]
    if not rarity.of:
        return "no earlier day is known"
    devices = f"{rarity.devices:,}"
    if rarity.stand_in:
        return f"on {devices} of the {words.count(rarity.fleet, 'device')} here{_but(step, event)}"
    if not (rarity.days or rarity.own_days):
        return f"on none of {words.count(rarity.of, 'day')}{_but(step, event)}"
    whose = "by this person" if event["Actor"].kind == "session" else "on this device"
    own = f", {whose} on {words.count(rarity.own_days, 'day')}" if rarity.own_days else ""
    most = f"on {rarity.days} of {words.count(rarity.of, 'day')}, on {devices} of {words.count(rarity.fleet, 'device')}"
    return f"{most}{own}{_but(step, event)}"


def _but(step: WeighRarity, event: Event) -> str:
    """What makes an actor's commands count although they were seen."""
    rarity: Rarity = event["Rarity"]
    if rarity.routine or not (rarity.days or rarity.own_days):
        return ""
    if rarity.cover is not None:
        return "; its commands are judged as one set"
    identity = identity_of(event, frozenset(step.generic_hosts))
    if not identity.is_known:
        return "; its folder is unknown"
    if identity.sha1:
        return "; users can write to its folder, or it is unsigned"
    return f"; fewer than {SMALLEST_FLEET} devices excuse nothing" if _is_small(rarity) else ""


def _is_small(rarity: Rarity) -> bool:
    return rarity.weak and rarity.fleet < SMALLEST_FLEET


def _called(event: Event, *, is_routine: bool) -> str:
    """What an event's weight is called, and for whom it is so."""
    weighs = weight(event, is_routine=is_routine)
    called = "shared," if weighs and is_routine else _WORDS.get(weighs, f"weight {weighs}")
    return f"{called} for {name(event['Actor'])}"


def _ground(rarity: Rarity) -> str:
    if rarity.stand_in:
        return f"; weak baseline: it stands on {words.count(rarity.fleet, 'device')} here, and excuses nothing"
    if rarity.weak:
        return f"; weak baseline: it has {rarity.of} of {FULL_WEEK} days, and excuses nothing"
    return f"; {words.count(rarity.of, 'earlier day')} are known"
