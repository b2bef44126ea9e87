"""What a sink is told: a finding with what an analyst asks first, or several findings at once."""

from __future__ import annotations

import msgspec

from engine.model.delivery import Receipt
from engine.model.finding import SEVERITIES, Finding, Severity


class Links(msgspec.Struct, frozen=True, kw_only=True):
    """Where to go on in the Defender portal: the `device`'s page, and a query for its day in Advanced Hunting."""

    device: str = ""
    hunting: str = ""


class OpenAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert of Defender's own that is open on the device; `time` is its Timestamp text."""

    id: str
    title: str
    severity: str
    time: str
    link: str = ""


class DeviceContext(msgspec.Struct, frozen=True, kw_only=True):
    """What Defender knows of a device. What the data lacks is empty, or None.

    `logged_on` are accounts, `remote_device` and `remote_address` those of a remote session that the burst's processes
    belong to, `alerts` what is open there since a day.
    """

    group: str = ""
    role: str = ""
    asset_value: str = ""
    exposure: str = ""
    internet_facing: bool | None = None
    logged_on: tuple[str, ...] = ()
    remote_device: str = ""
    remote_address: str = ""
    alerts: tuple[OpenAlert, ...] = ()


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A finding on its way to a sink.

    `key` is what the far side is to keep, so that what was told can be found there again: the finding's fingerprint.
    `hunt_title`, `tactic` (an ATT&CK id) and `response` are the hunt's. `context` is None where it is unavailable.
    `earlier` is what the far side answered when it was told before; `incident` the page of the incident that another
    sink opened for the finding. `perhaps_told` says that a crash left open whether the far side knows it already.
    """

    key: str
    finding: Finding
    hunt_title: str
    tactic: str = ""
    response: tuple[str, ...] = ()
    links: Links = Links()
    context: DeviceContext | None = None
    earlier: Receipt | None = None
    incident: str = ""
    perhaps_told: bool = False


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """Several findings told at once, worst first; `why` says why in a sentence. `key` is as of Notice."""

    key: str
    why: str
    notices: tuple[Notice, ...]
    perhaps_told: bool = False

    @property
    def severity(self) -> Severity:
        """The worst of its findings."""
        return max((notice.finding.severity for notice in self.notices), key=SEVERITIES.index)


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What a sink would send, for people: secrets are masked. `body` is JSON, not yet written."""

    method: str
    url: str
    body: object
