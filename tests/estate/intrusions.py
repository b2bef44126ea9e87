"""Intrusions: sequences from public reports, played by an actor in a style, with labels that say what is true."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Literal

import msgspec

from engine.model.event import TICKS_PER_SECOND
from tests.estate import tables
from tests.estate.chain import Link, Stage, Today, links, remote_desktop
from tests.estate.devices import Device, Fleet, tagged
from tests.estate.dice import dice
from tests.estate.people import Logon, app_pool, built_in
from tests.estate.processes import Process, Row
from tests.estate.scene import scene
from tests.estate.sessions import desktop, is_present

Style = Literal["beacon", "interactive", "two_shells", "slow", "script"]
STYLES: tuple[Style, ...] = ("beacon", "interactive", "two_shells", "slow", "script")

_HOUR = 3600 * TICKS_PER_SECOND
_HOURS = (1.0, 22.0)  # when an intrusion may begin, so that the longest ends on its day
_GAPS: dict[Style, tuple[float, float]] = {
    "beacon": (1, 12),
    "interactive": (4, 40),
    "two_shells": (4, 40),
    "slow": (40, 110),
    "script": (0.05, 1.9),
}
_SHELLS: dict[Style, tuple[str, ...]] = {
    "beacon": (),
    "interactive": ("run cmd.exe",),
    "two_shells": ("run cmd.exe", "run powershell.exe"),
    "slow": (),
    "script": (r'run cmd.exe /c "C:\Users\Public\{word}.bat"',),
}


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sequence of discovery commands as a public source prints it."""

    name: str
    source: str
    commands: tuple[str, ...]
    year: int | None = None


