"""What a sink is."""

from __future__ import annotations

from typing import Protocol

from engine.model.finding import Finding


class Sink(Protocol):
    """Takes findings out of the house. `name` is its name in hunt.yaml."""

    name: str

    def deliver(self, finding: Finding) -> None:
        """Delivers one finding. Twice with the same fingerprint is harmless. Raises SinkError."""
        ...
