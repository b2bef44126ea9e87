"""The environment: settings that are missing, misspelt, contradictory or idle, and what the app needs besides."""

from __future__ import annotations

from collections.abc import Iterator

from engine.doctor.interface import Sign, doubtful, well, wrong
from engine.doctor.patient import Patient, Unseen
from engine.doctor.reading import PREFIX
from engine.settings import STORAGE, Settings
from engine.telemetry import CONNECTION

SIGNED_IN_CALLERS = "WEBSITE_AUTH_ENABLED"
"""App Service sets it to `True` where it signs callers in."""


def settings(patient: Patient) -> Iterator[Sign]:
    """Every mistake in the settings, and each that does nothing."""
    for mistake in patient.mistakes:
        yield wrong(mistake.message, " ".join(mistake.names), mistake.cure)
    there, given = patient.settings(), {name for name in patient.environment if patient.environment[name]}
    idle = [(name, why) for name, why in _idle(there) if any(each.startswith(name) for each in given)]
    for name, why in idle:
        yield doubtful(f"does nothing: {why}", name, "Take it out, or mend the other.")
    if not patient.mistakes and not idle:
        yield well(f"{sum(name.startswith(PREFIX) for name in given)} set, each of them known")


def app(patient: Patient) -> Iterator[Sign]:
    """What only the function app needs: a queue to wait in, callers who are signed in, somebody who hears."""
    if not patient.is_app:
        raise Unseen("no Azure Functions app")
    there, environment = patient.settings(), patient.environment
    if not there.queue:
        cure = f"Set {STORAGE}__queueServiceUri to https://ACCOUNT.queue.core.windows.net."
        yield wrong("a run that must wait has no queue to wait in", STORAGE, cure)
    if there.role and environment.get(SIGNED_IN_CALLERS, "").lower() != "true":
        cure = "Turn on App Service authentication, or leave the setting out."
        yield wrong(
            "a role is wanted, and nothing signs callers in: none is answered", f"{PREFIX}REQUIRE_APP_ROLE", cure
        )
    if not environment.get(CONNECTION):
        cure = "Set it to the connection string of Application Insights: alerts and the workbook look there."
        yield doubtful("is not set: nobody sees how runs do", CONNECTION, cure)
    yield well("Azure Functions runs it")


def _idle(there: Settings) -> Iterator[tuple[str, str]]:
    """Settings, by how their names begin, that do nothing as the others stand; and why."""
    if "teams" not in there.sinks:
        yield f"{PREFIX}TEAMS_URL", f"{PREFIX}SINKS does not name teams"
    if "log_analytics" not in there.sinks:
        yield f"{PREFIX}LOGS_", f"{PREFIX}SINKS does not name log_analytics"
    asks = there.tables or not there.paths or {"defender_alert", "log_analytics"} & set(there.sinks)
    if not asks:
        yield f"{PREFIX}SIGN_IN", f"{PREFIX}FROM names files, which are read in the tenant's place"
    if there.live.sign_in != "app":
        yield f"{PREFIX}APP", f"{PREFIX}SIGN_IN or {PREFIX}APP say that no application signs in"
    elif there.live.certificate and there.live.secret:
        yield f"{PREFIX}APP_SECRET", "the application's certificate is used instead"
