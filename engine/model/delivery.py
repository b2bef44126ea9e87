"""What became of telling a finding to a sink."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from engine.model.finding import Severity

DeliveryState = Literal["pending", "sending", "sent", "failed", "muted", "dead"]


class Receipt(msgspec.Struct, frozen=True):
    """What the far side calls what it was told: its own `id` and a `link` to it; empty where it gives none.

    `incident` is the far side's id of the incident that holds it, `severity` the one it was told last.
    """

    id: str = ""
    link: str = ""
    incident: str = ""
    severity: Severity | Literal[""] = ""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One finding's way to one sink: the outbox holds one for each.

    `state` is `sending` from just before the far side is asked until its answer is recorded, so that a crash between
    the two shows; `telling` is then what it is told (see `Finding.form`), under the key `batch` where it is told with
    others. `muted` is held back, since somebody has said "enough", and `dead` was given up: `telling` is then what was
    not told. `form` is what the far side was told last, empty before the first time. `since` is when the finding, or
    its present form, first waited; `due` when it may be told, `digest` that it is to be told with others. `attempts` is
    how often that failed, and `reason` why it did last; `crashes` how often in a row whoever told it did not come back.
    """

    tenant: str
    hunt: str
    fingerprint: str
    sink: str
    state: DeliveryState
    since: datetime
    due: datetime | None = None
    digest: bool = False
    form: str = ""
    telling: str = ""
    batch: str = ""
    attempts: int = 0
    crashes: int = 0
    receipt: Receipt = Receipt()
    reason: str = ""
