"""Maintenance windows and authorised tests: what may look like an intrusion, where, by whom and until when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct, field

LONGEST = timedelta(days=90)

Text = Annotated[str, Meta(pattern=r"\S")]
AccountName = Annotated[str, Meta(pattern=r"^(S-1(-\d+)+|[^\\/@]+\\[^\\/@]+)$")]
Moment = Annotated[datetime, Meta(tz=True)]


class WindowEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    r"""One window or test, from `from` on and up to `to`, which is no longer in it: moments with their offset from UTC.

    `devices` are ids or full names, `accounts` SIDs or `DOMAIN\name`; case does not matter. Where both are named, both
    must fit. `lower` makes a finding that lies wholly in it informational; without it, the finding is only marked.
    `owner` answers for it.
    """

    name: Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    devices: tuple[Text, ...] = ()
    accounts: tuple[AccountName, ...] = ()
    since: Moment = field(name="from")
    until: Moment = field(name="to")
    owner: Text
    reason: Text
    lower: bool = False

    def __post_init__(self) -> None:
        if not self.devices and not self.accounts:
            raise ValueError(f"{self.name} names neither devices nor accounts")
        if not timedelta() < self.until - self.since <= LONGEST:
            raise ValueError(f"{self.name} does not end within {LONGEST.days} days of its beginning")


class Windows(Struct, frozen=True, forbid_unknown_fields=True, cache_hash=True):
    """The entries of one list."""

    entries: tuple[WindowEntry, ...]
