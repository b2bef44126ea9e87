"""Lists for a terminal: the hunts, and what a hunt has learned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from engine.model.baseline import Baseline
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


def baseline(learned: Baseline, console: Console, *, most: int) -> None:
    """Prints the pairs that most devices had on most days, and those that the latest day had first."""
    from rich.table import Table  # noqa: PLC0415 - the local extra, imported when used
    from rich.text import Text  # noqa: PLC0415 - the same

    days: Counter[tuple[str, str, str]] = Counter()
    devices: dict[tuple[str, str, str], int] = {}
    first: dict[tuple[str, str, str], str] = {}
    for day in learned.days:
        found = (pair for pair in day.pairs if pair.intent)  # the others are no discovery
        pairs = {(pair.identity.path, pair.identity.account, pair.intent): pair.devices for pair in found}
        for pair, count in pairs.items():
            days[pair] += 1
            devices[pair] = max(count, devices.get(pair, 0))
            first.setdefault(pair, str(day.day))
    newest = [pair for pair, day in first.items() if learned.days and day == str(learned.days[-1].day)]
    routine = sorted(days, key=lambda pair: (-days[pair], -devices[pair], pair))
    for title, chosen in (
        ("Most routine", routine),
        ("New on the latest day", newest if len(learned.days) > 1 else []),
    ):
        table = Table("Actor", "Account", "Intent", "Days", "Devices", title=f"{title} ({len(chosen)})")
        for pair in chosen[:most]:
            table.add_row(*map(Text, (*pair, str(days[pair]), f"{devices[pair]:,}")))
        console.print(table)
