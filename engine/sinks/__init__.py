"""Where findings go: a name in hunt.yaml, a class that is imported when it is used."""

from __future__ import annotations

SINKS: dict[str, str] = {
    "memory": "engine.sinks.memory:Memory",
}
