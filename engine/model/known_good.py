"""Known-good: who may run discovery without being told of, as an identity with an owner."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

from engine.model.identity import is_writable

_CLOSED = re.compile(r"c:\\(?:windows|program files(?: \(x86\))?|programdata\\microsoft\\windows defender[^\\]*)\\")

Text = Annotated[str, Meta(pattern=r"\S")]
Sid = Annotated[str, Meta(pattern=r"^S-1(-\d+)+$")]
Sha1 = Annotated[str, Meta(pattern=r"^[0-9A-Fa-f]{40}$")]


class KnownGoodEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One excuse. A file name alone is no identity: `folder_paths` are full folders.

    In a folder, `*` stands for what changes with the version; it never crosses a backslash. An actor process is excused
    when its image lies in one of the folders and, where given, these fit too: the SID it runs under, its signature
    status, its SHA1, and its own arguments, normalised, which one of the regular expressions `command_lines` must match
    as a whole. `intents` are the only ones excused; empty, all are that are not heavy: a heavy one is excused by name
    or not at all. From `expires` on the entry excuses nothing. `owner` answers for it.
    """

    id: Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    file_name: Annotated[str, Meta(pattern=r'^[^\\/:*?"<>|]+$')]
    folder_paths: Annotated[tuple[Text, ...], Meta(min_length=1)]
    account_sids: tuple[Sid, ...] = ()
    signature_statuses: tuple[Text, ...] = ()
    sha1s: tuple[Sha1, ...] = ()
    intents: tuple[Text, ...] = ()
    command_lines: tuple[Text, ...] = ()
    owner: Text
    reason: Text
    added: date
    expires: date

    def __post_init__(self) -> None:
        for pattern in self.command_lines:
            try:
                re.compile(pattern)
            except re.error as fault:
                raise ValueError(f"{pattern!r} is no regular expression: {fault}") from fault


class KnownGood(Struct, frozen=True, forbid_unknown_fields=True, cache_hash=True):
    """The entries of one list."""

    entries: tuple[KnownGoodEntry, ...]


def is_closed(path: str) -> bool:
    r"""Whether an image lies where only administrators can write, as far as its path tells. Takes lower case.

    That is below \Windows and \Program Files of the system drive, but for the folders there that are open, and in
    Defender's own folders of \ProgramData. Any other folder may have been made by a user, `C:\Agent` too.
    """
    return bool(_CLOSED.match(path)) and not is_writable(path)
