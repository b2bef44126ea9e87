"""From a run to its rows: who acts, where the commands stand, at which pace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from tests.estate.chain import Stage, Today, remote_desktop
from tests.estate.devices import Device, Fleet, tagged
from tests.estate.dice import dice
from tests.estate.noise import Noise, Run
from tests.estate.people import Account, Logon, app_pool, built_in, is_built_in, robot
from tests.estate.processes import Row
from tests.estate.scene import Scene, scene
from tests.estate.sessions import Desktop, desktop, elevated


def play(run: Run, fleet: Fleet, *, midnight: int, day: int, today: Today) -> list[Row]:
    """The rows of a run, in order of time; what the day's later runs build on is added to `today`."""
    device, noise = run.device, run.noise
    if noise is None:
        return _logon(run, fleet, midnight, day)
    roll = dice(device.id, noise.name, run.start)
    person = _administrator(noise, device, fleet, midnight) if noise.account == "administrator" else device.owner
    user = person.name if person else "administrator"
    stand = scene(fleet, device, start=run.start, key=(noise.name, "scene", run.start), user=user, day=day)
    stage = _stage(stand, noise, person, fleet=fleet, midnight=midnight, today=today)
    if roll.random() < noise.elevated:
        stage = replace(stage, logon=elevated(stage.logon))
    chain = noise.links()
    parent = stage.stand(chain)
    for command in _choice(noise, roll):
        stand.wait(*noise.gap)
        stage.command(parent, chain, command)
    return stand.rows


def _logon(run: Run, fleet: Fleet, midnight: int, day: int) -> list[Row]:
    shown = desktop(run.device, midnight)
    stand = scene(fleet, run.device, start=run.start, key=("logon", run.start), user="", day=day)
    stand.record(shown.userinit)
    stand.record(shown.explorer)
    return stand.rows


def _stage(stand: Scene, noise: Noise, person: Account | None, *, fleet: Fleet, midnight: int, today: Today) -> Stage:
    shown = None
    if noise.account == "owner":
        shown = desktop(stand.device, midnight)
    elif noise.account == "administrator" and person:
        shown = _remote(stand, noise, person, fleet, today)
    logon = shown.logon if shown else _service(noise.account, stand.device, fleet)
    return Stage(stand, noise.name, logon, shown, today)


def _remote(stand: Scene, noise: Noise, person: Account, fleet: Fleet, today: Today) -> Desktop:
    key = (stand.device.id, noise.name, person.sid)
    if key not in today.desktops:
        origin = dice(person.sid, "desk").choice(tagged(fleet, "workstation"))
        today.desktops[key] = remote_desktop(stand, person, origin)
    return today.desktops[key]


def _service(account: str, device: Device, fleet: Fleet) -> Logon:
    if is_built_in(account):
        return built_in(account, device.language)
    if account == "app pool":
        return app_pool(device.id)
    return Logon(robot(fleet.seed, account), dice(device.id, account).randrange(10**6, 10**9), 0, "High")


def _administrator(noise: Noise, device: Device, fleet: Fleet, midnight: int) -> Account:
    return dice(device.id, noise.name, midnight, "who").choice(fleet.administrators)


def _choice(noise: Noise, roll: Random) -> Sequence[str]:
    script = roll.choice(noise.scripts)
    if noise.pick is None:
        return script
    return roll.sample(script, min(len(script), roll.randint(*noise.pick)))