class Actor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who carries a sequence out: see the head of actors.yaml."""

    name: str
    tag: str
    account: Literal["owner", "system", "app pool", "stolen"]
    chain: tuple[str, ...]
    wrapper: str = "cmd.exe /c {command}"
    styles: tuple[Style, ...] = STYLES
    needs: str = ""
    renamed: str = ""


@dataclass(frozen=True, slots=True)
class Intrusion:
    """What is true of one intrusion. `commands` are the command lines of the programs that its commands started, in
    order, less net1.exe and the shells around them; `report_ids` are those rows' ReportId. `start` and `end` are the
    Timestamps of the first and the last of them. A ReportId belongs to a device.
    """

    id: str
    sequence: str
    source: str
    style: Style
    actor: str
    device_id: str
    device_name: str
    account: str
    start: str
    end: str
    report_ids: tuple[int, ...]
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Plot:
    id: str
    sequence: Known
    actor: Actor
    style: Style
    device: Device
    start: int


@cache
def sequences() -> tuple[Known, ...]:
    """The sequences of sequences.yaml."""
    return tuple(tables.read("sequences.yaml", list[Known]))


@cache
def actors() -> tuple[Actor, ...]:
    """The actors of actors.yaml."""
    return tuple(tables.read("actors.yaml", list[Actor]))


def intrude(fleet: Fleet, *, midnight: int, day: int, count: int) -> Iterator[tuple[list[Row], Intrusion]]:
    """The intrusions of a day one by one, each with its rows. The first ones are the same for every higher count."""
    for plot in _plots(fleet, midnight, day, count):
        yield _carry_out(plot, fleet, midnight, day)


def _plots(fleet: Fleet, midnight: int, day: int, count: int) -> Iterator[_Plot]:
    roll = dice(fleet.seed, "intrusions", midnight)
    cast, styles, taken = roll.sample(actors(), len(actors())), roll.sample(STYLES, len(STYLES)), set[str]()
    pool: list[Known] = []
    for index in range(count):
        actor = cast[index % len(cast)]
        turn = index + index // len(cast)  # another style when an actor comes round again
        style = next(styles[(turn + k) % 5] for k in range(5) if styles[(turn + k) % 5] in actor.styles)
        if not any(_suits(actor, sequence) for sequence in pool):
            pool += roll.sample(sequences(), len(sequences()))
        sequence = next(sequence for sequence in pool if _suits(actor, sequence))
        pool.remove(sequence)
        device, start = _place(actor, fleet, midnight, roll, taken)
        taken.add(device.id)
        yield _Plot(f"day{day}-{index + 1:03d}", sequence, actor, style, device, start)


def _suits(actor: Actor, sequence: Known) -> bool:
    return not actor.needs or any(command.startswith(actor.needs) for command in sequence.commands)


def _place(actor: Actor, fleet: Fleet, midnight: int, roll: Random, taken: set[str]) -> tuple[Device, int]:
    """A device and a moment: one that no intrusion of the day has yet, and a desktop that is there already."""
    eligible = [
        device for device in tagged(fleet, actor.tag) if actor.account != "owner" or is_present(device, midnight)
    ]
    eligible = eligible or list(tagged(fleet, actor.tag))
    device = roll.choice([device for device in eligible if device.id not in taken] or eligible)
    first = midnight + int(_HOURS[0] * _HOUR)
    if actor.account == "owner":
        first = max(first, desktop(device, midnight).explorer.created + _HOUR // 6)
    return device, roll.randrange(first, midnight + int(_HOURS[1] * _HOUR))


def _carry_out(plot: _Plot, fleet: Fleet, midnight: int, day: int) -> tuple[list[Row], Intrusion]:
    stage = _stage(plot, fleet, midnight, day)
    base = links(plot.actor.chain)
    parent = stage.stand(base)
    if _SHELLS[plot.style]:
        done = _in_shells(plot, stage, parent, [("run", line) for scope, line in base if scope == "each"])
    else:
        done = _one_by_one(plot, stage, parent, [link for link in base if link[0] == "each"])
    rows = stage.scene.rows
    by_identity = {(row["ProcessId"], row["Timestamp"]): row for row in rows}
    played = [by_identity[process.pid, process.creation_time] for process in done]
    return rows, Intrusion(
        id=plot.id,
        sequence=plot.sequence.name,
        source=f"{plot.sequence.source} {plot.sequence.year or ''}".strip(),
        style=plot.style,
        actor=plot.actor.name,
        device_id=plot.device.id,
        device_name=plot.device.name,
        account=stage.logon.account.name,
        start=played[0]["Timestamp"],
        end=played[-1]["Timestamp"],
        report_ids=tuple(row["ReportId"] for row in played),
        commands=tuple(row["ProcessCommandLine"] for row in played),
    )


def _stage(plot: _Plot, fleet: Fleet, midnight: int, day: int) -> Stage:
    """Where an intrusion is played. A stolen account comes over remote desktop, or by remote execution."""
    device, account = plot.device, plot.actor.account
    key = ("intrusion", plot.id, midnight)
    owner = device.owner.name if device.owner else "administrator"
    stand = scene(fleet, device, start=plot.start, key=key, user=owner, day=day)
    shown = desktop(device, midnight) if account == "owner" else None
    if account == "stolen":
        thief = stand.roll.choice(fleet.administrators)
        if ("session", "explorer.exe") in links(plot.actor.chain):
            shown = remote_desktop(stand, thief, stand.roll.choice(tagged(fleet, "workstation")))
        logon = shown.logon if shown else Logon(thief, stand.roll.randrange(10**6, 10**9), 0, "High")
    elif shown:
        logon = shown.logon
    else:
        logon = app_pool(device.id) if account == "app pool" else built_in("system", device.language)
    return Stage(stand, plot.actor.name, logon, shown, Today())


def _in_shells(plot: _Plot, stage: Stage, parent: Process, before: list[Link]) -> list[Process]:
    """The commands in one shell, or the first half in one and the rest in another; `before` stand ahead of each."""
    commands, shells = _commands(plot), _SHELLS[plot.style]
    share = -(-len(commands) // len(shells))
    done: list[Process] = []
    for index, shell in enumerate(shells):
        standing = parent
        for _, line in (*before, *links((shell,))):
            standing = stage.scene.start(standing, stage.scene.fill(line), stage.logon)
        for command in commands[index * share : (index + 1) * share]:
            stage.scene.wait(*_GAPS[plot.style])
            done += _heart(stage.command(standing, (), command))
    return done


def _one_by_one(plot: _Plot, stage: Stage, parent: Process, each: list[Link]) -> list[Process]:
    """The commands in a shell of its own each."""
    wrapped = (*each, ("each", plot.actor.wrapper))
    done: list[Process] = []
    for command in _commands(plot):
        stage.scene.wait(*_GAPS[plot.style])
        done += _heart(stage.command(parent, wrapped, command))
    return done


def _heart(started: list[Process]) -> list[Process]:
    """Of what one command started, all but the shells around it; a shell that stood alone was the command."""
    return [process for process in started if process.program.name != "cmd.exe"] or started


def _commands(plot: _Plot) -> list[str]:
    actor = plot.actor
    return [
        command.replace(actor.needs, actor.renamed, 1) if actor.needs else command for command in plot.sequence.commands
    ]
