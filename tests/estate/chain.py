"""The processes between Windows and a command, as data: each link says where its process comes from.

boot NAME       a service since the device booted (see programs.yaml); it has no row of its own
session NAME    userinit.exe or explorer.exe of the account's desktop
day LINE        begun once a day and device, then used again: an editor, a support tool
run LINE        begun anew in each run: a script's shell
each LINE       begun anew for each command, which stands in the line as {command}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from tests.estate.commands import inner
from tests.estate.devices import Device
from tests.estate.people import Account, Logon, built_in
from tests.estate.processes import Process
from tests.estate.scene import Scene
from tests.estate.sessions import Desktop, booted

Link: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Today:
    """What runs share within a day: the processes of `day` links by device, name, account and line, and the remote
    desktops by device, name and account. Filled while the day is played."""

    processes: dict[tuple[str, ...], Process] = field(default_factory=dict)
    desktops: dict[tuple[str, ...], Desktop] = field(default_factory=dict)


def links(texts: Sequence[str]) -> tuple[Link, ...]:
    """The links of a chain as it is written in a table, oldest first."""
    parted = [text.partition(" ") for text in texts]
    for scope, _, line in parted:
        if scope not in {"boot", "session", "day", "run", "each"} or not line:
            raise ValueError(f"{scope} {line}: a link begins with boot, session, day, run or each, and goes on.")
    return tuple((scope, line) for scope, _, line in parted)


def remote_desktop(scene: Scene, account: Account, origin: Device) -> Desktop:
    """A remote desktop session that begins now, with the rows of the processes that Windows begins it with."""
    roll, device = scene.roll, scene.device
    remote = (origin.host, origin.address)
    logon = Logon(account, roll.randrange(10**6, 10**9), roll.randrange(2, 9), remote=remote)
    system = replace(built_in("system", device.language), session=logon.session)
    winlogon = scene.start(booted(device, "smss.exe"), "winlogon.exe", system)
    scene.wait(0.5, 3)
    userinit = scene.start(winlogon, r"C:\Windows\system32\userinit.exe", logon)
    explorer = scene.start(userinit, r"C:\Windows\Explorer.EXE", logon)
    scene.wait(5, 40)
    return Desktop(logon, userinit, explorer)


@dataclass
class Stage:
    """Where commands are carried out: one scene, one logon, one desktop if there is any."""

    scene: Scene
    name: str
    logon: Logon
    desktop: Desktop | None
    today: Today

    def stand(self, chain: Sequence[Link]) -> Process:
        """The process at the end of the links before the first `each`, started where it does not run yet."""
        process: Process | None = None
        for scope, line in chain:
            if scope == "each":
                break
            process = self._link(process, scope, line)
        if process is None:
            raise ValueError(f"{self.name}: a chain begins with a boot or a session link.")
        return process

    def _link(self, parent: Process | None, scope: str, line: str) -> Process:
        scene = self.scene
        if scope == "boot":
            return booted(scene.device, line)
        if scope == "session":
            if self.desktop is None:
                raise ValueError(f"{self.name}: {line} needs the account of a person.")
            return self.desktop.userinit if line == "userinit.exe" else self.desktop.explorer
        if parent is None:
            raise ValueError(f"{self.name}: nothing can start {line!r}: put a boot or a session link before it.")
        if scope == "run":
            return scene.start(parent, scene.fill(line), self.logon)
        key = (scene.device.id, self.name, self.logon.account.sid, line)
        if key not in self.today.processes:
            self.today.processes[key] = scene.start(parent, scene.fill(line), self.logon)
            scene.wait(2, 25)
        return self.today.processes[key]

    def command(self, parent: Process, chain: Sequence[Link], command: str) -> list[Process]:
        """One command below `parent`, through the chain's `each` links. Returns what the command itself started.

        A command that is a cmd of its own is wrapped in no second one. If a shell did the command by itself, the
        shell is what is returned.
        """
        scene, line = self.scene, self.scene.fill(command)
        wrappers = [text for scope, text in chain if scope == "each"]
        wrapper = parent
        for text in wrappers:
            is_last = text is wrappers[-1]
            own = is_last and line.lower().startswith(("cmd ", "cmd.exe "))
            wrapper = scene.start(wrapper, line if own else scene.fill(text).replace("{command}", line), self.logon)
        if not wrappers:
            return scene.carry_out(parent, line)
        handed_on = inner(wrapper.line) if wrapper.program.name == "cmd.exe" else line
        return scene.carry_out(wrapper, handed_on) or [wrapper]
