"""What became of telling a finding to a sink."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

DeliveryState = Literal["pending", "sending", "sent", "dead"]


class Receipt(msgspec.Struct, frozen=True):
    """What the far side calls what it was told: its own `id` and a `link` to it; empty where it gives none."""

    id: str = ""
    link: str = ""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One finding's way to one sink: the outbox holds one for each.

    `state` is `sending` from just before the far side is asked until its answer is recorded, so that a crash between
    the two shows. `form` is what of the finding the far side was told last (see `Finding.form`), empty before the
    first time. `since` is when the finding, or its present form, first waited; `attempts` how often that failed, and
    `reason` why it did last.
    """

    tenant: str
    hunt: str
    fingerprint: str
    sink: str
    state: DeliveryState
    since: datetime
    form: str = ""
    attempts: int = 0
    receipt: Receipt = Receipt()
    reason: str = ""
