"""What an alert is about, as createAlert takes it: entities, the category, the techniques.

Only what is really known becomes an entity, for Defender correlates by them: a wrong one ties incidents together that
have nothing in common. For the same reason SYSTEM and its like are none: their SIDs are those of every device.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from engine.errors import SinkError
from engine.model.finding import Device, Finding
from engine.report.visible import visible

MOST_ENTITIES = 100
_LONGEST = 1_000
_DEVICE_ID = re.compile(r"[0-9a-fA-F]{40}")
_SHA1 = re.compile(r"[0-9a-fA-F]{40}")
# Accounts of a domain or a computer, and those of Entra ID; S-1-5-18 and the other well-known ones are nobody's.
_SID = re.compile(r"S-1-(5-21|12-1)(-\d{1,10}){4}")
_UPN = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_TECHNIQUE = re.compile(r"T\d{4}(\.\d{3})?")
_CATEGORIES: Mapping[str, str] = MappingProxyType(
    {
        "TA0001": "InitialAccess",
        "TA0002": "Execution",
        "TA0003": "Persistence",
        "TA0004": "PrivilegeEscalation",
        "TA0005": "DefenseEvasion",
        "TA0006": "CredentialAccess",
        "TA0007": "Discovery",
        "TA0008": "LateralMovement",
        "TA0009": "Collection",
        "TA0010": "Exfiltration",
        "TA0011": "CommandAndControl",
        "TA0040": "Impact",
        "TA0042": "ResourceDevelopment",
        "TA0043": "Reconnaissance",
    }
)
_OTHER_CATEGORY = "SuspiciousActivity"


def of_finding(finding: Finding) -> list[dict[str, str]]:
    """The device and the account it concerns, and the actor's image, as a file and as a process."""
    entities = [_device(finding.device), _user(finding), _image("file", finding), _image("process", finding)]
    return _known(entities)


def of_devices(devices: Iterable[Device]) -> list[dict[str, str]]:
    """The devices, each once, as many as one alert may have."""
    return _known(_device(each) for each in devices)[:MOST_ENTITIES]


def category(tactic: str) -> str:
    """The category of an ATT&CK tactic's id, as Defender spells it."""
    return _CATEGORIES.get(tactic, _OTHER_CATEGORY)


def techniques(findings: Iterable[Finding]) -> list[str]:
    """The techniques of the findings, each once."""
    named = (technique for finding in findings for technique in finding.techniques)
    return [technique for technique in dict.fromkeys(named) if _TECHNIQUE.fullmatch(technique)]


def _device(device: Device) -> dict[str, str] | None:
    if _DEVICE_ID.fullmatch(device.id):
        return _entity("device", "deviceId", device.id, "impacted")
    return _entity("device", "deviceName", device.name, "impacted")


def _user(finding: Finding) -> dict[str, str] | None:
    account = finding.account
    if _SID.fullmatch(account.sid):
        return _entity("user", "sid", account.sid, "impacted")
    return _entity("user", "userPrincipalName", account.name if _UPN.fullmatch(account.name) else "", "impacted")


def _image(kind: str, finding: Finding) -> dict[str, str] | None:
    digest = finding.actor.sha1
    return _entity(kind, "sha1", digest if _SHA1.fullmatch(digest) else "", "related")


def _entity(kind: str, identifier: str, value: str, role: str) -> dict[str, str] | None:
    """An entity; None where its value is unknown, too long, or holds what nobody can see."""
    if not value or len(value) > _LONGEST or visible(value) != value:
        return None
    return {"entityType": kind, "entityIdentifier": identifier, "identifierValue": value, "role": role}


def _known(entities: Iterable[dict[str, str] | None]) -> list[dict[str, str]]:
    """The entities that there are, each once. Raises SinkError where there is none: Defender takes no such alert."""
    known = list({tuple(each.items()): each for each in entities if each}.values())
    if not known:
        raise SinkError("Defender takes no alert without an entity, and neither device nor account is known by one.")
    return known
