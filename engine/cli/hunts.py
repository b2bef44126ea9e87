"""What hunts there are, and whether they are sound."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from engine import loader, parameters
from engine.cli.terminal import HuntsFolder, errors, known
from engine.report import listing
from engine.report.words import count


def hunts(folder: HuntsFolder = loader.HUNTS) -> None:
    """List the hunts: what each looks for, and its parameters with their defaults."""
    loaded = loader.load_all(folder)
    listing.hunts(loaded.hunts.values(), Console(), written=parameters.write)
    for broken in loaded.broken:
        errors.print(f"{broken.hunt} cannot be loaded:\n{broken}", style="red", markup=False)
    raise typer.Exit(1 if loaded.broken else 0)


def check(
    hunt: Annotated[str | None, typer.Argument(help="One hunt; all when left out.")] = None,
    folder: HuntsFolder = loader.HUNTS,
) -> None:
    """Lint the hunts: Microsoft's own KQL parser, columns, parameters, lists, and the hunts' cases.

    Exit 0 clean, 1 faults found, 3 no fault but some lints could not run (they need Node; `make dev` installs it).
    """
    from engine.lints import check as lint  # noqa: PLC0415 - what only `check` needs

    checked = lint.check(folder, only=known(folder, hunt) if hunt else None)
    for fault in checked.faults:
        errors.print(str(fault), style="red", markup=False, soft_wrap=True)
    for note in checked.not_run:
        errors.print(note, style="yellow", markup=False, soft_wrap=True)
    ran = ", ".join(map(count, (checked.hunts, checked.lints, checked.cases), ("hunt", "lint", "case")))
    typer.echo(f"{ran}: {count(len(checked.faults), 'fault')}")
    raise typer.Exit(1 if checked.faults else 3 if checked.not_run else 0)
