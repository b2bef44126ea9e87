"""Is all set up as it should be? Everything is looked at, and nothing is changed or delivered."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from engine.cli.terminal import Plain, errors
from engine.doctor import diagnose
from engine.report import diagnosis


def doctor(
    paths: Annotated[
        list[str] | None, typer.Option("--from", help="Files in the tenant's place: see `vizsla run`. Repeats.")
    ] = None,
    store: Annotated[Path | None, typer.Option(help="The SQLite file of what is remembered.")] = None,
    form: Annotated[Plain, typer.Option("--format", help="What to print.")] = Plain.TABLE,
    folder: Annotated[Path | None, typer.Option("--hunts", help="The folder of hunts.", show_default=False)] = None,
) -> None:
    """Look at all that is set up: packages, settings, sign-in, rights, data, store, sinks, hunts.

    Beside each failure stands what to do. Exit 1 where something failed; a warning alone is none. No value of a setting
    is shown: in its place stands the setting's name. For example: `vizsla doctor --from samples`
    """
    with errors.status("Looking at what is set up"):
        found = diagnose(_environment(paths or [], store, folder), now=lambda: datetime.now(UTC), developer=True)
    if form is Plain.JSON:
        typer.echo(msgspec.json.encode(found))
    else:
        diagnosis.show(found, Console())
    raise typer.Exit(0 if found.healthy else 1)


def _environment(paths: list[str], store: Path | None, folder: Path | None) -> dict[str, str]:
    """The environment, with what the command line says in its place."""
    environment = dict(os.environ)
    if store:
        environment.pop("VIZSLA_TABLES_URL", None)
        environment["VIZSLA_STORE"] = str(store)
    if paths:
        environment["VIZSLA_FROM"] = ";".join(paths)
    if folder:
        environment["VIZSLA_HUNTS"] = str(folder)
    return environment
