"""What the doctor finds, for a terminal: a row for each, and what to do beside what is not well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from engine.model.diagnosis import Examination, State
from engine.report.visible import visible

if TYPE_CHECKING:
    from rich.console import Console

_STYLES: Mapping[State, str] = {"ok": "green", "warning": "yellow", "failed": "bold red", "skipped": "dim"}


def show(examination: Examination, console: Console) -> None:
    """Prints the table, in which a cure stands below what it cures, and how many of each state there are."""
    from rich import box  # noqa: PLC0415 - the local extra, imported when used
    from rich.table import Table  # noqa: PLC0415 - the same
    from rich.text import Text  # noqa: PLC0415 - the same

    table = Table("Check", "State", "Found, and what to do", box=box.SIMPLE_HEAD, pad_edge=False)
    for each in examination.diagnoses:
        told = Text(visible(f"{each.about}: {each.found}" if each.about else each.found))
        if each.cure:
            told.append(f"\nTo do: {visible(each.cure)}", style="bold")
        table.add_row(Text(each.check), Text(each.state, style=_STYLES[each.state]), told)
    console.print(table)
    counts = Counter(each.state for each in examination.diagnoses)
    console.print(Text(", ".join(f"{counts[state]} {state}" for state in _STYLES if counts[state])))
