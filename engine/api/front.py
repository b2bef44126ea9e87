"""The app's own HTTP side: runs on demand go through a queue, so that they outlive the request."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from urllib.parse import parse_qsl, urlsplit

from engine import bootstrap, settings
from engine.api import OPERATIONS
from engine.api.call import Call, Front
from engine.api.openapi import description


def call(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Call:
    """A request as a server gives it, as a call."""
    parts = urlsplit(url)
    return Call(
        method=method,
        path=parts.path,
        origin=f"{parts.scheme}://{parts.netloc}",
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers={name.lower(): value for name, value in headers.items()},
        body=body,
    )


@cache
def front(queue: str) -> Front:
    """What answers calls in Azure; demands go into `queue`. Raises SettingsError."""

    def start(demand: str) -> None:
        now = datetime.now(UTC)
        bootstrap.put_back(demand, queue=queue, until=now, now=now)

    return Front(
        desk=bootstrap.desk(),
        start=start,
        now=lambda: datetime.now(UTC),
        sleep=time.sleep,
        description=lambda: description(OPERATIONS),
        role=settings.read(os.environ).role,
        has_sign_in=os.environ.get("WEBSITE_AUTH_ENABLED", "").lower() == "true",
    )
