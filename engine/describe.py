"""Findings as notices: with what the device is, where to go on, and what the hunt advises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from engine.context import contexts
from engine.links import links
from engine.model.finding import Finding
from engine.model.hunt import Hunt
from engine.model.notice import Notice
from engine.sources.interface import Source


def notices(
    findings: Sequence[Finding], *, hunt: Hunt, source: Source, portal: str, now: datetime
) -> Mapping[str, Notice]:
    """The findings by fingerprint, as their sinks are told of them. One question to the source, for all devices.

    Where it is not answered, the notices go without: a finding is never held back for it.
    """
    known = contexts(findings, source=source, now=now, folder=hunt.folder.parent, portal=portal)
    return {
        finding.fingerprint: Notice(
            key=finding.fingerprint,
            finding=finding,
            hunt_title=hunt.title,
            tactic=hunt.definition.attack.tactic,
            response=hunt.definition.response,
            links=links(finding, portal=portal),
            context=known.get(finding.fingerprint),
        )
        for finding in findings
    }
