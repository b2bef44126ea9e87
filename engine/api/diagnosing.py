"""Whether all is set up as it should be: answered even where the settings let nothing else be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from engine.api.call import Answer, Call, Front, as_json

PATH = "/api/doctor"
_NO_STORE = {"Cache-Control": "no-store"}


def doctor(_: Call, front: Front) -> Answer:
    """What is wrong, and what to do; 200 also where something failed, which `healthy` says."""
    return _examined(front.environment, front.now)


def without_desk(call: Call, environment: Mapping[str, str], now: Callable[[], datetime]) -> Answer | None:
    """The same, where the settings are so wrong that no desk can be built; None for any other call.

    Where a role is wanted of callers, nobody is answered: who has it, a desk alone can tell.
    """
    if (call.method, call.path) != ("GET", PATH) or environment.get("VIZSLA_REQUIRE_APP_ROLE"):
        return None
    return _examined(environment, now)


def _examined(environment: Mapping[str, str], now: Callable[[], datetime]) -> Answer:
    from engine.doctor import diagnose  # noqa: PLC0415 - asked once in a while

    return as_json(diagnose(environment, now=now), headers=_NO_STORE)
