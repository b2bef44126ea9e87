"""The list of hunts, for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from engine.model.hunt import Hunt, Value

if TYPE_CHECKING:
    from rich.console import Console


def hunts(listed: Iterable[Hunt], console: Console, *, written: Callable[[Value], str]) -> None:
    """Prints each hunt: its id, title, hypothesis, and its parameters with their defaults, as `written` writes them."""
    from rich.padding import Padding  # noqa: PLC0415 - the local extra, imported when used
    from rich.text import Text  # noqa: PLC0415 - the same

    for hunt in listed:
        console.print(Text.assemble((hunt.id, "bold"), f"  {hunt.title}"))
        console.print(Padding(Text(hunt.definition.hypothesis.strip()), (0, 0, 0, 2)))
        for name, parameter in hunt.definition.parameters.items():
            console.print(Padding(Text(f"{name} = {written(hunt.defaults[name])}"), (0, 0, 0, 4)))
            console.print(Padding(Text(" ".join(parameter.description.split()), style="dim"), (0, 0, 0, 6)))
        console.print()
