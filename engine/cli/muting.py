"""Enough: what is to be told no more for a while, shown, and taken back. In force from the next run on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from engine import bootstrap, loader
from engine import mutes as muting
from engine.cli.operating import Folder, StoreFile, settings_of
from engine.cli.terminal import Plain, errors
from engine.report import muted

Intents = Annotated[
    list[str] | None,
    typer.Option(help="Only findings with no other intents than these, heavy ones too. Commas, or repeats."),
]
Whole = Annotated[
    bool, typer.Option("--all", help="A whole device, hunt, or an actor everywhere is meant: 24 hours at most.")
]
Printed = Annotated[Plain, typer.Option("--format", help="What to print.")]


def mute(
    *,
    fingerprint: Annotated[str, typer.Argument(help="One finding, as its alert, card or JSON answer names it.")] = "",
    device: Annotated[str, typer.Option(help="Device id or full name. Goes with --actor.")] = "",
    actor: Annotated[str, typer.Option(help="Folder and file of who ran the commands. Goes with --device.")] = "",
    intents: Intents = None,
    hunt: Annotated[str, typer.Option(help="Only what this hunt finds.")] = "",
    until: Annotated[str, typer.Option(help="ISO 8601, UTC, or a timespan from now: 7d. At most 90 days.")],
    owner: Annotated[str, typer.Option(help="Who wants it, and can be asked.")],
    reason: Annotated[str, typer.Option(help="Why it is fine.")],
    whole: Whole = False,
    store: StoreFile = None,
    form: Printed = Plain.TABLE,
    folder: Folder = None,
) -> None:
    r"""Keep a finding quiet for a while, or what an actor does on a device. What it kept quiet is counted.

    A finding that grows by a heavy intent which it did not have speaks anyway. For example:

    `vizsla mute --device ws-0034.contoso.com --actor 'C:\Tools\tool.exe' --until 7d --owner anna --reason 'a trial'`
    """
    there = settings_of(store, folder)
    wish = muting.Wish(
        fingerprint=fingerprint,
        device=device,
        actor=actor,
        intents=tuple(name for each in intents or () for name in each.split(",")),
        hunt=hunt,
        until=until,
        owner=owner,
        reason=reason,
        all=whole,
    )
    kept, loaded = bootstrap.remembered(there), loader.load_all(there.hunts or loader.HUNTS)
    made = muting.mute(wish, store=kept, hunts=loaded.hunts, tenant=there.tenant, now=datetime.now(UTC))
    if form is Plain.JSON:
        typer.echo(msgspec.json.encode(made))
        return
    told = f"{made.id} keeps quiet, from the next run until {muted.written(made.until)} UTC: {muted.named(made)}"
    Console().print(Text(f"{told} ({muted.heavy(made)})."), soft_wrap=True)


def mutes(
    *,
    past: Annotated[bool, typer.Option("--past", help="Also those that are over.")] = False,
    store: StoreFile = None,
    form: Printed = Plain.TABLE,
) -> None:
    """Show what is muted, until when, who wanted it and why, and how many findings it kept quiet."""
    there, now = settings_of(store, None), datetime.now(UTC)
    found = muting.mutes(store=bootstrap.remembered(there), tenant=there.tenant, now=now, past=past)
    if form is Plain.JSON:
        typer.echo(msgspec.json.encode(found))
    else:
        muted.show(found, Console(), now=now)


def unmute(
    mute_id: Annotated[str, typer.Argument(metavar="MUTE", help="Its id: see `vizsla mutes`.")],
    store: StoreFile = None,
) -> None:
    """Take a mute back. What it kept quiet is told when it is seen again."""
    there = settings_of(store, None)
    gone = muting.unmute(mute_id, store=bootstrap.remembered(there), tenant=there.tenant)
    errors.print(f"{gone.id} is taken back, it kept quiet: {muted.named(gone)}", markup=False, soft_wrap=True)
