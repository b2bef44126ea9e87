"""Which entry of the windows `mark_windows` found the findings in."""

from __future__ import annotations

from collections.abc import Iterator

from engine.explain.interface import MOST_LINES, Passage, plural
from engine.model.event import ticks
from engine.model.explanation import Line, Section
from engine.model.finding import Finding
from engine.report import words
from engine.steps.mark_windows import MarkWindows


def tell(passage: Passage) -> Section:
    """Each finding of the span that falls into an entry, and whether its severity was lowered."""
    pairs = zip(passage.before.findings, passage.after.findings, strict=True)
    inside = [pair for pair in pairs if passage.span.meets(ticks(pair[0].start), ticks(pair[0].end))]
    marked = [pair for pair in inside if pair[1].expected]
    step: MarkWindows = passage.step
    listed = len(step.windows.entries)
    entries = f"{listed:,} {plural(listed, 'entry is', 'entries are')} listed"
    says = f"{len(marked):,} of {words.count(len(inside), 'finding')} expected; {entries}"
    lines = [line for before, after in marked[:MOST_LINES] for line in _told(before, after)]
    if rest := marked[MOST_LINES:]:
        lines.append(Line(mark="note", what=f"and {words.count(len(rest), 'more finding')}"))
    return passage.section(says, lines)


def _told(before: Finding, after: Finding) -> Iterator[Line]:
    severity = before.severity if before.severity == after.severity else f"{before.severity}, now {after.severity}"
    yield Line(mark="note", count=before.score, what=severity, why=after.expected)
    yield from (Line(mark="note", why=reason) for reason in after.reasons[len(before.reasons) :])
