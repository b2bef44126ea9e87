"""Markdown tables, and how figures over several seeds are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, quantiles


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; a cell's bars are escaped. Without rows, a sentence."""
    lines = [_row(row) for row in rows]
    if not lines:
        return "None.\n"
    return "".join((_row(head), _row(["---"] * len(head)), *lines))


def spread(figures: Sequence[float], digits: int = 1) -> str:
    """The mean of figures, and from which to which they go where they differ."""
    low, mean, high = (f"{each:.{digits}f}" for each in (min(figures), fmean(figures), max(figures)))
    return mean if low == high else f"{mean} ({low}-{high})"


def percent(part: int, of: int) -> float:
    """A share in percent; none of nothing is all of it."""
    return 100 * part / of if of else 100.0


def ninetieth(figures: Sequence[float]) -> float:
    """The 90th percentile."""
    return quantiles(figures, n=10, method="inclusive")[-1] if len(figures) > 1 else figures[0]


def clock(seconds: float) -> str:
    """A stretch of time in minutes."""
    return f"{seconds / 60:.0f} min"


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(str(cell).replace('|', '&#124;') for cell in cells)} |\n"
