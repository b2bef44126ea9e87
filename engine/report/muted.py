"""What is muted, for a terminal: what each mute keeps quiet, how often it did, and who wanted it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from engine.model.mute import Mute
from engine.report.words import count

if TYPE_CHECKING:
    from rich.console import Console


def show(mutes: Sequence[Mute], console: Console, *, now: datetime) -> None:
    """Prints the mutes, and how many findings they kept quiet."""
    from rich import box  # noqa: PLC0415 - the local extra, imported when used
    from rich.table import Table  # noqa: PLC0415 - the same
    from rich.text import Text  # noqa: PLC0415 - the same

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("Mute", "Keeps quiet", "Until (UTC)", "Kept", "Who, and why"):
        made.add_column(heading, overflow="fold")
    for each in mutes:
        until = f"{written(each.until)}{'' if now < each.until else ', over'}"
        kept = f"{each.kept:,}{f', last {written(each.last)}' if each.last else ''}"
        what = f"{named(each)}\n{heavy(each)}"
        made.add_row(*map(Text, (each.id, what, until, kept, f"{each.owner}: {each.reason}")))
    if mutes:
        console.print(made)
    kept_quiet = count(sum(each.kept for each in mutes), "finding")
    console.print(Text(f"{count(len(mutes), 'mute')}, {kept_quiet} kept quiet."))


def named(mute: Mute) -> str:
    r"""`finding 0a1b...`, or `c:\tools\tool.exe on ws01 in discovery-burst, for who, where alone`."""
    if mute.fingerprint:
        what = f"finding {mute.fingerprint}"
    else:
        what = f"{mute.actor or 'everything'} on {mute.device or 'every device'}"
    hunt = f" in {mute.hunt}" if mute.hunt else ""
    intents = f", for {', '.join(mute.intents)} alone" if mute.intents else ""
    return f"{what}{hunt}{intents}"


def heavy(mute: Mute) -> str:
    """Which heavy intents are kept quiet too."""
    return f"heavy among it: {', '.join(mute.heavy) or 'none'}; another one speaks anyway"


def written(moment: datetime) -> str:
    """`2026-11-24 10:50`, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
