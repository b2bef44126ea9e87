"""What a store is."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from engine.model.finding import Finding
from engine.model.run import HuntRun
from engine.remote.budget import Quota


class Store(Quota, Protocol):
    """Remembers watermarks, findings by fingerprint, runs, and the calls made to each tenant.

    Every method raises StoreError when it cannot.
    """

    def watermark(self, tenant: str, hunt: str) -> datetime | None:
        """The end (UTC) of the last window that succeeded; None before the first."""
        ...

    def move_watermark(self, tenant: str, hunt: str, end: datetime) -> None:
        """Moves the watermark forward to `end`; one that lies later stays."""
        ...

    def finding(self, fingerprint: str) -> Finding | None:
        """The finding as last recorded, or None."""
        ...

    def recurring(self, key: tuple[str, str, str, str]) -> Finding | None:
        """The finding last recorded with this hunt, device id, actor identity and sorted intents, or None."""
        ...

    def record_finding(self, finding: Finding) -> None:
        """Records the finding under its fingerprint, over an earlier form of it."""
        ...

    def record_run(self, run: HuntRun) -> None:
        """Records the run under its id, over an earlier try of it."""
        ...

    def runs(self, hunt: str | None = None) -> tuple[HuntRun, ...]:
        """Recorded runs, latest window first."""
        ...
