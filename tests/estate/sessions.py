"""What stands before any command: the services since the boot, the owner's desktop since the logon."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from engine.model.event import TICKS_PER_SECOND
from tests.estate.commands import split
from tests.estate.devices import DAY, Device
from tests.estate.dice import dice, portion
from tests.estate.people import Account, Logon, app_pool, built_in
from tests.estate.processes import Process
from tests.estate.programs import resolve, service

_PRESENT_ON_WORKDAYS, _PRESENT_ON_WEEKENDS = 0.92, 0.06
_LOGS_ON_ANEW = 0.45  # on Mondays everyone does: the weekend's updates end the sessions
_LONGEST_SESSION = 21  # days, fewer than the least age of a boot


@dataclass(frozen=True, slots=True)
class Desktop:
    """A person's session: who, and the two processes that Windows begins it with."""

    logon: Logon
    userinit: Process
    explorer: Process


@lru_cache(maxsize=1 << 16)
def booted(device: Device, name: str) -> Process:
    """A service by name (see programs.yaml) as it has run on the device since it booted."""
    place, wanted = service(name)
    line = wanted.line or name
    parent = booted(device, wanted.parent) if wanted.parent else None
    program = resolve(split(line)[0].rpartition("\\")[2], "")
    logon = app_pool(device.id) if program.account == "app pool" else built_in(program.account, device.language)
    roll = dice(device.id, "service", name)
    begun = (parent.created if parent else device.booted) + roll.randrange(TICKS_PER_SECOND, 20 * TICKS_PER_SECOND)
    return Process(device, 600 + 4 * (2 * place + roll.randrange(2)), begun, program, line, logon, parent)


def _weekday(midnight: int) -> int:
    return (midnight // DAY + 3) % 7  # Monday is 0; the first day of 1970 was a Thursday


def is_workday(midnight: int) -> bool:
    """Whether the day that begins at `midnight` (ticks) is one of Monday to Friday."""
    return _weekday(midnight) < 5


def is_present(device: Device, midnight: int) -> bool:
    """Whether the owner works on the device on that day."""
    share = _PRESENT_ON_WORKDAYS if is_workday(midnight) else _PRESENT_ON_WEEKENDS
    return portion(device.id, "present", midnight) < share


def logs_on(device: Device, midnight: int) -> bool:
    """Whether the owner logs on anew on that day; on other days the session of an earlier day goes on."""
    if not is_present(device, midnight):
        return False
    return _weekday(midnight) == 0 or portion(device.id, "logs on", midnight) < _LOGS_ON_ANEW


@lru_cache(maxsize=1 << 14)
def desktop(device: Device, midnight: int) -> Desktop:
    """The owner's session on that day. It may have begun on an earlier day, and then has the same processes as then."""
    if device.owner is None:
        raise LookupError(f"{device.name} is a server: nobody owns its desktop.")
    for back in range(_LONGEST_SESSION):
        if logs_on(device, midnight - back * DAY):
            break
    return _began(device, device.owner, midnight - back * DAY)


def _began(device: Device, owner: Account, midnight: int) -> Desktop:
    roll = dice(device.id, "desktop", midnight)
    logon = Logon(owner, roll.randrange(10**6, 10**9), roll.choice((1, 1, 1, 2)))
    at = midnight + int(roll.triangular(6.5, 11, 8.2) * 3600 * TICKS_PER_SECOND) + roll.randrange(TICKS_PER_SECOND)
    pid = 4 * (1000 + 2 * roll.randrange(400))
    winlogon = booted(device, "winlogon.exe")
    userinit = Process(device, pid, at, resolve("userinit.exe", ""), "userinit.exe", logon, winlogon)
    shown = at + roll.randrange(TICKS_PER_SECOND // 5, 2 * TICKS_PER_SECOND)
    explorer = Process(device, pid + 4, shown, resolve("explorer.exe", ""), "Explorer.EXE", logon, userinit)
    return Desktop(logon, userinit, explorer)


def elevated(logon: Logon) -> Logon:
    """The same person behind User Account Control: another logon id and a full token, the same session."""
    return replace(logon, id=logon.id + 31, integrity="High", elevation="TokenElevationTypeFull")
