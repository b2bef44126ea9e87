"""A sink that keeps what it is given: for tests and dry runs."""

from __future__ import annotations

from engine.model.finding import Finding


class Memory:
    """Holds the latest finding of each fingerprint, in order of first delivery."""

    name = "memory"

    def __init__(self) -> None:
        self._findings: dict[str, Finding] = {}

    def deliver(self, finding: Finding) -> None:
        """Keeps the finding; one with the same fingerprint takes the place of the earlier."""
        self._findings[finding.fingerprint] = finding

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was delivered."""
        return tuple(self._findings.values())
