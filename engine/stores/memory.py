"""A store that forgets: for runs over files, and for tests."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime

from engine.model.finding import Finding, recurrence_key
from engine.model.run import HuntRun
from engine.remote.budget import Limit, horizon, next_free


class Memory:
    """Everything in dictionaries, gone with the process."""

    def __init__(self) -> None:
        self._watermarks: dict[tuple[str, str], datetime] = {}
        self._findings: dict[str, Finding] = {}
        self._recurring: dict[tuple[str, str, str, str], str] = {}
        self._runs: dict[str, HuntRun] = {}
        self._calls: dict[str, list[datetime]] = {}
        self._booking = threading.Lock()

    def watermark(self, tenant: str, hunt: str) -> datetime | None:
        """See Store."""
        return self._watermarks.get((tenant, hunt))

    def move_watermark(self, tenant: str, hunt: str, end: datetime) -> None:
        """See Store."""
        self._watermarks[tenant, hunt] = max(end, self._watermarks.get((tenant, hunt), end))

    def finding(self, fingerprint: str) -> Finding | None:
        """See Store."""
        return self._findings.get(fingerprint)

    def recurring(self, key: tuple[str, str, str, str]) -> Finding | None:
        """See Store."""
        return self._findings.get(self._recurring.get(key, ""))

    def record_finding(self, finding: Finding) -> None:
        """See Store."""
        self._findings[finding.fingerprint] = finding
        self._recurring[recurrence_key(finding)] = finding.fingerprint

    def record_run(self, run: HuntRun) -> None:
        """See Store."""
        self._runs[run.id] = run

    def runs(self, hunt: str | None = None) -> tuple[HuntRun, ...]:
        """See Store."""
        wanted = (run for run in self._runs.values() if hunt in (None, run.hunt))
        return tuple(sorted(wanted, key=lambda run: run.window.end, reverse=True))

    def take_call(self, tenant: str, now: datetime, limits: Sequence[Limit]) -> datetime:
        """See Quota."""
        with self._booking:
            recent = [moment for moment in self._calls.get(tenant, []) if moment > horizon(now, limits)]
            free = next_free(recent, now, limits)
            self._calls[tenant] = [*recent, *[now] * (free == now)]
        return free
