"""What is routine: learned from files, and shown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine import bootstrap, learn, loader
from engine.cli.terminal import HuntsFolder, known, progress
from engine.report import listing

app = typer.Typer(help="Learn what is routine, and show it.", no_args_is_help=True)


@app.command("learn")
def learn_baseline(
    hunt: Annotated[str, typer.Argument(help="The hunt: see `vizsla hunts`.")],
    paths: Annotated[list[str], typer.Option("--from", help="A file, a folder or a quoted glob. Repeats.")],
    baseline: Annotated[Path, typer.Option(help="The file to write; days that it holds are kept.")],
    folder: HuntsFolder = loader.HUNTS,
) -> None:
    """Learn what is routine from the days in the files, one day at a time.

    For example: `vizsla baseline learn discovery-burst --from samples --baseline routine.gz`
    """
    chosen = loader.load(folder / known(folder, hunt))
    grown = learn.read(baseline, chosen.id)
    with progress() as shown, bootstrap.files(paths, progress=shown) as source:
        for day in learn.days(source.whole):
            grown = grown.with_day(learn.learn(chosen, source, day))
    learn.write(baseline, grown)
    for kept in grown.days:
        typer.echo(f"{kept.day}  {kept.devices:,} devices  {len(kept.pairs):,} pairs  {len(kept.sets):,} sets")
    typer.echo(f"{len(grown.days)} days in {baseline}" + ("; seven make a baseline" if grown.weak else ""))


@app.command("show")
def show_baseline(
    hunt: Annotated[str, typer.Argument(help="The hunt: see `vizsla hunts`.")],
    baseline: Annotated[Path, typer.Option(help="What `vizsla baseline learn` wrote.", exists=True, dir_okay=False)],
    most: Annotated[int, typer.Option(help="How many pairs to show.", min=1)] = 20,
    folder: HuntsFolder = loader.HUNTS,
) -> None:
    """Show what was learned: the most routine pairs of an actor and an intent, and the newest."""
    listing.baseline(learn.read(baseline, known(folder, hunt)), Console(), most=most)
