"""A run that somebody asks for over HTTP, from the request to the answer. It moves no watermark and writes no finding.

`accept` records what is asked, `perform` does it, wherever that happens: in the queue's function, or in a thread.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import msgspec

from engine import hosts, learn, loader, ondemand, parameters, reply, runner
from engine.decode import nearest
from engine.errors import Busy, Conflict, ParameterError, SourceError, VizslaError
from engine.model.demand import LONGEST_WAIT, Ask, Demand, Result
from engine.model.hunt import Hunt, ParameterType
from engine.model.run import Window
from engine.record import Outcome, Request
from engine.sources.interface import Bounded, Source
from engine.tasks import LEASE, Desk

KEPT = timedelta(days=1)
"""How long an answer is kept."""
AT_ONCE = 8
"""So many runs may be asked for and not yet answered."""


def accept(hunt: Hunt, ask: Ask, *, key: str, desk: Desk, now: datetime) -> Demand:
    """The record of what is asked: with the same `key`, the same request is the same run.

    Raises ParameterError with a pointer for what the hunt does not take, Conflict, Busy, and StoreError.
    """
    _check(hunt, ask, desk)
    body = _digest((hunt.id, msgspec.structs.replace(ask, wait=timedelta())))
    named = _digest((desk.tenant, hunt.id, key))[:32]
    demand_id = named if key else uuid.uuid4().hex
    held = desk.store.demand(demand_id) if key else None
    if held and held.until > now:
        if held.digest != body:
            raise Conflict("this Idempotency-Key came with another request before: give each request its own.")
        return held
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
    return demand


def pointer(*steps: object) -> str:
    """The steps from a whole request to a value, as RFC 6901 writes them."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def _digest(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()


def _check(hunt: Hunt, ask: Ask, desk: Desk) -> None:
    """Raises ParameterError for the first value that is not taken. No message repeats a value."""
    if not timedelta() <= ask.wait <= LONGEST_WAIT:
        raise ParameterError(f"wait is at most PT{LONGEST_WAIT.total_seconds():.0f}S.", pointer="/wait")
    if ask.tenant not in {"", desk.tenant}:
        raise ParameterError(f"this app hunts in {desk.tenant} alone.", pointer="/tenant")
    for place, name in enumerate(ask.deliver):
        if name not in desk.sinks:
            known = f"There are: {', '.join(desk.sinks)}." if desk.sinks else "There is none."
            raise ParameterError(f"no such sink is set up here. {known}", pointer=pointer("deliver", place))
    for name, value in ask.parameters.items():
        if why := _unfit(hunt, name, value):
            raise ParameterError(why, pointer=pointer("parameters", name))
    if ask.devices and "devices" not in hunt.definition.parameters:
        why = f"{hunt.id} cannot be narrowed to devices: it has no parameter `devices`."
        raise ParameterError(why, pointer="/devices")
    if ask.devices and "devices" in ask.parameters:
        raise ParameterError("devices stand beside the parameters: give one of the two.", pointer="/parameters/devices")
    for place, host in enumerate(ask.devices):
        if not hosts.can_be_asked(host):
            raise ParameterError("a name holds no control characters.", pointer=pointer("devices", place))


_SHAPES: Mapping[ParameterType, tuple[type, ...]] = MappingProxyType(
    {"int": (int, str), "bool": (bool,), "string list": (list,)}
)


def _unfit(hunt: Hunt, name: str, value: object) -> str:
    """Why a parameter is not taken, or nothing where it is."""
    known = hunt.definition.parameters
    if name == "since" or name in ondemand.SET_BY_RUNS:
        return "the run sets this parameter itself."
    if name not in known:
        return f"{hunt.id} has no such parameter. {nearest(name[:64], list(known))}"
    parameter = known[name]
    plain = ", without control characters" if parameter.type.startswith("string") else ""
    most = f", at most {parameter.max_items:,} items" if parameter.type == "string list" else ""
    takes = f"{name} takes {parameters.takes(parameter)}{most}{plain}."
    if not isinstance(value, _SHAPES.get(parameter.type, (str,))):
        return takes
    try:
        parameters.coerce(name, parameter, value)
    except ParameterError:
        return takes
    return ""


