"""The record of runs for a terminal: how far each hunt lies behind the clock, and what its runs did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from engine.model.health import Health
from engine.model.run import HuntRun

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_STYLES = {"succeeded": "green", "failed": "bold red", "throttled": "yellow", "gap": "bold red"}


def show(health: Health, runs: Sequence[HuntRun], console: Console) -> None:
    """Prints each hunt's lag, the runs, and what is wrong."""
    from rich.text import Text  # noqa: PLC0415 - the local extra, imported when used

    hunts = _table("Hunt", "Behind", "Days learned", "Failed", "Throttled", "Gaps")
    for each in health.hunts:
        behind = "never ran" if each.lag_seconds is None else str(timedelta(seconds=round(each.lag_seconds)))
        learned = f"{each.days_learned}{' (observing)' if each.observing else ''}"
        hunts.add_row(*map(Text, (each.hunt, behind, learned, str(each.failed), str(each.throttled), str(each.gaps))))
    console.print(hunts)
    made = _table("Began (UTC)", "Hunt", "Kind", "Judged", "Until", "Status", "Events", "Findings")
    for run in runs:
        span = str(timedelta(seconds=round((run.window.end - run.window.start).total_seconds())))
        told = (
            f"{run.began:%m-%d %H:%M}" if run.began else "",
            run.hunt,
            run.kind,
            span,
            f"{run.window.end:%m-%d %H:%M}",
        )
        status = Text(run.status, style=_STYLES[run.status])
        made.add_row(*map(Text, told), status, f"{run.events:,}", f"{run.findings:,}")
    console.print(made)
    for problem in health.problems:
        console.print(Text(problem, style="red"))


def _table(*headings: str) -> Table:
    from rich import box  # noqa: PLC0415 - the same
    from rich.table import Table  # noqa: PLC0415 - the same

    return Table(*headings, box=box.SIMPLE_HEAD, pad_edge=False)
