"""The hunts by the clock, from a cron line: what is due is done, and the record of it is shown."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from engine import bootstrap, health, loader, settings, tasks, telemetry
from engine.attempts import attempt
from engine.cli.terminal import Plain, errors
from engine.errors import SettingsError
from engine.report import record
from engine.settings import Settings

StoreFile = Annotated[
    Path | None, typer.Option(help="The SQLite file of what is remembered; VIZSLA_STORE when left out.")
]
Folder = Annotated[Path | None, typer.Option("--hunts", help="The folder of hunts.", show_default=False)]


def tick(store: StoreFile = None, folder: Folder = None) -> None:
    """Run what is due now, once: the whole product from a cron line, without Azure Functions.

    Each minute: `* * * * * VIZSLA_STORE=/var/lib/vizsla/store.db vizsla tick`. Two at once are harmless.
    """
    there = settings_of(store, folder)
    telemetry.configure(os.environ)
    desk, now = bootstrap.build(there), datetime.now(UTC)
    failed = False
    for task in (*tasks.due_runs(desk, now=now), *tasks.due_lessons(desk, now=now)):
        for done in attempt(task, desk, holder=f"pid-{os.getpid()}", now=now):
            failed = failed or (done.run is not None and done.run.status == "failed")
            errors.print(f"{task.hunt}: {done.told}", markup=False, soft_wrap=True)
    telemetry.flush()
    raise typer.Exit(1 if failed else 0)


def runs(
    hunt: Annotated[str | None, typer.Argument(help="One hunt; all when left out.")] = None,
    store: StoreFile = None,
    most: Annotated[int, typer.Option(help="How many runs to show.", min=1)] = 20,
    form: Annotated[Plain, typer.Option("--format", help="What to print.")] = Plain.TABLE,
    folder: Folder = None,
) -> None:
    """Show the record of runs, how far each hunt lies behind the clock, and gaps. Exit 1 where something is wrong."""
    there = settings_of(store, folder)
    kept = bootstrap.remembered(there)
    loaded = loader.load_all(there.hunts or loader.HUNTS)
    now = datetime.now(UTC)
    found = health.examine(loaded.hunts.values(), loaded.broken, tenant=there.tenant, store=kept, now=now)
    found = health.learned(found, loaded.hunts, store=kept, now=now)
    shown = kept.runs(hunt, tenant=there.tenant, limit=most)
    if form is Plain.JSON:
        typer.echo(msgspec.json.encode(msgspec.structs.replace(found, runs=shown)))
    else:
        record.show(found, shown, Console())
    raise typer.Exit(0 if found.healthy else 1)


def settings_of(store: Path | None, folder: Path | None) -> Settings:
    """The environment, with what the command line says in its place; on a laptop, who is signed in asks."""
    there = settings.read(os.environ)
    there = replace(there, store=store or there.store, hunts=folder or there.hunts)
    if not (there.store or there.tables):
        raise SettingsError("nothing says where to remember: give --store FILE, or set VIZSLA_STORE.")
    if not there.paths and not there.live.sign_in:
        there = replace(there, live=replace(there.live, sign_in="developer"))
    return there
