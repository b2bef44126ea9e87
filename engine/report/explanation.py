"""An explanation in a terminal, and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from engine.model.explanation import Explanation, Line, Mark, Section
from engine.report import words
from engine.report.visible import cut, pieces

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_SIGNS: dict[Mark, tuple[str, str]] = {
    "kept": ("+", "green"),
    "dropped": ("-", "dim"),
    "near": ("~", "yellow"),
    "note": ("", ""),
}
_STEP = 16
_COUNT = 5
_SHARE = 0.42
_LONGEST = 400


def show(explanation: Explanation, console: Console) -> None:
    """Prints the verdict, then each step: what it says, and its lines in columns that stand below each other."""
    verdict = "bold red" if explanation.findings else "bold"
    console.print(_text(explanation.verdict, verdict))
    place = f"{explanation.hunt} on {explanation.device.name}, {words.window(explanation.span)}"
    console.print(_text(place, "dim"))
    idle: list[str] = []
    for section in explanation.sections:
        if section.given or section.lines or section is explanation.sections[0]:
            console.print()
            _show(section, console)
        else:
            idle.append(section.step)
    if idle:
        console.print()
        console.print(_text(f"Nothing was left for {', '.join(idle)}.", "dim"))


def encode(explanation: Explanation) -> str:
    """The explanation as indented JSON text."""
    return msgspec.json.format(msgspec.json.encode(explanation), indent=2).decode()


def _show(section: Section, console: Console) -> None:
    from rich.table import Table  # noqa: PLC0415 - the local extra, imported when used

    heading = Table.grid(padding=(0, 1, 0, 0))
    heading.add_column(width=_STEP)
    heading.add_column(ratio=1, overflow="fold")
    heading.add_row(_text(section.step, "bold"), _text(section.says))
    console.print(heading)
    what = int(console.width * _SHARE)
    for line in section.lines:
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(width=1)
        grid.add_column(width=_COUNT, justify="right")
        if line.what and line.why:
            grid.add_column(width=what, overflow="fold")
        grid.add_column(ratio=1, overflow="fold")
        grid.add_row(*_cells(line, what))
        console.print(grid)


def _cells(line: Line, width: int) -> list[Text]:
    sign, style = _SIGNS[line.mark]
    count = "" if line.count is None else f"{line.count:,}"
    texts = [_short(line.what, width), line.why] if line.what and line.why else [line.what or line.why]
    return [_text(sign, style), _text(count), *(_text(each, "dim" if line.mark == "dropped" else "") for each in texts)]


def _short(text: str, most: int) -> str:
    """As much of it as one line of the column takes."""
    shown, rest = cut(text, most)
    return f"{cut(text, most - 3)[0]}..." if rest else shown


def _text(line: str, style: str = "") -> Text:
    """Text that others may have written: no markup is read from it, what could not be seen stands out."""
    from rich.text import Text  # noqa: PLC0415 - the local extra, imported when used

    shown, rest = cut(line, _LONGEST)
    made = Text.assemble(*((piece.text, "reverse" if piece.escaped else "") for piece in pieces(shown)))
    made.append("..." if rest else "")
    made.stylize_before(style)
    return made