def perform(demand_id: str, desk: Desk, *, holder: str, now: datetime) -> Demand | None:
    """Does what is asked, and records the answer; a run that failed is an answer too. None where nothing is asked.

    What was done already, or is being done by another `holder`, is left as it is. Raises StoreError.
    """
    store, claimed = desk.store, f"demand {demand_id}"
    if store.claim(desk.tenant, claimed, holder, now=now, until=now + LEASE):
        return store.demand(demand_id)
    try:
        demand = store.demand(demand_id)
        return demand if demand is None or demand.state == "done" else _perform(demand, desk, now)
    finally:
        store.release(desk.tenant, claimed, holder)


def _perform(demand: Demand, desk: Desk, now: datetime) -> Demand:
    desk.store.record_demand(msgspec.structs.replace(demand, state="running"))
    try:
        hunt = loader.load(desk.hunts / demand.hunt)
        with desk.source() as source:
            result = _answer(demand, hunt, source, desk, now)
    except VizslaError as failure:
        result = reply.failed(demand, _asked_window(demand) or Window(demand.since, demand.since), failure)
    done = msgspec.structs.replace(demand, state="done", result=result)
    desk.store.record_demand(done)
    return done


def give_up(demand_id: str, desk: Desk) -> None:
    """Answers what keeps failing by a bug: the log says where it is, the answer that there was one."""
    demand = desk.store.demand(demand_id)
    if demand and demand.state != "done":
        failure = VizslaError("a bug in Vizsla, which was tried several times: the app's log says where")
        result = reply.failed(demand, Window(demand.since, demand.since), failure)
        desk.store.record_demand(msgspec.structs.replace(demand, state="done", result=result))


def _answer(demand: Demand, hunt: Hunt, source: Source, desk: Desk, now: datetime) -> Result:
    ask = demand.ask
    window = _window(demand, hunt, source)
    found = hosts.resolve(ask.devices, source=source, window=window)
    ids = tuple(dict.fromkeys(each for host in found for each in host.ids))
    if ask.devices and not ids:
        named = ", ".join(host.called for host in ask.devices[:10])
        raise SourceError(f"Defender knows none of these devices: {named}.")
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
        return reply.failed(demand, window, VizslaError(outcome.run.error), throttled=outcome.run.status == "throttled")
    silent = hosts.silent(found, source=source, window=window)
    told = _tell(demand, hunt, outcome, source=source, desk=desk, now=now)
    return reply.answered(demand, hunt, outcome, found, silent=silent, told=told)


def _window(demand: Demand, hunt: Hunt, source: Source) -> Window:
    """The window that is asked for. It ends when it was asked, not when it is done: tried again, it is the same."""
    whole = source.whole if isinstance(source, Bounded) else None
    span, end = demand.ask.window, whole.end if whole else demand.since
    if span is None:
        return whole or Window(end - parameters.timespan(hunt.definition.schedule.lookback), end)
    return _asked_window(demand) or Window(end - (span.last or timedelta()), end)


def _asked_window(demand: Demand) -> Window | None:
    """The window with a start and an end of the caller's own, if it has."""
    span = demand.ask.window
    return Window(span.start.astimezone(UTC), span.end.astimezone(UTC)) if span and span.start and span.end else None


def _tell(
    demand: Demand, hunt: Hunt, outcome: Outcome, *, source: Source, desk: Desk, now: datetime
) -> tuple[str, ...]:
    """Tells the sinks that were named. What is done again after a crash tells nobody twice: its id is the same."""
    named = {name: desk.sinks[name] for name in demand.ask.deliver if name in desk.sinks}
    if not (named and outcome.findings):
        return ()
    return ondemand.tell(hunt, outcome, sinks=named, source=source, store=desk.store, portal=desk.portal, now=now)
