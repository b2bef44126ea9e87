"""The ordinary life of an estate: what a noise is (they are data, in tables/noise-*.yaml), and when it runs where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

import msgspec

from engine.model.event import TICKS_PER_SECOND
from tests.estate import tables
from tests.estate.chain import Link, links
from tests.estate.devices import Device, Fleet, tagged
from tests.estate.dice import dice, portion
from tests.estate.sessions import desktop, is_present, is_workday, logs_on

_HOUR = 3600 * TICKS_PER_SECOND


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a noise runs on a device, in UTC. Exactly one of `times`, `every`, `at` and `after_logon` is given.

    `times`: so many times a day (from, to), anywhere in `hours`. `every`: each so many minutes in `hours`, in a phase
    of the device's own. `at`: at that hour, within `spread` minutes. `after_logon`: so many seconds (from, to) behind a
    fresh logon of the owner. `chance`: the share of a device's days on which anything happens. `workdays`: not on
    weekends. `days`: (every, first), on every so many days of the estate alone, counted from the first given.
    """

    times: tuple[int, int] | None = None
    every: float | None = None
    at: float | None = None
    after_logon: tuple[float, float] | None = None
    spread: float = 10
    hours: tuple[float, float] = (0, 24)
    chance: float = 1
    workdays: bool = False
    days: tuple[int, int] = (1, 0)

    def __post_init__(self) -> None:
        if sum(given is not None for given in (self.times, self.every, self.at, self.after_logon)) != 1:
            raise ValueError("say once when it runs: one of times, every, at, after_logon")


class Noise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something ordinary that runs commands.

    `about` says what it is; `tag` is that of the devices it may be on and `share` how many of them have it (at
    least one; when it `roams`, others each day). `account`: system, local service, network service, app pool, owner,
    administrator (over remote desktop), or svc-NAME. `elevated` is the share of runs behind User Account Control.
    `chain` leads to the commands (see chain.py). A run carries out one of `scripts`, each command after a `gap` of
    seconds (from, to); with `pick`, a person's choice of so many (from, to) of them in any order.
    """

    name: str
    about: str
    tag: str
    share: float
    roams: bool = False
    account: str = "system"
    elevated: float = 0
    chain: tuple[str, ...]
    when: When
    gap: tuple[float, float] = (0.1, 1.5)
    pick: tuple[int, int] | None = None
    scripts: tuple[tuple[str, ...], ...]

    def links(self) -> tuple[Link, ...]:
        """The chain, read."""
        return links(self.chain)


@dataclass(frozen=True, slots=True)
class Run:
    """A noise about to begin on a device at `start` (ticks); `noise` is None for the owner's logon itself."""

    start: int
    device: Device
    noise: Noise | None


@cache
def noises() -> tuple[Noise, ...]:
    """Every noise of the tables, in the order of files and entries."""
    found: list[Noise] = []
    for file in sorted(tables.FOLDER.glob("noise-*.yaml")):
        found += tables.read(file.name, list[Noise])
    return tuple(found)


def holders(noise: Noise, fleet: Fleet, midnight: int) -> list[Device]:
    """The devices that have the noise: a fixed share of those it may be on; for one that roams, the day's share."""
    eligible = tagged(fleet, noise.tag)
    wanted = max(1, round(noise.share * len(eligible)))
    day = midnight if noise.roams else 0
    return sorted(eligible, key=lambda device: portion(noise.name, device.id, day))[:wanted]


def plan(fleet: Fleet, midnight: int, day: int) -> list[Run]:
    """Everything that begins on the day, in order of time: pure, and blind to intrusions."""
    runs = [
        Run(desktop(device, midnight).userinit.created, device, None)
        for device in tagged(fleet, "workstation")
        if logs_on(device, midnight)
    ]
    for noise in noises():
        every, first = noise.when.days
        if day % every == first % every and (is_workday(midnight) or not noise.when.workdays):
            for device in holders(noise, fleet, midnight):
                runs += [Run(start, device, noise) for start in _starts(noise, device, midnight)]
    return sorted(runs, key=lambda run: (run.start, run.device.id, run.noise.name if run.noise else ""))


def _starts(noise: Noise, device: Device, midnight: int) -> list[int]:
    roll, when = dice(device.id, noise.name, midnight), noise.when
    if roll.random() >= when.chance:
        return []
    hours: Sequence[float]
    if when.after_logon:
        if not logs_on(device, midnight):
            return []
        return [desktop(device, midnight).explorer.created + int(roll.uniform(*when.after_logon) * TICKS_PER_SECOND)]
    if when.times:
        hours = [roll.uniform(*when.hours) for _ in range(roll.randint(*when.times))]
    elif when.every:
        hours = list(_periodic(noise, device, roll))
    else:
        hours = [(when.at or 0) + roll.uniform(0, when.spread) / 60]
    starts = [midnight + int(hour * _HOUR) for hour in hours]
    if noise.account != "owner":
        return starts
    opened = desktop(device, midnight).explorer.created + 60 * TICKS_PER_SECOND
    return [start for start in starts if start > opened] if is_present(device, midnight) else []


def _periodic(noise: Noise, device: Device, roll: Random) -> Iterator[float]:
    first, last = noise.when.hours
    step = (noise.when.every or 60) / 60
    hour = first + portion(device.id, noise.name, "phase") * step
    while hour < last:
        yield min(hour + roll.uniform(0, 0.02), 23.99)
        hour += step
