"""What `score` made of the bursts: the findings of the span, and the points of the worst."""

from __future__ import annotations

from collections.abc import Iterator

from engine.explain.interface import MOST_LINES, Passage, plural
from engine.model.burst import Burst
from engine.model.event import ticks
from engine.model.explanation import Line, Section
from engine.model.finding import Finding
from engine.model.hunt import SeverityFloors
from engine.report import words
from engine.steps.reasons import parts
from engine.steps.score import new_for


def tell(passage: Passage) -> Section:
    """Each finding with its score, then the parts of the worst one's."""
    pairs = zip(passage.after.bursts, passage.after.findings, strict=True)
    inside = [(burst, finding) for burst, finding in pairs if passage.span.meets(burst.start, burst.end)]
    inside.sort(key=lambda pair: (-pair[1].score, pair[1].start))
    lines = [_finding(passage, finding) for _, finding in inside[:MOST_LINES]]
    if rest := inside[MOST_LINES:]:
        lines.append(Line(mark="kept", what=f"and {words.count(len(rest), 'more finding')}"))
    if inside:
        lines += _parts(passage, *inside[0])
    floors = _floors(passage.context.severity)
    return passage.section(f"{words.count(len(inside), 'finding')}; {floors}", lines)


def _finding(passage: Passage, finding: Finding) -> Line:
    launches = f"{len(finding.commands):,} {plural(len(finding.commands), 'launch', 'launches')}"
    start, end = (passage.span.clock(ticks(moment)) for moment in (finding.start, finding.end))
    return Line(
        mark="kept",
        count=finding.score,
        what=finding.severity,
        why=f"{launches} by {words.image(finding.actor)}, {start} to {end}",
    )


def _parts(passage: Passage, burst: Burst, finding: Finding) -> Iterator[Line]:
    """The points of a finding with their reasons, and the reasons that earn none."""
    known = {intent.id: intent for intent in passage.step.catalogue.intents}
    earned = parts(burst, known, new_for=new_for(burst, passage.context))
    yield from (Line(mark="note", count=part.points, why=part.reason) for part in earned)
    yield from (Line(mark="note", why=reason) for reason in finding.reasons[len(earned) :])


def _floors(floors: SeverityFloors) -> str:
    return f"low from {floors.low}, medium from {floors.medium}, high from {floors.high} points"
