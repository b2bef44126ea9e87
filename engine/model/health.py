"""Whether the hunts run."""

from __future__ import annotations

import msgspec

from engine.model.run import HuntRun


class HuntHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One hunt: seconds that its watermark lies behind the clock (None before its first run), and what that means.

    `overdue` when it is more than three firings behind; `observing` while too little is learned to wake anyone for
    less than a finding of severity high. `gaps` are windows that were never judged, among the latest thousand runs of
    the tenant.
    """

    hunt: str
    lag_seconds: float | None
    overdue: bool
    failed: int
    throttled: int
    gaps: int
    error: str = ""
    observing: bool = False
    days_learned: int = 0


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What `GET /api/health` tells. `problems` are sentences; with none, all is well.

    `newest_event` is the newest Timestamp that any run of the last day saw, empty where none did.
    """

    tenant: str
    healthy: bool
    problems: tuple[str, ...]
    newest_event: str
    hunts: tuple[HuntHealth, ...]
    runs: tuple[HuntRun, ...]
