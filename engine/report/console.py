"""The console table: the findings of a run in a terminal, two lines each where there is room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.model.event import ticks
from engine.model.finding import Finding, Severity
from engine.model.run import HuntRun
from engine.report import words
from engine.report.visible import pieces

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_STYLES: dict[Severity, str] = {"high": "bold red", "medium": "yellow", "low": "cyan", "informational": "dim"}
_TOP_INTENTS = 3


def table(run: HuntRun, findings: Sequence[Finding], console: Console) -> None:
    """Prints the findings, worst first, and a line of what was read and set aside."""
    if run.status == "failed":
        console.print(_text(f"The run failed: {run.error}", style="bold red"))
    if findings:
        console.print(_table(words.worst_first(findings)))
    console.print(_text(_summary(run, findings)))


def _table(findings: Sequence[Finding]) -> Table:
    from rich import box  # noqa: PLC0415 - the deployed app has no rich
    from rich.table import Table  # noqa: PLC0415 - the same

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("Severity", "Device and account", "Actor and start (UTC)", "Commands"):
        made.add_column(heading, overflow="fold")
    for finding in findings:
        made.add_row(
            _text(finding.severity, f"score {finding.score}", style=_STYLES[finding.severity]),
            _text(words.device(finding), words.account(finding.account)),
            _text(words.image(finding.actor), words.moment(ticks(finding.start))),
            _text(f"{words.count(len(finding.commands), 'command')}: {_top_intents(finding)}", finding.expected),
        )
    return made


def _summary(run: HuntRun, findings: Sequence[Finding]) -> str:
    devices = len({finding.device.id for finding in findings})
    found = (
        f"{words.count(len(findings), 'finding')} on {words.count(devices, 'device')}" if findings else "No findings"
    )
    aside = ", ".join(f"{reason} {number:,}" for reason, number in words.set_aside(run))
    read = f"{found} in {words.count(run.events, 'event')} from {words.window(run.window)}."
    return f"{read} Set aside: {aside}." if aside else read


def _top_intents(finding: Finding) -> str:
    titles = words.titles(finding)
    more = len(titles) - _TOP_INTENTS
    return ", ".join(titles[:_TOP_INTENTS]) + (f" and {more} more" if more > 0 else "")


def _text(*lines: str, style: str = "") -> Text:
    """Lines as they are: no markup is read from them, and what could not be seen stands out."""
    from rich.text import Text  # noqa: PLC0415 - the deployed app has no rich

    written = [
        Text.assemble(*((piece.text, "reverse" if piece.escaped else "") for piece in pieces(line)))
        for line in lines
        if line
    ]
    made = Text("\n").join(written)
    made.style = style
    return made
