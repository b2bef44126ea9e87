"""The computers of the estate: workstations with an owner each, servers with a role."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha1

from engine.model.event import TICKS_PER_SECOND
from tests.estate.dice import dice
from tests.estate.people import DOMAIN, Account, Language, administrator, person

DAY = 86_400 * TICKS_PER_SECOND

_ROLES = ("dc", "dc", "web", "build", "file", "sql", "app", "app", "file", "web")
_SERVER_SHARE = 0.12


@dataclass(frozen=True, eq=False, slots=True)
class Device:
    """One computer. `tags` are the words by which a noise chooses its devices, `version` tells which of two
    releases of a vendor's agent it has, `booted` (ticks) when its services began.
    """

    id: str
    name: str
    tags: frozenset[str]
    owner: Account | None
    language: Language
    build: str
    version: int
    booted: int
    address: str

    @property
    def host(self) -> str:
        """The name without its domain."""
        return self.name.partition(".")[0]


@dataclass(frozen=True, eq=False, slots=True)
class Fleet:
    """All computers, and the privileged accounts that reach them."""

    seed: int
    devices: tuple[Device, ...]
    administrators: tuple[Account, ...]


def fleet(*, seed: int, count: int, start: int) -> Fleet:
    """A fleet of `count` computers (at least 10), the same for the same seed and count; `start` is in ticks."""
    if count < 10:
        raise ValueError(f"An estate of {count} devices is too small to be one: give at least 10.")
    servers = max(4, round(count * _SERVER_SHARE))
    devices = [_server(seed, index, start) for index in range(servers)]
    devices += [_workstation(seed, index, start) for index in range(count - servers)]
    privileged = tuple(administrator(seed, index) for index in range(max(3, count // 100)))
    return Fleet(seed, tuple(devices), privileged)


@lru_cache(maxsize=256)
def tagged(estate: Fleet, tag: str) -> tuple[Device, ...]:
    """The devices that bear the tag, in the order of the fleet."""
    return tuple(device for device in estate.devices if tag in device.tags)


def _server(seed: int, index: int, start: int) -> Device:
    role = _ROLES[index] if index < 2 else _ROLES[2 + (index - 2) % (len(_ROLES) - 2)]
    tags = {"any", "server", role} | ({"member"} if role != "dc" else set())
    return _device(seed, f"srv-{role}{index + 1:02d}", tags, None, start)


def _workstation(seed: int, index: int, start: int) -> Device:
    roll = dice(seed, "workstation", index)
    tags = {"any", "workstation", roll.choices(("laptop", "desktop"), (7, 3))[0]}
    tags.add(roll.choices(("office", "developer", "helpdesk"), (82, 14, 4))[0])
    tags.add(roll.choices(("dell", "lenovo"), (55, 45))[0])
    return _device(seed, f"ws-{index + 1:04d}", tags, person(seed, index), start)


def _device(seed: int, host: str, tags: set[str], owner: Account | None, start: int) -> Device:
    identity = sha1(f"{seed}/{host}".encode(), usedforsecurity=False).hexdigest()
    roll = dice(identity, "device")
    languages: tuple[Language, ...] = ("en", "de", "fr")
    builds = ("17763", "20348") if "server" in tags else ("19045", "22631", "26100")
    return Device(
        id=identity,
        name=f"{host}.{DOMAIN}",
        tags=frozenset(tags),
        owner=owner,
        language=roll.choices(languages, (80, 14, 6))[0],
        build=roll.choice(builds),
        version=int(roll.random() < 0.3),
        booted=start - int(roll.uniform(22, 45) * DAY),
        address=f"10.{20 if owner else 10}.{roll.randrange(1, 250)}.{roll.randrange(2, 250)}",
    )
