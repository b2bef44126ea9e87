"""Runs on demand: asked for, followed, and read as a page."""

from __future__ import annotations

import re
from datetime import timedelta
from http import HTTPStatus

import msgspec

from engine import demands, loader
from engine.api.access import opens, sign
from engine.api.call import PAGE, Answer, Call, Front, Mistake, as_json, problem
from engine.api.mistakes import refused_size, unread
from engine.decode import nearest
from engine.model.demand import Ask, Demand, DemandState
from engine.model.run import HuntRun
from engine.report import html

_SOON, _LATER = 0.25, 2.0
"""Seconds between two looks at a run that is waited for: longer and longer."""
_RETRY_AFTER = "5"
_KEY = re.compile(r"[\x21-\x7e]{1,256}")
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Pending(msgspec.Struct, frozen=True):
    """A run whose answer is not there yet; `links` holds where it will be, under `self`."""

    id: str
    status: DemandState
    links: dict[str, str]


def ask(call: Call, front: Front) -> Answer:
    """Starts a run, and gives its answer where that is there in time; else where to fetch it."""
    name = call.values["hunt"]
    if name not in (names := loader.names(front.desk.hunts)):
        return problem(HTTPStatus.NOT_FOUND, f"there is no hunt of this name. {nearest(name, names)}")
    if refusal := refused_size(call.body):
        return refusal
    key = call.headers.get("idempotency-key", "")
    if "idempotency-key" in call.headers and not _KEY.fullmatch(key):
        detail = "Idempotency-Key holds 1 to 256 printable ASCII characters."
        return problem(HTTPStatus.BAD_REQUEST, detail, Mistake(detail, parameter="Idempotency-Key"))
    try:
        asked = msgspec.json.decode(call.body or b"{}", type=Ask)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return unread(error)
    hunt = loader.load(front.desk.hunts / name)
    demand = demands.accept(hunt, asked, key=key, desk=front.desk, now=front.now())
    # Also where it was asked before: that call may have died before it could start the run. Twice is harmless.
    if demand.state == "queued":
        front.start(demand.id)
    return _answered(_waited(demand, asked.wait, front), call, front)


def follow(call: Call, front: Front) -> Answer:
    """The run's answer, or that it is not there yet."""
    found = _opened(call, front)
    return found if isinstance(found, Answer) else _answered(found, call, front)


def report(call: Call, front: Front) -> Answer:
    """The run's findings as a page."""
    found = _opened(call, front)
    if isinstance(found, Answer):
        return found
    if found.result is None:
        return problem(HTTPStatus.CONFLICT, "the run is not done yet: ask for its answer first.")
    result = found.result
    run = HuntRun(
        id=result.id,
        tenant=result.tenant,
        hunt=result.hunt,
        kind="demand",
        status=result.status,
        window=result.window,
        events=result.counts.events,
        findings=result.counts.findings,
        dropped={},
        seconds=0.0,
        notes=result.notes,
        error=result.error,
    )
    page = html.render(run, result.findings, note=". ".join(filter(None, [*result.notes, result.error])))
    return Answer(HTTPStatus.OK, page.encode("utf-8", "replace"), PAGE, {"Content-Security-Policy": _POLICY})


def _opened(call: Call, front: Front) -> Demand | Answer:
    """The run that the call's signature opens. Who has none does not learn which runs there are."""
    run, now = call.values["run"], front.now()
    if not opens(call.query.get("signature", ""), run, front.desk.store, now):
        return problem(HTTPStatus.FORBIDDEN, "the link is not ours, or older than twelve hours: ask for a new run.")
    demand = front.desk.store.demand(run)
    if demand is None or demand.until <= now:
        return problem(HTTPStatus.NOT_FOUND, "the run is kept no longer: ask for a new one.")
    return demand


def _waited(demand: Demand, wait: timedelta, front: Front) -> Demand:
    """The demand once it is done, or as it is when the caller has waited long enough."""
    end, pause = front.now() + wait, _SOON
    while demand.state != "done" and (left := (end - front.now()).total_seconds()) > 0:
        front.sleep(min(pause, left))
        demand, pause = front.desk.store.demand(demand.id) or demand, min(2 * pause, _LATER)
    return demand


def _answered(demand: Demand, call: Call, front: Front) -> Answer:
    place = f"{call.origin}/api/runs/{demand.id}"
    signature = sign(demand.id, front.desk.store, front.now())
    here, page = f"{place}?signature={signature}", f"{place}/report?signature={signature}"
    if demand.result is None:
        told = Pending(demand.id, demand.state, {"self": here})
        return as_json(told, status=HTTPStatus.ACCEPTED, headers={"Location": here, "Retry-After": _RETRY_AFTER})
    return as_json(msgspec.structs.replace(demand.result, links={"self": here, "report": page}))
