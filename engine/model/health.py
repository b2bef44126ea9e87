"""Whether the hunts run."""

from __future__ import annotations

import msgspec

from engine.model.run import HuntRun


class HuntHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One hunt: seconds that its watermark lies behind the clock (None before its first run), and what that means.

    `overdue` when it is more than three firings behind; `observing` while too little is learned to wake anyone for
    less than a finding of severity high. `gaps` are windows that were never judged, in the last 30 days.
    """

    hunt: str
    lag_seconds: float | None
    overdue: bool
    observing: bool
    days_learned: int
    failed: int
    throttled: int
    gaps: int
    error: str = ""


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
