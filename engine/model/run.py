"""Windows and the record of a run."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

Status = Literal["succeeded", "failed"]


class Window(msgspec.Struct, frozen=True):
    """A half-open span of time in UTC: `start` is in it, `end` is not."""

    start: datetime
    end: datetime


class HuntRun(msgspec.Struct, frozen=True, kw_only=True):
    """The record of one run of one hunt.

    `events` counts the rows that the source returned, `dropped` those that were set aside, by reason; `seconds` is the
    wall clock from the first step to the last. `error` is empty unless `status` is `failed`.
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
