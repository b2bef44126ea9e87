"""The bodies of what Defender is sent: createAlert's, which is beta, and a comment's. Nothing else knows their form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.model.finding import Severity
from engine.model.notice import Digest, Notice
from engine.report import words
from engine.sinks import alert_entities, alert_text
from engine.sinks.plain_text import safe

_MOST_OF_A_STEP = 2_000


def of_notice(notice: Notice, *, incident: str = "", news: Sequence[str] = ()) -> Mapping[str, object]:
    """The body of createAlert for a finding, which goes to that incident where one is named; `news` as in its text."""
    finding = notice.finding
    return _input(
        incident=incident,
        title=alert_text.title(finding),
        severity=finding.severity,
        description=alert_text.description(notice, news=news),
        category=alert_entities.category(notice.tactic),
        recommended=notice.response,
        techniques=alert_entities.techniques([finding]),
        entities=alert_entities.of_finding(finding),
    )


def of_digest(digest: Digest) -> Mapping[str, object]:
    """The body of createAlert for a digest. Its category and advice are those of its first finding's hunt."""
    findings = words.worst_first([notice.finding for notice in digest.notices])
    first = digest.notices[0]
    devices = len({finding.device.id for finding in findings})
    entities = alert_entities.of_devices(finding.device for finding in findings)
    title = f"{first.hunt_title}: {words.count(len(findings), 'finding')} on {words.count(devices, 'device')}"
    return _input(
        incident="",
        title=safe(title, alert_text.MOST_OF_A_TITLE),
        severity=digest.severity,
        description=alert_text.summary(digest, devices=devices, named=len(entities)),
        category=alert_entities.category(first.tactic),
        recommended=first.response,
        techniques=alert_entities.techniques(findings),
        entities=entities,
    )


def _input(
    *,
    incident: str,
    title: str,
    severity: Severity,
    description: str,
    category: str,
    recommended: Sequence[str],
    techniques: Sequence[str],
    entities: Sequence[Mapping[str, str]],
) -> Mapping[str, object]:
    """The form itself. What is unknown is left out, and without an incident Defender opens one."""
    steps = "\n".join(safe(step, _MOST_OF_A_STEP) for step in recommended)
    optional = {"recommendedActions": steps, "mitreTechniques": techniques, "linkToIncident": _number(incident)}
    required = {"title": title, "severity": severity, "description": description, "category": category}
    given = {name: value for name, value in optional.items() if value}
    return {"createAlertInput": {**required, **given, "entityDefinitions": entities}}


def comment(notice: Notice) -> Mapping[str, str]:
    """The body of a comment on an incident: what has become of the finding."""
    return {"@odata.type": "microsoft.graph.security.alertComment", "comment": alert_text.comment(notice)}


def _number(incident: str) -> int:
    """The incident's id as createAlert wants it; 0, which is no incident, where it is no number."""
    return int(incident) if incident.isascii() and incident.isdigit() else 0
