"""A sink that keeps what it is given: for tests and dry runs."""

from __future__ import annotations

from engine.model.delivery import Receipt
from engine.model.finding import Finding


class Memory:
    """Holds the latest form of each finding, in order of first delivery; `raised` and `updated` count deliveries."""

    name = "memory"

    def __init__(self) -> None:
        self._findings: dict[str, Finding] = {}
        self.raised = 0
        self.updated = 0

    def deliver(self, finding: Finding, earlier: Receipt | None) -> Receipt:
        """See Sink. What the far side calls it is its fingerprint."""
        if earlier is None:
            self.raised += 1
        else:
            self.updated += 1
        self._findings[finding.fingerprint] = finding
        return Receipt(id=finding.fingerprint)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was delivered."""
        return tuple(self._findings.values())
