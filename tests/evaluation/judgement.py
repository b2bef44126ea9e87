"""What deliveries are worth against what is true: which intrusions were found, when, and what was false."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec

from engine.model.catalogue import Catalogue
from engine.model.event import TICKS_PER_SECOND, span_ticks, text, ticks
from engine.model.finding import SEVERITIES, Finding, Severity, at_least
from engine.steps.classify import intent_of
from tests.estate import Intrusion, Row
from tests.evaluation.days import EPOCH
from tests.evaluation.play import Delivered

Truth: TypeAlias = dict[tuple[str, int | None], str]
"""Whose command a row is, by its device and ReportId."""
FLOOR: Severity = "medium"
"""A finding must be this severe, or worse, to have found an intrusion."""
FEWEST_COMMANDS = 2
"""So many of an intrusion's commands must be its evidence."""
FEWEST_INTENTS = 3
"""An intrusion with fewer is counted apart: its commands are no burst by any hunt's definition."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One intrusion and what became of it.

    `intents` are the distinct intents of its commands. `seconds` is from its first command to the run that found it,
    None when none did; `raised` says how severe the worst finding with enough of its commands was. `findings` counts
    those that hold any of them. `why` is for missed ones.
    """

    id: str
    sequence: str
    style: str
    actor: str
    intents: int
    seconds: float | None
    raised: Severity | None
    findings: int
    why: str = ""

    @property
    def visible(self) -> bool:
        """Whether it shows enough to be a burst."""
        return self.intents >= FEWEST_INTENTS


class Noise(msgspec.Struct, frozen=True, kw_only=True):
    """One finding that holds no intrusion's command."""

    actor: str
    severity: Severity
    score: int
    intents: tuple[str, ...]


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What one method's deliveries of a day were worth.

    `doubles` counts new findings that hold a command of an earlier one under another fingerprint; `grown`, deliveries
    that brought an earlier finding up to date; `partial`, findings that hold too little of an intrusion.
    """

    cases: tuple[Case, ...]
    false: tuple[Noise, ...]
    partial: int
    doubles: int
    new: int
    grown: int

    def false_at_least(self, floor: Severity) -> int:
        """How many false findings are this severe, or worse."""
        return sum(at_least(noise.severity, floor) for noise in self.false)


def judged(delivered: Sequence[Delivered], labels: Sequence[Intrusion], intents: dict[str, int]) -> Judged:
    """Judges what was delivered. `intents` says how many an intrusion shows, by its id."""
    truth = _truth(labels)
    false: list[Noise] = []
    partial = 0
    for versions in _by_fingerprint(delivered):
        held = [_held(version.finding, truth) for version in versions]
        if not any(held):
            false.append(_noise([version.finding for version in versions]))
        elif max(count for each in held for count in each.values()) < FEWEST_COMMANDS:
            partial += 1
    return Judged(
        cases=tuple(_case(label, intents[label.id], delivered, truth) for label in labels),
        false=tuple(false),
        partial=partial,
        doubles=_doubles(delivered),
        new=sum(each.new for each in delivered),
        grown=sum(not each.new for each in delivered),
    )


def finds(finding: Finding, label: Intrusion) -> bool:
    """Whether the finding is severe enough and holds enough of the intrusion."""
    return at_least(finding.severity, FLOOR) and _held(finding, _truth([label])).get(label.id, 0) >= FEWEST_COMMANDS


def intents_of(labels: Sequence[Intrusion], rows: Iterable[Row], catalogue: Catalogue) -> dict[str, int]:
    """How many distinct intents the commands of each intrusion have, by its id."""
    by_report = {(row["DeviceId"], row["ReportId"]): row for row in rows}
    return {
        label.id: len({_intent(by_report[label.device_id, report], catalogue) for report in label.report_ids} - {""})
        for label in labels
    }


def _intent(row: Row, catalogue: Catalogue) -> str:
    found = intent_of(
        catalogue,
        file_name=text(row, "FileName"),
        original_file_name=text(row, "ProcessVersionInfoOriginalFileName"),
        command_line=text(row, "ProcessCommandLine"),
    )
    return found.id if found else ""


def _case(label: Intrusion, intents: int, delivered: Sequence[Delivered], truth: Truth) -> Case:
    own = [(each, _held(each.finding, truth).get(label.id, 0)) for each in delivered]
    enough = [each for each, count in own if count >= FEWEST_COMMANDS]
    finders = [each for each in enough if at_least(each.finding.severity, FLOOR)]
    moments = [span_ticks(each.at - EPOCH) - ticks(label.start) for each in finders]
    return Case(
        id=label.id,
        sequence=label.sequence,
        style=label.style,
        actor=label.actor,
        intents=intents,
        seconds=min(moments) / TICKS_PER_SECOND if moments else None,
        raised=max((each.finding.severity for each in enough), key=SEVERITIES.index, default=None),
        findings=len({each.finding.fingerprint for each, count in own if count}),
    )


def _truth(labels: Iterable[Intrusion]) -> Truth:
    return {(label.device_id, report): label.id for label in labels for report in label.report_ids}


def _held(finding: Finding, truth: Truth) -> dict[str, int]:
    """How many of each intrusion's commands the finding holds, by the intrusion's id."""
    counts: dict[str, int] = {}
    for report in {command.report_id for command in finding.commands}:
        intrusion = truth.get((finding.device.id, report))
        if intrusion:
            counts[intrusion] = counts.get(intrusion, 0) + 1
    return counts


def _noise(versions: Sequence[Finding]) -> Noise:
    worst = max(versions, key=lambda finding: finding.score)
    intents = tuple(sorted({command.intent for command in worst.commands}))
    return Noise(actor=worst.actor.file_name or "?", severity=worst.severity, score=worst.score, intents=intents)


def _by_fingerprint(delivered: Sequence[Delivered]) -> list[list[Delivered]]:
    versions: dict[str, list[Delivered]] = {}
    for each in delivered:
        versions.setdefault(each.finding.fingerprint, []).append(each)
    return list(versions.values())


def _doubles(delivered: Sequence[Delivered]) -> int:
    owners: Truth = {}
    doubles = 0
    for each in delivered:
        finding = each.finding
        evidence = [(finding.device.id, command.report_id) for command in finding.commands]
        known = {owners[event] for event in evidence if event in owners}
        doubles += each.new and bool(known - {finding.fingerprint})
        for event in evidence:
            owners.setdefault(event, finding.fingerprint)
    return doubles
