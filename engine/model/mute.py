"""What somebody does not want to be told for a while."""

from __future__ import annotations

from datetime import datetime

import msgspec

from engine.model.actor import image_path
from engine.model.finding import Finding


class Mute(msgspec.Struct, frozen=True, kw_only=True):
    r"""Keeps quiet, until `until`, findings that have all that is named here; what is empty is any.

    `device` is an id or a full name; `actor` the full path of the image, `c:\folder\file.exe`, in lower case;
    `intents` are those that a finding may have at most. `heavy` are the heavy intents that were known when it was
    muted: a finding with another one speaks anyway. `owner` and `reason` say who wanted it and why. `kept` counts
    what it kept quiet, `last` is when it did so last.
    """

    id: str
    tenant: str
    owner: str
    reason: str
    since: datetime
    until: datetime
    fingerprint: str = ""
    hunt: str = ""
    device: str = ""
    actor: str = ""
    intents: tuple[str, ...] = ()
    heavy: tuple[str, ...] = ()
    kept: int = 0
    last: datetime | None = None

    def covers(self, finding: Finding, now: datetime) -> bool:
        """Whether the finding is kept quiet at `now`."""
        intents = {command.intent for command in finding.commands}
        heavy = {command.intent for command in finding.commands if command.heavy}
        return (
            self.since <= now < self.until
            and self.tenant == finding.tenant
            and self.fingerprint in {"", finding.fingerprint, *finding.aliases}
            and self.hunt in {"", finding.hunt}
            and self.device.casefold() in {"", finding.device.id.casefold(), finding.device.name.casefold()}
            and self.actor in {"", actor_of(finding)}
            and (not self.intents or intents <= set(self.intents))
            and heavy <= set(self.heavy)
        )


def actor_of(finding: Finding) -> str:
    """The full path of a finding's actor as mutes have it; empty where its folder is unknown, which no mute names."""
    return image_path(finding.actor.folder_path, finding.actor.file_name)
