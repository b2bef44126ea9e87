"""Where findings go: a name in hunt.yaml, a class that is imported when it is used."""

from __future__ import annotations

SINKS: dict[str, str] = {
    "console": "engine.sinks.console:Console",
    "defender_alert": "engine.sinks.defender_alert:DefenderAlert",
    "log_analytics": "engine.sinks.log_analytics:LogAnalytics",
    "memory": "engine.sinks.memory:Memory",
    "teams": "engine.sinks.teams:Teams",
}
