"""Why an intrusion was missed: what the hunt's steps made of its commands, every row of the day at hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine import runner
from engine.learn import known
from engine.model.baseline import Baseline
from engine.model.event import Event
from engine.model.finding import Finding
from engine.model.hunt import Hunt
from engine.model.run import Window
from engine.record import Request
from engine.sources.interface import Source
from engine.steps.find_bursts import FindBursts
from engine.steps.interface import Step
from engine.steps.weigh_rarity import WeighRarity
from tests.estate import Intrusion
from tests.evaluation.judgement import finds
from tests.evaluation.play import TENANT

LATE = "found once all its rows have arrived"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the query returned of some devices, what of it came to be counted (`Routine` or not), and what was found."""

    returned: tuple[Event, ...]
    counted: tuple[Event, ...]
    findings: tuple[Finding, ...]


def reasons(
    missed: Sequence[Intrusion], hunt: Hunt, source: Source, day: Window, baseline: Baseline | None
) -> dict[str, str]:
    """Why each was missed, by its id, in words."""
    if not missed:
        return {}
    found = seen(tuple(sorted({label.device_id for label in missed})), hunt, source, day, baseline)
    return {label.id: _reason(label, found) for label in missed}


def seen(devices: tuple[str, ...], hunt: Hunt, source: Source, day: Window, baseline: Baseline | None) -> Seen:
    """A day of these devices, of all where none is named, in one window and step by step."""
    request = Request(id="why", tenant=TENANT, window=day, now=day.end, values={"devices": devices}, baseline=baseline)
    plan = runner.plan(hunt, request, history=known(hunt, day, source=source, baseline=baseline))
    returned: list[Event] = []
    counted: list[Event] = []
    findings: list[Finding] = []
    for events in runner.whole_devices(source.rows(plan.query, plan.reached)):
        batch = runner.to_judge(events)
        returned += batch.events
        for step in plan.steps:
            if isinstance(step, FindBursts):
                counted += _weighed(batch.events, plan.steps)
            batch = step(batch, plan.context)
        findings += batch.findings
    return Seen(tuple(returned), tuple(counted), tuple(findings))


def _weighed(events: Sequence[Event], steps: Sequence[Step]) -> list[Event]:
    """The events with `Routine`: whether they count for nothing in every window."""
    weighing = [step for step in steps if isinstance(step, WeighRarity)]
    verdicts = weighing[0].routine(events) if weighing else [False] * len(events)
    return [{**event, "Routine": routine} for event, routine in zip(events, verdicts, strict=True)]


def _reason(label: Intrusion, seen: Seen) -> str:
    if any(finds(finding, label) for finding in seen.findings):
        return LATE
    own = _own(label, seen.counted)
    intents = {event["Intent"] for event in own}
    rare = sorted({event["Intent"] for event in own if not event["Routine"]})
    actors = {event["Actor"].key for event in own}
    lost = len(label.report_ids) - len(_own(label, seen.returned))
    told = [f"{len(rare)} of {len(intents)} intents rare for {_names(own)}" + f" ({', '.join(rare)})" * bool(rare)]
    told += [f"in {len(actors)} actors"] * (len(actors) > 1)
    told += [f"{lost} of {len(label.report_ids)} commands not returned by the query"] * bool(lost)
    told += [f"raised {finding.severity} with {finding.score} points" for finding in _holding(label, seen.findings)]
    return "; ".join(told)


def _own(label: Intrusion, events: Iterable[Event]) -> list[Event]:
    return [event for event in events if event["DeviceId"] == label.device_id and event["ReportId"] in label.report_ids]


def _names(events: Iterable[Event]) -> str:
    return " and ".join(sorted({event["Actor"].process.file_name for event in events})) or "anyone"


def _holding(label: Intrusion, findings: Iterable[Finding]) -> list[Finding]:
    reports = set(label.report_ids)
    return [
        finding
        for finding in findings
        if finding.device.id == label.device_id and any(command.report_id in reports for command in finding.commands)
    ]
