"""The list of hunts, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from engine.model.hunt import Hunt

if TYPE_CHECKING:
    from rich.console import Console


def hunts(listed: Iterable[Hunt], console: Console) -> None:
    """Prints each hunt: its id, title, hypothesis, and its parameters."""
    from rich.padding import Padding  # noqa: PLC0415 - the local extra, imported when used
    from rich.text import Text  # noqa: PLC0415 - the same

    for hunt in listed:
        console.print(Text.assemble((hunt.id, "bold"), f"  {hunt.title}"))
        console.print(Padding(Text(hunt.definition.hypothesis.strip()), (0, 0, 0, 2)))
        for name, parameter in hunt.definition.parameters.items():
            words = f"{name} ({parameter.type}): {' '.join(parameter.description.split())}"
            console.print(Padding(Text(words, style="dim"), (0, 0, 0, 4)))
        console.print()
