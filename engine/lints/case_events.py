"""A case's events to rows of Defender's tables.

An event of cases.yaml says what matters and no more. What it leaves out is derived: `FileName` from the command line,
`FolderPath` from System32, ids and times in order; and `by: label` fills every InitiatingProcess column from the event
with `as: label`, its own launcher becoming the parent. An event with `unseen: true` names a process whose creation is
not in the data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from engine.decode import nearest
from engine.errors import UnreadableFile
from engine.model.event import instant, span_ticks, timestamp
from engine.model.hunt import Case
from engine.parameters import timespan

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_OWN = ("at", "as", "by", "unseen", "table")
_LAUNCHER = {
    "InitiatingProcessFileName": "FileName",
    "InitiatingProcessFolderPath": "FolderPath",
    "InitiatingProcessId": "ProcessId",
    "InitiatingProcessCreationTime": "ProcessCreationTime",
    "InitiatingProcessCommandLine": "ProcessCommandLine",
    "InitiatingProcessAccountName": "AccountName",
    "InitiatingProcessAccountDomain": "AccountDomain",
    "InitiatingProcessAccountSid": "AccountSid",
    "InitiatingProcessSHA1": "SHA1",
    "InitiatingProcessParentFileName": "InitiatingProcessFileName",
    "InitiatingProcessParentId": "InitiatingProcessId",
    "InitiatingProcessParentCreationTime": "InitiatingProcessCreationTime",
}


def rows(case: Case) -> dict[str, list[dict[str, Any]]]:
    """Table -> rows, in the order of the case. UnreadableFile when `by` labels no event above, or `at` is no span."""
    labelled: dict[str, dict[str, Any]] = {}
    tables: dict[str, list[dict[str, Any]]] = {}
    for index, event in enumerate(case.events):
        row = _row(index, {**case.common, **event}, labelled)
        if label := event.get("as"):
            labelled[label] = row
        if not event.get("unseen"):
            tables.setdefault(event.get("table", "DeviceProcessEvents"), []).append(row)
    return tables


def _row(index: int, given: Mapping[str, Any], labelled: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    moment = timestamp(instant(START) + span_ticks(_after_start(index, given)))
    command = str(given.get("ProcessCommandLine") or "")
    name = given.get("FileName") or _program(command)
    device = given.get("DeviceName", "ws01.contoso.com")
    by = given.get("by")
    if by is not None and by not in labelled:
        raise UnreadableFile(f"events[{index}].by: {by} labels no event above it. {nearest(str(by), list(labelled))}")
    launcher = labelled[by] if by is not None else {}
    return {
        "Timestamp": moment,
        "DeviceId": hashlib.sha1(device.encode(), usedforsecurity=False).hexdigest(),
        "DeviceName": device,
        "ActionType": "ProcessCreated",
        "ReportId": index + 1,
        "FileName": name,
        "FolderPath": f"C:\\Windows\\System32\\{name}",
        "ProcessId": 1000 + 4 * index,
        "ProcessCreationTime": moment,
        **{column: launcher.get(source) for column, source in _LAUNCHER.items()},
        **{key: value for key, value in given.items() if key not in _OWN},
    }


def _after_start(index: int, given: Mapping[str, Any]) -> timedelta:
    try:
        return timespan(str(given.get("at", "0s")))
    except ValueError as error:
        raise UnreadableFile(f"events[{index}].at: {error}.") from error


def _program(command: str) -> str:
    """The file name that a command line begins with; `.exe` is added where there is no ending."""
    first = command[1:].partition('"')[0] if command.startswith('"') else command.partition(" ")[0]
    name = first.rpartition("\\")[2]
    return name if "." in name else f"{name}.exe"
