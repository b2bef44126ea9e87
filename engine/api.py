"""The HTTP side, as plain functions from what was asked to an answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from engine import loader
from engine.errors import VizslaError
from engine.health import examine, learned
from engine.model.health import Health
from engine.tasks import Desk

_OK, _UNAVAILABLE = 200, 503


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the caller."""

    status: int
    body: bytes
    kind: str = "application/json"


def alive(desk: Desk, *, now: datetime) -> Answer:
    """200 `{"status": "ok"}` or 503 `{"status": "unhealthy"}`: no detail, since anyone may ask."""
    try:
        healthy = _examined(desk, loader.load_all(desk.hunts), now).healthy
    except VizslaError:
        healthy = False
    return _json({"status": "ok" if healthy else "unhealthy"}, status=_OK if healthy else _UNAVAILABLE)


def health(desk: Desk, *, now: datetime) -> Answer:
    """The whole of `Health` as JSON, under the same status; where the store cannot be read, that alone."""
    try:
        loaded = loader.load_all(desk.hunts)
        found = learned(_examined(desk, loaded, now), loaded.hunts, store=desk.store, now=now)
    except VizslaError as error:
        return _json({"healthy": False, "problems": [str(error)]}, status=_UNAVAILABLE)
    return _json(found, status=_OK if found.healthy else _UNAVAILABLE)


def _examined(desk: Desk, loaded: loader.Loaded, now: datetime) -> Health:
    return examine(loaded.hunts.values(), loaded.broken, tenant=desk.tenant, store=desk.store, now=now)


def _json(value: object, *, status: int) -> Answer:
    return Answer(status, msgspec.json.encode(value))
