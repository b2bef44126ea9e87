"""What can be read: the hunts, what they found, and whether they run."""

from __future__ import annotations

from http import HTTPStatus
from typing import Literal
from urllib.parse import urlencode

import msgspec

from engine import loader, parameters
from engine.api.call import Answer, Call, Front, Mistake, as_json, problem
from engine.errors import ParameterError, VizslaError
from engine.health import examine, learned
from engine.model.finding import SEVERITIES, Finding
from engine.model.health import Health
from engine.model.hunt import Hunt, ParameterType
from engine.ondemand import SET_BY_RUNS, moment
from engine.stores.interface import Listing

MOST = 100


class ParameterOffer(msgspec.Struct, frozen=True, rename="camel"):
    """A parameter of a hunt: its default and its bounds, as texts where KQL has no number for them."""

    name: str
    type: ParameterType
    description: str
    default: str
    minimum: int | str | None = None
    maximum: int | str | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""


class HuntOffer(msgspec.Struct, frozen=True, rename="camel"):
    """A hunt that can be asked."""

    id: str
    title: str
    hypothesis: str
    tactic: str
    techniques: tuple[str, ...]
    parameters: tuple[ParameterOffer, ...]


class Hunts(msgspec.Struct, frozen=True):
    """The hunts there are; `disabled` names those that cannot be loaded."""

    hunts: tuple[HuntOffer, ...]
    disabled: tuple[str, ...] = ()


class Findings(msgspec.Struct, frozen=True):
    """Findings, the latest first; `next` is where the following ones are, empty at the end."""

    findings: tuple[Finding, ...]
    next: str = ""


class Alive(msgspec.Struct, frozen=True):
    """Whether the hunts run."""

    status: Literal["ok", "unhealthy"]


class Unhealthy(msgspec.Struct, frozen=True):
    """What is wrong, where not even the record of runs can be read; else as Health."""

    problems: tuple[str, ...]
    healthy: bool = False


def hunts(_: Call, front: Front) -> Answer:
    """The hunts that can be asked, with their parameters."""
    loaded = loader.load_all(front.desk.hunts)
    offers = tuple(_offer(hunt) for hunt in loaded.hunts.values())
    return as_json(Hunts(offers, tuple(error.hunt for error in loaded.broken)))


def findings(call: Call, front: Front) -> Answer:
    """What was found, and told or kept quiet."""
    given, store = call.query, front.desk.store
    severity = given.get("severity", "informational")
    if severity not in SEVERITIES:
        return _mistaken("severity", f"severity is one of {', '.join(SEVERITIES)}.")
    limit = given.get("limit", str(MOST))
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:6]) <= MOST):
        return _mistaken("limit", f"limit is a number from 1 to {MOST}.")
    since = None
    if (text := given.get("since")) is not None:
        try:
            since = moment("since", text)
        except ParameterError:
            return _mistaken("since", "since is a moment like 2026-11-24T10:50:00Z.")
    after = given.get("after", "")
    if after and store.finding(after) is None:
        return problem(HTTPStatus.NOT_FOUND, "there is no finding of the fingerprint in `after`.")
    device = given.get("device", "")
    tenant, count = front.desk.tenant, int(limit)
    found = store.findings(Listing(tenant, since, severity, device, after), limit=count)
    return as_json(Findings(found, _next(call, found, count)))


def alive(_: Call, front: Front) -> Answer:
    """200 `{"status": "ok"}` or 503 `{"status": "unhealthy"}`: no detail, since anyone may ask."""
    try:
        healthy = _examined(front, loader.load_all(front.desk.hunts)).healthy
    except VizslaError:
        healthy = False
    status = HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE
    return as_json(Alive("ok" if healthy else "unhealthy"), status=status)


def health(_: Call, front: Front) -> Answer:
    """The whole of `Health` as JSON, under the same status; where the store cannot be read, that alone."""
    try:
        loaded = loader.load_all(front.desk.hunts)
        found = learned(_examined(front, loaded), loaded.hunts, store=front.desk.store, now=front.now())
    except VizslaError as error:
        return as_json(Unhealthy((str(error),)), status=HTTPStatus.SERVICE_UNAVAILABLE)
    return as_json(found, status=HTTPStatus.OK if found.healthy else HTTPStatus.SERVICE_UNAVAILABLE)


def description(_: Call, front: Front) -> Answer:
    """What can be asked, for machines: OpenAPI."""
    return as_json(front.description())


def _examined(front: Front, loaded: loader.Loaded) -> Health:
    desk = front.desk
    return examine(loaded.hunts.values(), loaded.broken, tenant=desk.tenant, store=desk.store, now=front.now())


def _mistaken(parameter: str, detail: str) -> Answer:
    return problem(HTTPStatus.BAD_REQUEST, detail, Mistake(detail, parameter=parameter))


def _next(call: Call, found: tuple[Finding, ...], limit: int) -> str:
    if len(found) < limit:
        return ""
    return f"{call.origin}{call.path}?{urlencode({**call.query, 'after': found[-1].fingerprint})}"


def _offer(hunt: Hunt) -> HuntOffer:
    attack = hunt.definition.attack
    return HuntOffer(
        id=hunt.id,
        title=hunt.title,
        hypothesis=hunt.definition.hypothesis,
        tactic=attack.tactic,
        techniques=attack.techniques,
        parameters=tuple(
            ParameterOffer(
                name=name,
                type=each.type,
                description=each.description,
                default=parameters.write(hunt.defaults[name]),
                minimum=each.minimum,
                maximum=each.maximum,
                choices=each.choices,
                pattern=each.pattern,
            )
            for name, each in hunt.definition.parameters.items()
            if name not in {*SET_BY_RUNS, "since", "devices"}
        ),
    )
