"""Who is told: whether each sink could be, without telling it anything, and whether each hunt tells anybody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from engine import bootstrap
from engine.doctor.interface import Sign, doubtful, sign_of, unseen, well
from engine.doctor.patient import SIGN_IN, Patient, Unseen
from engine.errors import VizslaError
from engine.settings import Settings

_FORGETFUL = "memory"
"""The sink that nobody reads."""
_SEEN: Mapping[str, str] = MappingProxyType(
    {
        "teams": "its host answers. Whether its workflow still is there, only a card would tell",
        "log_analytics": "signed in, and its endpoint answers. Whether the role Monitoring Metrics Publisher is "
        "assigned on the rule no token says, and only a row would tell",
        "defender_alert": "lists alerts",
    }
)


def sinks(patient: Patient) -> Iterator[Sign]:
    """Each sink that is set up, on its own: one that is at fault hides no other."""
    there = patient.settings()
    if set(there.sinks) <= {_FORGETFUL}:
        yield doubtful("findings are told to nobody", cure="Set VIZSLA_SINKS: docs/settings.md names the sinks.")
        return
    for name, narrowed in _each(there):
        try:
            patient.need(*_leading_to(name, there))
            for sink in bootstrap.sinks(narrowed, retries=patient.retries).values():
                sink.check()
        except Unseen as why:
            yield unseen(str(why), name)
        except VizslaError as error:
            yield sign_of(error, name)
        else:
            yield well(_SEEN.get(name.partition(":")[0], "is here"), name)


def routes(patient: Patient) -> Iterator[Sign]:
    """Each hunt whose findings go to no sink that is set up."""
    set_up = {name for name, _ in _each(patient.settings())}
    if set_up <= {_FORGETFUL}:
        raise Unseen("not looked at: see sinks")
    quiet = False
    for hunt in patient.hunts().hunts.values():
        named = [route.sink for route in hunt.definition.deliver if route.sink != _FORGETFUL]
        if not set_up & set(named):
            quiet = True
            yield doubtful(f"tells {', '.join(named) or 'nobody'}, of whom none is set up", hunt.id)
    if not quiet:
        yield well("each hunt tells a sink that is set up")


def _each(there: Settings) -> Iterator[tuple[str, Settings]]:
    """The sinks by the names that hunts have for them, each with settings that lead to it alone."""
    for name in there.sinks:
        channels = there.places.teams if name == "teams" else {}
        for channel, url in channels.items():
            places = replace(there.places, teams={channel: url})
            yield f"teams:{channel}" if channel else "teams", replace(there, sinks=(name,), places=places)
        if not channels:
            yield name, replace(there, sinks=(name,))


def _leading_to(name: str, there: Settings) -> tuple[str, ...]:
    """How the names of settings begin without which a sink is looked for in the wrong place, or not at all."""
    match name.partition(":")[0]:
        case "teams":
            return () if there.places.teams else ("VIZSLA_TEAMS_URL",)
        case "log_analytics":
            return ("VIZSLA_LOGS_", "VIZSLA_SIGN_IN")
        case "defender_alert":
            return SIGN_IN
        case _:
            return ()
