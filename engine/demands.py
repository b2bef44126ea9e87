"""A run that somebody asks for over HTTP, from the request to the answer. It moves no watermark and writes no finding.

`accept` records what is asked, `perform` does it, wherever that happens: in the queue's function, or in a thread.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from engine import hosts, learn, loader, ondemand, parameters, runner
from engine.errors import Busy, Conflict, ParameterError, Throttled, VizslaError
from engine.model.demand import Ask, Counts, Demand, Resolved, Result, Verdict
from engine.model.finding import SEVERITIES, Finding
from engine.model.hunt import Hunt
from engine.model.run import Window
from engine.record import Outcome, Request
from engine.report import comment, words
from engine.sources.interface import Bounded, Source
from engine.tasks import Desk

KEPT = timedelta(days=1)
"""How long an answer is kept."""
AT_ONCE = 8
"""So many runs may be asked for and not yet answered."""
TAG = "vizsla"


def accept(hunt: Hunt, ask: Ask, *, key: str, desk: Desk, now: datetime) -> tuple[Demand, bool]:
    """The record of what is asked, and whether it is new: with the same `key`, the same request is the same run.

    Raises ParameterError with a pointer for what the hunt does not take, Conflict, Busy, and StoreError.
    """
    _check(hunt, ask, desk)
    body = hashlib.sha256(msgspec.json.encode((hunt.id, msgspec.structs.replace(ask, wait=timedelta())))).hexdigest()
    named = hashlib.sha256(msgspec.json.encode((desk.tenant, hunt.id, key))).hexdigest()[:32]
    demand_id = named if key else uuid.uuid4().hex
    held = desk.store.demand(demand_id) if key else None
    if held and held.until > now:
        if held.digest != body:
            raise Conflict("this Idempotency-Key came with another request before: give each request its own.")
        return held, False
    if desk.store.open_demands(now) >= AT_ONCE:
        raise Busy(f"{AT_ONCE} runs are asked for and not yet answered: try again in a minute.")
    demand = Demand(
        id=demand_id,
        tenant=desk.tenant,
        hunt=hunt.id,
        ask=ask,
        digest=body,
        state="queued",
        since=now,
        until=now + KEPT,
    )
    desk.store.record_demand(demand)
    return demand, True


def _check(hunt: Hunt, ask: Ask, desk: Desk) -> None:
    """Raises ParameterError for the first value that the hunt does not take."""
    if ask.tenant not in {"", desk.tenant}:
        raise ParameterError(f"this app hunts in {desk.tenant} alone.", pointer="/tenant")
    for place, name in enumerate(ask.deliver):
        if name not in desk.sinks:
            known = ", ".join(desk.sinks) or "none"
            raise ParameterError(
                f"{name} is no sink that is set up here. There are: {known}.", pointer=f"/deliver/{place}"
            )
    for name, value in ask.parameters.items():
        escaped = name.replace("~", "~0").replace("/", "~1")
        try:
            ondemand.values(hunt, ondemand.Asked(parameters={name: value}))
        except ParameterError as error:
            raise ParameterError(str(error), pointer=f"/parameters/{escaped}") from error
    if ask.devices and "devices" not in hunt.definition.parameters:
        why = f"{hunt.id} cannot be narrowed to devices: it has no parameter `devices`."
        raise ParameterError(why, pointer="/devices")
    if ask.devices and "devices" in ask.parameters:
        raise ParameterError("devices stand beside the parameters: give one of the two.", pointer="/parameters/devices")


def perform(demand_id: str, desk: Desk, *, now: datetime) -> Demand | None:
    """Does what is asked, and records the answer; a run that failed is an answer too. None where nothing is asked.

    Raises StoreError. What was done already is left as it is.
    """
    demand = desk.store.demand(demand_id)
    if demand is None or demand.state == "done":
        return demand
    desk.store.record_demand(msgspec.structs.replace(demand, state="running"))
    try:
        hunt = loader.load(desk.hunts / demand.hunt)
        with desk.source() as source:
            result = _answer(demand, hunt, source, desk, now)
    except VizslaError as failure:
        span = demand.ask.window
        window = Window(span.start, span.end) if span and span.start and span.end else Window(now, now)
        result = _failed(demand, window, failure)
    done = msgspec.structs.replace(demand, state="done", result=result)
    desk.store.record_demand(done)
    return done


def give_up(demand_id: str, desk: Desk) -> None:
    """Answers what keeps failing by a bug: the log says where it is, the answer that there was one."""
    demand = desk.store.demand(demand_id)
    if demand and demand.state != "done":
        failure = VizslaError("a bug in Vizsla, which was tried several times: the app's log says where")
        result = _failed(demand, Window(demand.since, demand.since), failure)
        desk.store.record_demand(msgspec.structs.replace(demand, state="done", result=result))


def _answer(demand: Demand, hunt: Hunt, source: Source, desk: Desk, now: datetime) -> Result:
    ask = demand.ask
    window = _window(ask, hunt, source, now)
    found = hosts.resolve(ask.devices, source=source, window=window)
    ids = tuple(dict.fromkeys(each for host in found for each in host.ids))
    if ask.devices and not ids:
        named = ", ".join(host.called for host in ask.devices[:10])
        raise ParameterError(f"Defender knows none of these devices in the window: {named}.")
    asked = ondemand.Asked(parameters=ask.parameters, devices=ids)
    request = Request(
        id=demand.id,
        tenant=desk.tenant,
        window=window,
        now=now,
        values=ondemand.values(hunt, asked),
        baseline=learn.remembered(desk.store, desk.tenant, hunt.id),
        portal=desk.portal,
    )
    outcome = runner.run(hunt, request, source=source, sinks={}, store=desk.store)
    if outcome.run.status != "succeeded":
        return _failed(demand, window, VizslaError(outcome.run.error), throttled=outcome.run.status == "throttled")
    notes = (*outcome.run.notes, *_unknown(found), *_tell(demand, hunt, outcome, source=source, desk=desk, now=now))
    return _result(demand, hunt, outcome, found, notes)


def _window(ask: Ask, hunt: Hunt, source: Source, now: datetime) -> Window:
    whole = source.whole if isinstance(source, Bounded) else None
    span, end = ask.window, whole.end if whole else now
    if span is None:
        return whole or Window(now - parameters.timespan(hunt.definition.schedule.lookback), now)
    if span.start and span.end:
        return Window(span.start, span.end)
    return Window(end - (span.last or timedelta()), end)


def _tell(
    demand: Demand, hunt: Hunt, outcome: Outcome, *, source: Source, desk: Desk, now: datetime
) -> tuple[str, ...]:
    """Tells the sinks that were named. What is done again after a crash tells nobody twice: its id is the same."""
    named = {name: desk.sinks[name] for name in demand.ask.deliver if name in desk.sinks}
    if not (named and outcome.findings):
        return ()
    return ondemand.tell(hunt, outcome, sinks=named, source=source, store=desk.store, portal=desk.portal, now=now)


def _result(demand: Demand, hunt: Hunt, outcome: Outcome, found: Sequence[Resolved], notes: tuple[str, ...]) -> Result:
    findings = outcome.findings
    worst = max((finding.severity for finding in findings), key=SEVERITIES.index, default=None)
    said = comment.Said(_headline(hunt, outcome), notes)
    by_severity = words.by_severity(findings)
    return Result(
        id=demand.id,
        hunt=hunt.id,
        tenant=demand.tenant,
        status="succeeded",
        window=outcome.run.window,
        verdict=_verdict(findings),
        highest_severity=worst,
        score=max((finding.score for finding in findings), default=0),
        counts=Counts(findings=len(findings), events=outcome.run.events, **by_severity),
        findings=findings,
        devices=tuple(found),
        comment_html=comment.html(said, findings),
        comment_markdown=comment.markdown(said, findings),
        tags=(TAG, f"{TAG}:{_verdict(findings)}"),
        notes=notes,
    )


def _verdict(findings: Sequence[Finding]) -> Verdict:
    if any(finding.severity == "high" for finding in findings):
        return "malicious-looking"
    return "suspicious" if any(finding.severity != "informational" for finding in findings) else "clean"


def _headline(hunt: Hunt, outcome: Outcome) -> str:
    found = words.count(len(outcome.findings), "finding") if outcome.findings else "no findings"
    read = f"{words.count(outcome.run.events, 'event')} from {words.window(outcome.run.window)}"
    return f"Vizsla, {hunt.title}: {found} in {read}"


def _unknown(found: Sequence[Resolved]) -> tuple[str, ...]:
    unknown = [each.asked.called for each in found if not each.ids]
    several = [each.asked.called for each in found if each.ambiguous]
    return (
        *(f"Defender does not know {name} in the window: nothing is said of it" for name in unknown),
        *(f"{name} is several devices, and all were judged" for name in several),
    )


def _failed(demand: Demand, window: Window, failure: VizslaError, *, throttled: bool = False) -> Result:
    status: Literal["throttled", "failed"] = "throttled" if throttled or isinstance(failure, Throttled) else "failed"
    why = f"The hunt {demand.hunt} gave no answer: {failure}"
    said = comment.Said(f"Vizsla: the hunt {demand.hunt} gave no answer", (str(failure),))
    return Result(
        id=demand.id,
        hunt=demand.hunt,
        tenant=demand.tenant,
        status=status,
        window=window,
        comment_html=comment.html(said, ()),
        comment_markdown=comment.markdown(said, ()),
        tags=(TAG, f"{TAG}:no-answer"),
        error=why,
    )
