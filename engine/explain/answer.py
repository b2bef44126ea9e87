"""Asks for one device, judges it as a run judges it, and lets each step tell what it did.

The whole window is judged, with what is known of all its devices, so that the answer is the run's own; only what has a
part in the span that is asked about is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from engine import parameters
from engine.explain import WORDS, lookup, query
from engine.explain.interface import Passage, Span, tick_span
from engine.explain.verdict import Judged, nothing_ran, verdict
from engine.learn import known
from engine.masking import masked
from engine.model.catalogue import Catalogue
from engine.model.event import text, ticks
from engine.model.explanation import Explanation, Found, Line, Section
from engine.model.finding import Device, Finding
from engine.model.hunt import Hunt
from engine.model.run import Window
from engine.record import Request
from engine.runner import Plan, plan, to_judge
from engine.sources.interface import Source
from engine.steps.find_bursts import FindBursts
from engine.steps.interface import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which device, by id, full name or host name; around which moment, or over the whole window."""

    device: str
    at: datetime | None = None


def explain(hunt: Hunt, request: Request, question: Question, *, source: Source) -> Explanation:
    """Why the hunt found something on the device, or nothing. Raises ParameterError for a device that is not there."""
    device = lookup.device(question.device, source=source, window=request.window)
    history = known(hunt, request.window, source=source, baseline=request.baseline)
    ready = plan(hunt, _narrowed(hunt, request, device), history=history)
    asked = _around(question.at, hunt, ready) if question.at else request.window
    span = tick_span(asked)
    deeds = lookup.deeds(device.id, source=source, window=asked)
    batch = _returned(ready, device, source)
    catalogue = _catalogue(ready)
    passages = tuple(_passages(hunt, ready, batch, span, catalogue))
    answer = query.answer(deeds, batch, span, catalogue)
    findings = _findings(passages, span)
    reasons = query.Reasons(hunt.definition.tables, _finder(ready))
    judged = Judged(ready, batch, span, answer, reasons, passages, findings)
    nearby = lookup.deeds(device.id, source=source, window=request.window) if not deeds else ()
    return Explanation(
        hunt=hunt.id,
        device=device,
        span=asked,
        verdict=verdict(judged) if deeds else nothing_ran(device, question.at or asked.start, nearby),
        findings=tuple(_brief(finding) for finding in findings),
        sections=(
            _masked(query.section(answer, catalogue, reasons)),
            *(_masked(WORDS.get(passage.name, _by_counts)(passage)) for passage in passages),
        ),
        notes=source.notes,
    )


def _masked(section: Section) -> Section:
    """The section with no secret of a command line in it."""
    lines = (msgspec.structs.replace(line, what=masked(line.what)) for line in section.lines)
    return msgspec.structs.replace(section, lines=tuple(lines))


def _narrowed(hunt: Hunt, request: Request, device: Device) -> Request:
    """The request for that device alone, where the hunt can be asked for one."""
    parameter = hunt.definition.parameters.get("devices")
    if parameter is None:
        return request
    return replace(request, values={**request.values, "devices": parameters.coerce("devices", parameter, [device.id])})


def _around(at: datetime, hunt: Hunt, ready: Plan) -> Window:
    """The moment with the burst window before and after it; without one, with as much as runs overlap."""
    finder = _finder(ready)
    reach = finder.window if finder else parameters.timespan(hunt.definition.schedule.overlap)
    return Window(at - reach, at + reach)


def _finder(ready: Plan) -> FindBursts | None:
    return next((step for step in ready.steps if isinstance(step, FindBursts)), None)


def _returned(ready: Plan, device: Device, source: Source) -> Batch:
    rows = (row for batch in source.rows(ready.query, ready.reached) for row in batch)
    return to_judge([row for row in rows if text(row, "DeviceId") == device.id])


def _catalogue(ready: Plan) -> Catalogue:
    """That of the first step which has one."""
    catalogues = (getattr(step, "catalogue", None) for step in ready.steps)
    return next(filter(None, catalogues), Catalogue(()))


def _passages(hunt: Hunt, ready: Plan, batch: Batch, span: Span, catalogue: Catalogue) -> Iterator[Passage]:
    titles = {intent.id: intent.title for intent in catalogue.intents}
    for spec, step in zip(hunt.steps, ready.steps, strict=True):
        after = step(batch, ready.context)
        yield Passage(spec.name, step, batch, after, ready.context, span, titles)
        batch = after


def _findings(passages: Sequence[Passage], span: Span) -> tuple[Finding, ...]:
    """The findings that have a part in the span, worst first."""
    made = passages[-1].after.findings if passages else ()
    inside = [each for each in made if span.meets(ticks(each.start), ticks(each.end))]
    return tuple(sorted(inside, key=lambda each: (-each.score, each.start)))


def _brief(finding: Finding) -> Found:
    return Found(
        severity=finding.severity,
        score=finding.score,
        title=finding.title,
        start=finding.start,
        end=finding.end,
        fingerprint=finding.fingerprint,
    )


def _by_counts(passage: Passage) -> Section:
    """What can be told of any step: how much it kept, and the reasons that it gave for the rest."""
    gave = [reason for reason, count in passage.after.dropped.items() if count != passage.before.dropped.get(reason, 0)]
    says = f"{len(passage.kept):,} of {len(passage.given):,} kept"
    return passage.section(says, [Line(mark="dropped", why=reason) for reason in gave])
