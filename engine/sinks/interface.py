"""What a sink is."""

from __future__ import annotations

from typing import Protocol

from engine.model.delivery import Receipt
from engine.model.finding import Finding


class Sink(Protocol):
    """Takes findings out of the house. `name` is its name in hunt.yaml."""

    name: str

    def deliver(self, finding: Finding, earlier: Receipt | None) -> Receipt:
        """Tells of a finding for the first time, or, where it was told of `earlier`, what has become of it.

        That is a finding that has grown, that absorbed others (`aliases`) or was `absorbed_by` another, or was
        `retracted`. The same told twice is harmless. Raises SinkError.
        """
        ...
