"""The HTTP side: each operation, from request to answer, in plain functions.

`function_app.py` and `vizsla serve` make a Call of what they get, and send the Answer. docs/openapi.json says the same
for callers; `openapi.py` makes it from here.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map, Rule

from engine.api import diagnosing, muting, reading, runs
from engine.api.access import refused
from engine.api.call import Answer, Call, Front, Mistake, Operation, Problem, problem
from engine.errors import Busy, Conflict, ParameterError, Throttled, VizslaError
from engine.model.demand import Ask, Result
from engine.model.diagnosis import Examination
from engine.model.finding import SEVERITIES
from engine.model.health import Health
from engine.model.mute import Mute
from engine.mutes import Wish

_OFTEN = "60"
_ALWAYS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
"""Answers hold findings and signed links: nobody keeps them, or tells other sites where they were."""
_SIGNATURE = {"signature": {"type": "string", "description": "What the link was signed with."}}
_MISTAKEN = {400: Problem, 503: Problem}
_KEYED = {**_MISTAKEN, 403: Problem}
OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="GET",
        path="/api/hunts",
        name="listHunts",
        summary="The hunts that can be asked, with their parameters.",
        does=reading.hunts,
        answers={200: reading.Hunts, **_KEYED},
    ),
    Operation(
        method="POST",
        path="/api/hunts/{hunt}/runs",
        name="askHunt",
        summary="Asks a hunt: the answer, or after `wait` where to fetch it.",
        does=runs.ask,
        request=Ask,
        headers={"Idempotency-Key": {"type": "string", "minLength": 1, "maxLength": 256, "pattern": "^[!-~]+$"}},
        answers={
            200: Result,
            202: runs.Pending,
            404: Problem,
            409: Problem,
            413: Problem,
            429: Problem,
            **_KEYED,
        },
    ),
    Operation(
        method="GET",
        path="/api/runs/{run}",
        name="followRun",
        summary="The answer of a run, once it is there.",
        does=runs.follow,
        is_open=True,
        query=_SIGNATURE,
        answers={200: Result, 202: runs.Pending, 403: Problem, 404: Problem, **_MISTAKEN},
    ),
    Operation(
        method="GET",
        path="/api/runs/{run}/report",
        name="readRun",
        summary="The findings of a run as a page.",
        does=runs.report,
        is_open=True,
        query=_SIGNATURE,
        answers={200: None, 403: Problem, 404: Problem, 409: Problem, **_MISTAKEN},
    ),
    Operation(
        method="GET",
        path="/api/findings",
        name="listFindings",
        summary="What scheduled runs have found, the latest first.",
        does=reading.findings,
        query={
            "since": {"type": "string", "format": "date-time", "description": "Findings that begin then or later."},
            "severity": {"type": "string", "enum": list(SEVERITIES), "description": "The least severity."},
            "device": {"type": "string", "description": "A device's id or name."},
            "after": {"type": "string", "description": "The fingerprint of the last finding of an earlier answer."},
            "limit": {"type": "integer", "minimum": 1, "maximum": reading.MOST},
        },
        answers={200: reading.Findings, 404: Problem, **_KEYED},
    ),
    Operation(
        method="GET",
        path="/api/mutes",
        name="listMutes",
        summary="What is told no more for a while, who wanted it, and why.",
        does=muting.muted,
        query={"past": {"type": "boolean", "description": "Also those that are over."}},
        answers={200: muting.Mutes, **_KEYED},
    ),
    Operation(
        method="POST",
        path="/api/mutes",
        name="mute",
        summary="Keeps a finding quiet, or what an actor does on a device, from the next run on.",
        does=muting.mute,
        request=Wish,
        answers={201: Mute, 413: Problem, **_KEYED},
    ),
    Operation(
        method="DELETE",
        path="/api/mutes/{mute}",
        name="unmute",
        summary="Takes a mute back.",
        does=muting.unmute,
        answers={200: Mute, 404: Problem, **_KEYED},
    ),
    Operation(
        method="GET",
        path="/api/health",
        name="isAlive",
        summary="Whether the hunts run, in a word.",
        does=reading.alive,
        is_open=True,
        answers={200: reading.Alive, 503: (reading.Alive, Problem)},
    ),
    Operation(
        method="GET",
        path="/api/health/detail",
        name="readHealth",
        summary="The last runs, lag, gaps and what is wrong.",
        does=reading.health,
        answers={200: Health, 403: Problem, 503: (reading.Unhealthy, Problem)},
    ),
    Operation(
        method="GET",
        path=diagnosing.PATH,
        name="examine",
        summary="Whether all is set up as it should be, and what to do where it is not. Takes up to minutes.",
        does=diagnosing.doctor,
        answers={200: Examination, **_KEYED},
    ),
    Operation(
        method="GET",
        path="/api/openapi.json",
        name="readDescription",
        summary="This description.",
        does=reading.description,
        answers={200: dict, **_KEYED},
    ),
)
_NAMED = {each.name: each for each in OPERATIONS}
_ROUTES = Map(
    [
        Rule(each.path.replace("{", "<").replace("}", ">"), endpoint=each.name, methods=[each.method])
        for each in OPERATIONS
    ],
    strict_slashes=False,
    redirect_defaults=False,
    merge_slashes=False,
)


def answer(call: Call, front: Front) -> Answer:
    """The answer to any call. What Vizsla raises on purpose is a problem to the caller; a bug is raised."""
    found = _answer(call, front)
    return replace(found, headers={**_ALWAYS, **found.headers})


def _answer(call: Call, front: Front) -> Answer:
    try:
        name, values = _ROUTES.bind("").match(call.path, call.method)
    except MethodNotAllowed as error:
        allowed = {"Allow": ", ".join(sorted(error.valid_methods or ()))}
        return problem(HTTPStatus.METHOD_NOT_ALLOWED, f"{call.method} is not what this address takes.", headers=allowed)
    except HTTPException:
        return problem(HTTPStatus.NOT_FOUND, "there is nothing at this address: GET /api/openapi.json says what is.")
    operation = _NAMED[name]
    if not operation.is_open and (refusal := refused(call, front)):
        return refusal
    try:
        return operation.does(call.at(values), front)
    except VizslaError as error:
        return _problem(error)


def _problem(error: VizslaError) -> Answer:
    match error:
        case ParameterError():
            return problem(HTTPStatus.BAD_REQUEST, str(error), Mistake(str(error), pointer=error.pointer))
        case Conflict():
            return problem(HTTPStatus.CONFLICT, str(error))
        case Busy() | Throttled():
            return problem(HTTPStatus.TOO_MANY_REQUESTS, str(error), headers={"Retry-After": _OFTEN})
        case _:
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
