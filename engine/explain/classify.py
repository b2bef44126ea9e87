"""What `classify` took for discovery, and what it did not."""

from __future__ import annotations

from collections import Counter, defaultdict

from engine.explain.interface import MOST_LINES, Passage, counted, plural
from engine.model.event import text
from engine.model.explanation import Line, Section
from engine.report import words


def tell(passage: Passage) -> Section:
    """Each intent with its most frequent command line, then the command lines that have none."""
    spelled: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for event in passage.kept:
        spelled[passage.title(event)][text(event, "ProcessCommandLine")] += 1
    ranked = sorted(spelled.items(), key=lambda each: (-each[1].total(), each[0]))
    lines = [_intent(title, lines) for title, lines in ranked[: 2 * MOST_LINES]]
    if rest := ranked[2 * MOST_LINES :]:
        total = sum(lines.total() for _, lines in rest)
        lines.append(Line(mark="kept", count=total, what=f"and {words.count(len(rest), 'more intent')}"))
    none = [(text(event, "ProcessCommandLine") or text(event, "FileName"), "no discovery") for event in passage.dropped]
    says = f"{len(passage.kept):,} of {len(passage.given):,} are discovery"
    return passage.section(says, (*lines, *counted("dropped", none, most=MOST_LINES // 2)))


def _intent(title: str, lines: Counter[str]) -> Line:
    ((usual, _),) = lines.most_common(1)
    others = len(lines) - 1
    also = f", and {others} other {plural(others, 'way')}" if others else ""
    return Line(mark="kept", count=lines.total(), what=usual, why=f"{title}{also}")
