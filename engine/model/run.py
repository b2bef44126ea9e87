"""Windows and the record of a run."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

Status = Literal["succeeded", "failed", "throttled", "gap"]
RunKind = Literal["window", "present", "late", "part", "learn", "demand"]


class Window(msgspec.Struct, frozen=True):
    """A half-open span of time in UTC: `start` is in it, `end` is not."""

    start: datetime
    end: datetime


class HuntRun(msgspec.Struct, frozen=True, kw_only=True):
    """The record of one run of one hunt.

    `kind` says what asked for it: the next `window` of the schedule, the `present` while older windows are caught up,
    rows that came `late`, a `part` of a window that kept failing, the daily `learn`, or someone's `demand`. A
    `throttled` run is to be asked again, a `gap` is a window that is never judged, and `error` says why; it is empty
    where the run succeeded.

    `events` counts the rows that the source returned, in `slices` parts, `launches` those they were picked from where
    the query says so; `dropped` those that were set aside, by reason; `newest` is the newest Timestamp among them.
    `muted` counts the findings that somebody keeps quiet.
    `seconds` is the wall clock from the first step to the last; `began` is when (UTC).
    """

    id: str
    hunt: str
    status: Status
    window: Window
    events: int
    findings: int
    dropped: dict[str, int]
    seconds: float
    notes: tuple[str, ...] = ()
    error: str = ""
    tenant: str = "default"
    kind: RunKind = "window"
    began: datetime | None = None
    slices: int = 1
    launches: int | None = None
    newest: str = ""
    muted: int = 0
