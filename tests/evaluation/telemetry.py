"""What the flagship hunt makes of recorded telemetry with labels, where it lies beside the repository."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from engine import loader, ondemand
from engine.model.event import ticks
from engine.model.finding import Finding, Severity
from engine.sources.local import Local
from engine.stores.memory import Memory

FOLDER = Path(__file__).parents[3] / "shared" / "telemetry"
DISTINCT = 4
"""An emulated attack with so many distinct programs, or more, is to be found."""


class Command(msgspec.Struct, frozen=True):
    """A command of a label, by its row."""

    report: int = msgspec.field(name="ReportId")


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of commands on a device, and what it was."""

    id: str
    label: str
    device_id: str
    start: str
    end: str
    distinct_images: int
    tool: str = ""
    commands: tuple[Command, ...]


class Labels(msgspec.Struct, frozen=True):
    """bursts.json."""

    bursts: tuple[Label, ...]


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A label and the worst finding that shares a command with it, if any does."""

    id: str
    label: str
    distinct: int
    tool: str
    severity: Severity | None
    score: int


class Scored(msgspec.Struct, frozen=True):
    """Every label, and the severities of the findings that share nothing with any."""

    matches: tuple[Match, ...]
    others: tuple[Severity, ...]


def scored(folder: Path = FOLDER) -> Scored | None:
    """Runs the flagship hunt on demand over all of the folder's files, nothing learned; None without a folder."""
    if not folder.is_dir():
        return None
    labels = msgspec.json.decode((folder / "bursts.json").read_bytes(), type=Labels).bursts
    hunt = loader.load(loader.HUNTS / "discovery-burst")
    with Local(paths=[str(file) for file in sorted(folder.glob("*.ndjson.gz"))]) as source:
        outcome = ondemand.run(hunt, ondemand.Asked(), source=source, whole=source.whole, store=Memory())
    if outcome.run.error:
        raise RuntimeError(outcome.run.error)
    others = (f.severity for f in outcome.findings if not any(shares(f, label) for label in labels))
    return Scored(tuple(match(label, outcome.findings) for label in labels), tuple(others))


def match(label: Label, findings: Iterable[Finding]) -> Match:
    """The label with the worst of its findings."""
    worst = max((finding for finding in findings if shares(finding, label)), key=lambda each: each.score, default=None)
    return Match(
        id=label.id,
        label=label.label,
        distinct=label.distinct_images,
        tool=label.tool,
        severity=worst.severity if worst else None,
        score=worst.score if worst else 0,
    )


def shares(finding: Finding, label: Label) -> bool:
    """Whether the finding holds a command of the label: the same device, row and time."""
    reports = {command.report for command in label.commands}
    return finding.device.id == label.device_id and any(
        command.report_id in reports and ticks(label.start) <= ticks(command.time) <= ticks(label.end)
        for command in finding.commands
    )
