"""What a hunt tells a person."""

from __future__ import annotations

from typing import Literal

import msgspec

from engine.model.event import ticks

Severity = Literal["informational", "low", "medium", "high"]
SEVERITIES: tuple[Severity, ...] = ("informational", "low", "medium", "high")


class Device(msgspec.Struct, frozen=True):
    """Sentinel's Host: Defender's DeviceId and DeviceName."""

    id: str
    name: str


class Account(msgspec.Struct, frozen=True):
    """Sentinel's Account, as the created processes ran under it."""

    name: str
    domain: str
    sid: str = ""


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """Sentinel's Process. What the data lacks is empty, or None for the id."""

    file_name: str
    folder_path: str = ""
    process_id: int | None = None
    creation_time: str = ""
    command_line: str = ""
    account_sid: str = ""
    signature_status: str = ""
    sha1: str = ""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One launch that a finding rests on. `time` is Defender's own Timestamp text.

    `intent` is the id of what the command line is for, `title` the same in words; `technique` an ATT&CK id.
    `parent` is the process that launched it. `heavy` says that hardly anyone but an intruder or an auditor asks so.
    Secrets in `command_line` are masked; `decoded` is what an encoded command in it says.
    """

    time: str
    intent: str
    title: str
    technique: str
    file_name: str
    command_line: str
    process_id: int | None
    report_id: int | None
    parent: str = ""
    heavy: bool = False
    decoded: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing worth an analyst's look: not yet an alert, not an incident.

    `fingerprint` is equal for two findings that an analyst would call the same. `score` is 0-100. `chain` is the
    process chain from the oldest known ancestor down to the launcher of the first command. `reasons` are sentences.
    `identity` is the actor's across devices and days, empty where it runs whatever it is told to; `recurrences` counts
    how often the same came again, `last_seen` when it last ended. `aliases` are the fingerprints of younger findings
    that turned out to be this one; each of those says by which it was `absorbed_by`. `recurs` is the fingerprint of the
    earlier finding of which this is a recurrence. `retracted` says why a finding no longer stands; it is empty for one
    that does. `expected` names the maintenance window or authorised test that it falls into, if any.
    """

    fingerprint: str
    hunt: str
    title: str
    severity: Severity
    score: int
    device: Device
    account: Account
    actor: Process
    start: str
    end: str
    commands: tuple[Command, ...]
    techniques: tuple[str, ...]
    reasons: tuple[str, ...]
    chain: tuple[Process, ...] = ()
    identity: str = ""
    recurrences: int = 0
    last_seen: str = ""
    tenant: str = "default"
    aliases: tuple[str, ...] = ()
    absorbed_by: str = ""
    recurs: str = ""
    retracted: str = ""
    expected: str = ""

    @property
    def stands(self) -> bool:
        """Whether its burst is still one, told or not: neither part of another nor withdrawn."""
        return not self.absorbed_by and not self.retracted

    @property
    def form(self) -> str:
        """What whoever was told of it must be told again when it changes; it begins with the severity."""
        return (
            f"{self.severity} {len(self.commands)} {','.join(self.aliases)} {self.absorbed_by} {self.retracted}".strip()
        )


def at_least(severity: Severity, floor: Severity) -> bool:
    """Whether `severity` is `floor` or worse."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(floor)


def by_worst(finding: Finding) -> tuple[int, int, int, str]:
    """Findings in order of severity, then score, the worst first; then start and fingerprint."""
    return -SEVERITIES.index(finding.severity), -finding.score, *by_start(finding)


def by_start(finding: Finding) -> tuple[int, str]:
    """Findings in order of their start, then fingerprint."""
    return ticks(finding.start), finding.fingerprint


def recurrence_key(finding: Finding) -> tuple[str, str, str, str]:
    """What a finding shares with its recurrences: hunt, device id, actor identity, and sorted intents.

    With the intents stands what it is expected by: an authorised test must not hide what comes after it.
    """
    intents = sorted({command.intent for command in finding.commands})
    return finding.hunt, finding.device.id, finding.identity, ",".join([*intents, *filter(None, [finding.expected])])
