"""Known-good: who may run discovery without being told of, as an identity with an owner."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

NonEmpty = Annotated[tuple[str, ...], Meta(min_length=1)]


class KnownGoodEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One excuse. A file name alone is no identity: `folder_paths` are full folders, `*` for one versioned part.

    An actor process is excused when its file name and folder fit and, where given, so do the SID it runs under, its
    signature status and its SHA1. `intents` narrow what is excused; empty, all are. From `expires` on it excuses
    nothing.
    """

    id: str
    file_name: str
    folder_paths: NonEmpty
    account_sids: tuple[str, ...] = ()
    signature_statuses: tuple[str, ...] = ()
    sha1s: tuple[str, ...] = ()
    intents: tuple[str, ...] = ()
    owner: str
    reason: str
    added: date
    expires: date


class KnownGood(Struct, frozen=True, forbid_unknown_fields=True):
    """The entries of one list."""

    entries: tuple[KnownGoodEntry, ...]
