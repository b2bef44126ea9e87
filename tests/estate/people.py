"""Who is on the estate's computers: people, administrators, robots, and Windows' own accounts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import msgspec

from tests.estate import tables
from tests.estate.dice import dice

DOMAIN = "hafen.example"
NETBIOS = "hafen"

Language = Literal["en", "de", "fr"]

_BUILT_IN = {
    "system": ("S-1-5-18", 999, "system", "system", "système"),
    "local service": ("S-1-5-19", 997, "local service", "lokaler dienst", "service local"),
    "network service": ("S-1-5-20", 996, "network service", "netzwerkdienst", "service réseau"),
}
_AUTHORITY: dict[Language, str] = {"en": "nt authority", "de": "nt-autorität", "fr": "autorite nt"}
_APP_POOL_SID = "S-1-5-82-3006700770-424185619-1745488364-794895919-4004696415"


class _Names(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    first: tuple[str, ...]
    last: tuple[str, ...]


@cache
def _names() -> _Names:
    return tables.read("people.yaml", _Names)


@dataclass(frozen=True, slots=True)
class Account:
    """A security principal, in the spelling of Defender's Account* columns."""

    domain: str
    name: str
    sid: str
    upn: str = ""


@dataclass(frozen=True, slots=True)
class Logon:
    """An account at work on a device: the token and the session that a process runs in.

    `remote` holds name and address of the computer at the other end of a remote desktop session.
    """

    account: Account
    id: int
    session: int
    integrity: str = "Medium"
    elevation: str = "TokenElevationTypeDefault"
    remote: tuple[str, str] | None = None


def _sid(seed: int, rid: int) -> str:
    roll = dice(seed, "domain sid")
    return "S-1-5-21-" + "-".join(str(roll.randrange(10**8, 4 * 10**9)) for _ in range(3)) + f"-{rid}"


def person(seed: int, index: int) -> Account:
    """The index-th person of the company; names are distinct."""
    first, last = _names().first, _names().last
    again, number = divmod(index, len(first) * len(last))
    name = f"{first[number % len(first)]}.{last[(number + number // len(first)) % len(last)]}{again or ''}"
    return Account(NETBIOS, name, _sid(seed, 1200 + index), f"{name}@{DOMAIN}")


def administrator(seed: int, index: int) -> Account:
    """The index-th privileged account: a person's second, named after its owner."""
    last = _names().last
    name = f"adm-{last[index * 5 % len(last)]}{index // len(last) or ''}"
    return Account(NETBIOS, name, _sid(seed, 1100 + index), f"{name}@{DOMAIN}")


def robot(seed: int, name: str) -> Account:
    """A domain account that no person uses, such as `svc-scan`."""
    return Account(NETBIOS, name, _sid(seed, 60_000 + dice(name).randrange(10_000)), f"{name}@{DOMAIN}")


def built_in(kind: str, language: Language) -> Logon:
    """Windows' own account of that kind, under the name it has in that language. The SID is the same in all."""
    sid, logon_id, *names = _BUILT_IN[kind]
    name = names[("en", "de", "fr").index(language)]
    return Logon(Account(_AUTHORITY[language], name, sid), logon_id, 0, "System")


def app_pool(device_id: str) -> Logon:
    """The virtual account of a web server's default application pool."""
    account = Account("iis apppool", "defaultapppool", _APP_POOL_SID)
    return Logon(account, dice(device_id, "app pool").randrange(10**5, 10**7), 0, "High")


def is_built_in(kind: str) -> bool:
    """Whether `kind` names one of Windows' own accounts."""
    return kind in _BUILT_IN
