"""What Defender knows of the devices of findings that are about to be told: one question for all of them.

It is `_lists/context.kql` beside the hunts, never a part of a hunt. A finding is never held back for it.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from engine import parameters
from engine.errors import VizslaError
from engine.links import alert_link
from engine.model.event import Event, moment_of, text, ticks
from engine.model.finding import Account, Finding, by_worst
from engine.model.hunt import ParameterType, Value
from engine.model.notice import DeviceContext, OpenAlert
from engine.model.run import Window
from engine.report import words
from engine.sources.interface import Source

FILE = "_lists/context.kql"
BOUND: Mapping[str, ParameterType] = MappingProxyType(
    {"devices": "string list", "launches": "string list", "since": "datetime"}
)
"""What is bound in it."""
COLUMNS = (
    "Kind", "DeviceId", "Timestamp", "Group", "Role", "AssetValue", "Exposure", "InternetFacing", "LoggedOn", "AlertId",
    "Title", "Severity", "ReportId", "ProcessId", "RemoteDevice", "RemoteAddress",
)  # fmt: skip
"""What is read of its rows."""
_MOST_DEVICES, _MOST_LAUNCHES, _MOST_ALERTS, _MOST_PEOPLE = 1_000, 5, 10, 20
_DAY = timedelta(days=1)
_FARTHEST = timedelta(days=7)
"""How old the launches of a finding are looked up: rows that come late are waited for as long."""
log = logging.getLogger("vizsla")


def question(folder: Path) -> str | None:
    """The KQL beside the hunts of `folder`; None where there is none. VizslaError where it cannot be read."""
    try:
        return (folder / FILE).read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise VizslaError(f"{FILE} cannot be read: {error}") from error


def contexts(
    findings: Sequence[Finding], *, source: Source, now: datetime, folder: Path, portal: str
) -> Mapping[str, DeviceContext]:
    """What is known of each finding's device, by the finding's fingerprint; nothing where the source does not answer.

    Of more than a thousand devices, those of the worst findings are asked about. `folder` is that of the hunts,
    `portal` where the links of alerts lead.
    """
    asked = _asked(findings)
    try:
        query = question(folder)
        if query is None or not asked:
            return {}
        bound = parameters.bind(query, _values(asked, now - _DAY))
        rows = [row for batch in source.rows(bound, _window(asked, now)) for row in batch]
    except VizslaError as error:
        log.warning("context unavailable: %s", error)
        return {}
    answer = _Answer(rows)
    found = ((finding, answer.of(finding, portal)) for finding in asked)
    return {finding.fingerprint: context for finding, context in found if context}


def _asked(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings whose devices are asked about, worst first. An id that KQL cannot hold costs itself alone."""
    devices: set[str] = set()
    kept: list[Finding] = []
    for finding in sorted(findings, key=by_worst):
        if finding.device.id in devices or (len(devices) < _MOST_DEVICES and _can_be_written(finding.device.id)):
            devices.add(finding.device.id)
            kept.append(finding)
    return tuple(kept)


def _can_be_written(device_id: str) -> bool:
    try:
        parameters.write(device_id)
    except ValueError:
        return False
    return True


def _values(asked: Iterable[Finding], since: datetime) -> Mapping[str, Value]:
    devices = dict.fromkeys(finding.device.id for finding in asked)
    reports = dict.fromkeys(str(report) for finding in asked for report, _ in _launches(finding))
    return {"devices": tuple(devices), "launches": tuple(reports), "since": since}


def _launches(finding: Finding) -> list[tuple[int, int]]:
    """ReportId and ProcessId of its first launches: a burst is one actor's, so that a few of them tell the session."""
    started = [
        (command.report_id, command.process_id)
        for command in finding.commands
        if command.report_id is not None and command.process_id is not None
    ]
    return started[:_MOST_LAUNCHES]


def _window(asked: Iterable[Finding], now: datetime) -> Window:
    """The last day, or as far back as the launches lie."""
    first = moment_of(min(ticks(finding.start) for finding in asked))
    return Window(max(min(first, now - _DAY), now - _FARTHEST), now)


class _Answer:
    """The rows of the answer, by what they are about."""

    def __init__(self, rows: Iterable[Event]) -> None:
        self.devices: dict[str, Event] = {}
        self.alerts: defaultdict[str, list[Event]] = defaultdict(list)
        self.sessions: dict[tuple[str, Any, Any], Event] = {}
        for row in rows:
            device = text(row, "DeviceId")
            match row.get("Kind"):
                case "device":
                    self.devices[device] = row
                case "alert":
                    self.alerts[device].append(row)
                case "session":
                    self.sessions[device, row.get("ReportId"), row.get("ProcessId")] = row

    def of(self, finding: Finding, portal: str) -> DeviceContext | None:
        """What is known of the finding's device; None where that is nothing."""
        device = finding.device.id
        seen = (self.sessions.get((device, *launch)) for launch in _launches(finding))
        sessions = [row for row in seen if row and (text(row, "RemoteDevice") or text(row, "RemoteAddress"))]
        known, alerts = self.devices.get(device), self.alerts[device]
        if known is None and not alerts and not sessions:
            return None
        known, session = known or {}, sessions[0] if sessions else {}
        alerts.sort(key=lambda row: text(row, "Timestamp"), reverse=True)
        facing = known.get("InternetFacing")
        return DeviceContext(
            group=text(known, "Group"),
            role=", ".join(_roles(text(known, "Role"))),
            asset_value=text(known, "AssetValue"),
            exposure=text(known, "Exposure"),
            internet_facing=facing if isinstance(facing, bool) else None,
            logged_on=_people(text(known, "LoggedOn")),
            remote_device=text(session, "RemoteDevice"),
            remote_address=text(session, "RemoteAddress"),
            alerts=tuple(_alert(row, portal, finding.tenant) for row in alerts[:_MOST_ALERTS]),
        )


def _alert(row: Event, portal: str, tenant: str) -> OpenAlert:
    name = text(row, "AlertId")
    return OpenAlert(
        id=name,
        title=text(row, "Title"),
        severity=text(row, "Severity"),
        time=text(row, "Timestamp"),
        link=alert_link(name, portal=portal, tenant=tenant),
    )


def _roles(told: str) -> tuple[str, ...]:
    """Roles come as a JSON list, or as one in plain words."""
    try:
        return msgspec.json.decode(told, type=tuple[str, ...])
    except msgspec.DecodeError:
        return (told,) if told else ()


class _Person(msgspec.Struct, frozen=True, rename="pascal"):
    """One entry of Defender's LoggedOnUsers."""

    user_name: str | None = None
    domain_name: str | None = None
    sid: str | None = None


def _people(told: str) -> tuple[str, ...]:
    """LoggedOnUsers is a JSON list with UserName, DomainName and Sid; what cannot be read is left out."""
    try:
        people = msgspec.json.decode(told, type=tuple[_Person, ...])
    except msgspec.DecodeError:
        return ()
    named = (
        words.account(Account(each.user_name or "", each.domain_name or "", each.sid or ""))
        for each in people[:_MOST_PEOPLE]
        if each.user_name or each.sid
    )
    return tuple(dict.fromkeys(named))
