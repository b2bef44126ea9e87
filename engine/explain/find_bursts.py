"""How near each actor came to a burst, and what was missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from engine.explain.interface import MOST_LINES, Passage, Span, label, listed, minutes, plural
from engine.model.event import Event, span_ticks, ticks
from engine.model.explanation import Line, Section
from engine.report import words
from engine.steps.find_bursts import FindBursts, Held
from engine.steps.fold_repeats import EachOnce
from engine.steps.interface import Batch, Tally
from engine.steps.rarity import kinds_of, weights

_MOST_TITLES = 4


@dataclass(frozen=True, slots=True)
class Peak:
    """The window of one group that held most: its events, what they count for, and what is needed.

    `further` is the nearest event outside the window that would have counted too, None when there is none; `beyond`
    is by how many ticks it came too late, or too early when negative.
    """

    events: tuple[Event, ...]
    count: int
    needed: int
    further: Event | None
    beyond: int

    def lasting(self, span: Span) -> str:
        """For how long, and from when on."""
        start, end = (ticks(self.events[place]["Timestamp"]) for place in (0, -1))
        at = span.clock(start)
        return f"within {words.duration(end - start)} from {at}" if end > start else f"at {at}"


def tell(passage: Passage) -> Section:
    """The best window of each actor, the fullest first, with what it lacked."""
    step: FindBursts = passage.step
    best = peaks(step, passage.before, passage.span)
    lines = [line for peak in best[:MOST_LINES] for line in _lines(passage, peak)]
    if rest := best[MOST_LINES:]:
        more = words.count(len(rest), f"more {step.grouping}")
        lines.append(Line(mark="dropped", what=f"and {more} with at most {rest[0].count} of {step.least}"))
    joined = together(step, passage.before, passage.span)
    if not any(peak.count >= step.least for peak in best) and joined >= step.least:
        lines.append(Line(mark="note", count=joined, why="by all actors together, but they are not one"))
    burst = sum(passage.span.meets(burst.start, burst.end) for burst in passage.after.bursts)
    window = minutes(step.window)
    return passage.section(
        f"{words.count(burst, 'burst')}; {step.least} within {window} of one {step.grouping} make one", lines
    )


def peaks(step: FindBursts, batch: Batch, span: Span) -> list[Peak]:
    """The fullest window in the span of each group, the fullest first."""
    tally = batch.tally or EachOnce
    found = [peak for group in step.groups(batch.events) for peak in _peak(step, group, tally, span)]
    return sorted(found, key=lambda peak: (-peak.count, ticks(peak.events[0]["Timestamp"])))


def missing(peak: Peak, batch: Batch) -> str:
    """What the window lacked: `1 more different command that is not routine`."""
    lack = peak.needed - peak.count
    if (batch.tally or EachOnce) is not EachOnce:
        return f"{lack} more {plural(lack, 'launch', 'launches')}"
    if (few := max(peak.needed - _uncovered(peak.events), 1)) < lack:
        return f"{few} more different {plural(few, 'command')} never seen beside these"
    rare = f" that {plural(lack, 'is', 'are')} not routine" if "Weight" in peak.events[0] else ""
    return f"{lack} more different {plural(lack, 'command')}{rare}"


def _uncovered(events: Sequence[Event]) -> int:
    """What a window would count for if none of what its hosts ran were known to go together."""
    tally = EachOnce()
    for event in events:
        tally.add({"Intent": event["Intent"], "Weight": event.get("Weight", 1)})
    return tally.count()


def too_far(passage: Passage, peak: Peak) -> str:
    """How far the nearest command outside the window was from counting; empty when there is none."""
    if peak.further is None:
        return ""
    which = "late" if peak.beyond > 0 else "early"
    at = passage.span.clock(ticks(peak.further["Timestamp"]))
    return f"{passage.title(peak.further)} at {at} came {words.duration(abs(peak.beyond))} too {which} to count"


def _lines(passage: Passage, peak: Peak) -> Iterator[Line]:
    weighed = zip(weights(kinds_of(peak.events)), peak.events, strict=True)
    heaviest = [event for _, event in sorted(weighed, key=lambda pair: -pair[0])]
    why = f"of {peak.needed} {peak.lasting(passage.span)}: {listed(map(passage.title, heaviest), _MOST_TITLES)}"
    enough = peak.count >= peak.needed
    yield Line(mark="kept" if enough else "dropped", count=peak.count, what=label(peak.events[0]), why=why)
    if not enough and (far := too_far(passage, peak)):
        yield Line(mark="near", why=far)


def _peak(step: FindBursts, group: Sequence[Event], tally: Callable[[], Tally], span: Span) -> Iterator[Peak]:
    """The fullest window of a group that has an event in the span, if any."""
    inside = [place for place, event in enumerate(group) if span.holds(event)]
    if not inside:
        return
    first, last = inside[0], inside[-1]
    held = [each for each in step.windows(group, tally()) if each.first <= last and each.last >= first]
    best = max(held, key=lambda each: each.holds)
    events = tuple(group[best.first : best.last + 1])
    further, beyond = _further(step, group, best, tally) if best.holds < step.least else (None, 0)
    yield Peak(events, best.holds, step.least, further, beyond)


def _further(
    step: FindBursts, group: Sequence[Event], best: Held, tally: Callable[[], Tally]
) -> tuple[Event | None, int]:
    """The event nearest to a window among those that would have made it hold more, and how far outside it was."""
    width = span_ticks(step.window)
    start, end = ticks(group[best.first]["Timestamp"]), ticks(group[best.last]["Timestamp"])
    counter = tally()
    for event in group[best.first : best.last + 1]:
        counter.add(event)
    nearest: tuple[Event | None, int] = None, 0
    for event in (*group[: best.first], *group[best.last + 1 :]):
        at = ticks(event["Timestamp"])
        beyond = at - start - width if at > end else width - (end - at)
        counter.add(event)
        if counter.count() > best.holds and (nearest[0] is None or abs(beyond) < abs(nearest[1])):
            nearest = event, beyond
        counter.remove(event)
    return nearest


def together(step: FindBursts, batch: Batch, span: Span) -> int:
    """What the fullest window would hold if all events of the device were of one actor."""
    tally = batch.tally or EachOnce
    events = sorted((event for event in batch.events if span.holds(event)), key=lambda event: ticks(event["Timestamp"]))
    return max((held.holds for held in step.windows(events, tally())), default=0)
