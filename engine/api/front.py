"""The app's own HTTP side: runs on demand go through a queue, so that they outlive the request."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from engine import bootstrap, settings
from engine.api import OPERATIONS, answer
from engine.api.call import Answer, Call, Front, problem
from engine.api.diagnosing import without_desk
from engine.api.openapi import description
from engine.errors import VizslaError

_FUNCTION_KEY = "code"
"""The query's parameter in which Azure takes a key as well."""


def call(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Call:
    """A request as a server gives it, as a call. Behind App Service's own TLS the scheme is what it says it was.

    A key in the query goes no further: links in answers repeat the query.
    """
    parts = urlsplit(url)
    named = {name.lower(): value for name, value in headers.items()}
    scheme = "https" if named.get("x-forwarded-proto") == "https" else parts.scheme
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    query.pop(_FUNCTION_KEY, None)
    origin = f"{scheme}://{parts.netloc}"
    return Call(method=method, path=parts.path, origin=origin, query=query, headers=named, body=body)


def respond(call: Call, *, queue: str) -> Answer:
    """The app's answer to a call; demands go into `queue`. An app that is set up wrongly says so."""
    try:
        there = front(queue)
    except VizslaError as error:
        return without_desk(call, os.environ, _utc_now) or problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
    return answer(call, there)


@cache
def front(queue: str) -> Front:
    """What answers calls in Azure; demands go into `queue`. Raises SettingsError."""

    def start(demand: str) -> None:
        now = _utc_now()
        bootstrap.put_back(demand, queue=queue, until=now, now=now)

    return Front(
        desk=bootstrap.desk(),
        start=start,
        now=_utc_now,
        sleep=time.sleep,
        description=lambda: description(OPERATIONS),
        role=settings.read(os.environ).role,
        has_sign_in=os.environ.get("WEBSITE_AUTH_ENABLED", "").lower() == "true",
        environment=os.environ,
    )


def _utc_now() -> datetime:
    return datetime.now(UTC)
