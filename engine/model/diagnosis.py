"""What the doctor finds."""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["ok", "warning", "failed", "skipped"]


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at: what was found, and what to do where that is not well.

    `about` says which one of several, such as a sink's name. `skipped` is what could not be looked at, or need not be:
    `found` says why.
    """

    check: str
    about: str
    state: State
    found: str
    cure: str


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """What `vizsla doctor` and `GET /api/doctor` tell. `healthy` says that nothing failed; warnings may be among it."""

    healthy: bool
    diagnoses: tuple[Diagnosis, ...]
