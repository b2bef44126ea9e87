"""Who an actor is across devices and days: its image, folder and account, with what varies taken out.

`baseline.kql` computes the same in Kusto; a test holds the two together.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from engine.model.actor import image_path
from engine.model.event import Event, text

PERSON = "person"
_ACCOUNTS = re.compile(r"S-1-5-(?:18|19|20)$|S-1-5-(?:80|82|83|90|96)(?=-)")
_WRITABLE = re.compile(
    r"\\users\\|\\programdata\\|\\temp\\|\\tmp\\|\\perflogs\\|\\\$recycle\.bin\\|\\windows\\(?:tasks|tracing)\\"
)
_PROTECTED = re.compile(r"[a-z]:\\programdata\\microsoft\\windows defender")
_UNSIGNED = frozenset({"unsigned", "invalid", "revoked", "expired"})


class Identity(NamedTuple):
    """An actor as it is known on other devices and days.

    `path` is the folded image path, or `?name` where the folder is unknown. `account` is a SID for what runs others'
    commands, a kind of account else. `sha1` is empty but for actors whose path says too little: those in folders that
    users can write to, and unsigned ones.
    """

    path: str
    account: str
    sha1: str

    @property
    def is_known(self) -> bool:
        """Whether the folder is known: an actor known by name alone is never routine."""
        return not self.path.startswith("?")

    @property
    def file_name(self) -> str:
        """The image's name, folded as the path is."""
        return self.path.rpartition("\\")[2].lstrip("?")


def identity_of(event: Event, generic_hosts: frozenset[str]) -> Identity:
    """The identity of an event's `Actor`. `generic_hosts` are names in lower case."""
    process = event["Actor"].process
    image = process.file_name, process.folder_path, process.signature_status, process.sha1
    return _identity(image, text(event, "AccountSid"), generic_hosts)


@lru_cache(maxsize=1 << 14)
def _identity(image: tuple[str, str, str, str], sid: str, generic_hosts: frozenset[str]) -> Identity:
    """Remembered, for one actor runs many commands, on many devices."""
    file_name, folder_path, status, sha1 = image
    name = file_name.lower()
    path = image_path(folder_path, file_name)
    doubtful = is_writable(path) or status.lower() in _UNSIGNED
    return Identity(
        path=folded(path) if path else f"?{folded(name)}",
        account=sid if name in generic_hosts else account_kind(sid),
        sha1=sha1.lower() if doubtful else "",
    )


@lru_cache(maxsize=1 << 14)
def folded(path: str) -> str:
    """A path in lower case with users, hexadecimal runs of eight or more, and numbers taken out."""
    path = re.sub(r"\\users\\[^\\]+\\", r"\\users\\*\\", path.lower())
    return re.sub(r"[0-9]+", "#", re.sub(r"[0-9a-f]{8,}", "#", path))


@lru_cache(maxsize=1 << 14)
def is_writable(path: str) -> bool:
    """Whether the image lies where users can write, as far as its path tells. Takes a path in lower case."""
    return bool(_WRITABLE.search(path)) and not _PROTECTED.match(path)


def account_kind(sid: str) -> str:
    """System, a service, an application pool..., by SID and never by a localised name; else a person; "" if unknown."""
    found = _ACCOUNTS.match(sid)
    return found.group() if found else PERSON if sid else ""
