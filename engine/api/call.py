"""A request and its answer, whatever server carries them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import msgspec

from engine.tasks import Desk

JSON, PROBLEM, PAGE = "application/json", "application/problem+json", "text/html; charset=utf-8"
NOTHING: Mapping[str, str] = MappingProxyType({})


class Mistake(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong with one value: where it stands in the body, as a `pointer` (RFC 6901; empty is the whole body).

    Outside of the body, `parameter` is the name of what it stands in: of the query, or a header.
    """

    detail: str
    pointer: str | msgspec.UnsetType = msgspec.UNSET
    parameter: str | msgspec.UnsetType = msgspec.UNSET


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error as RFC 9457 has it."""

    title: str
    status: int
    detail: str
    errors: tuple[Mistake, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: `path` from `/api` on, `origin` the scheme and host it came to; `values` are those in the path.

    Names of headers are in lower case.
    """

    method: str
    path: str
    origin: str
    query: Mapping[str, str] = NOTHING
    headers: Mapping[str, str] = NOTHING
    body: bytes = b""
    values: Mapping[str, str] = NOTHING

    def at(self, values: Mapping[str, Any]) -> Call:
        """The same, with the values that its route found in the path."""
        return replace(self, values={name: str(value) for name, value in values.items()})


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: int
    body: bytes = b""
    kind: str = JSON
    headers: Mapping[str, str] = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """What answers calls: the `desk`, and what the server it stands on gives.

    `start` has a demand performed, by its id, and returns at once. `role` is what a caller's token must grant, empty
    where keys guard the door; `has_sign_in` says that App Service checks tokens before we are asked. `description` is
    the OpenAPI document, `environment` what the doctor looks at.
    """

    desk: Desk
    start: Callable[[str], None]
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    description: Callable[[], Mapping[str, Any]]
    role: str = ""
    has_sign_in: bool = False
    environment: Mapping[str, str] = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that can be asked, as it is routed and described.

    `is_open` needs no key: it is harmless, or it carries a signature. `query` is a JSON schema for each parameter,
    `request` the type of the body, `answers` the type of each status's body, or several; None is a page.
    """

    method: str
    path: str
    name: str
    summary: str
    does: Callable[[Call, Front], Answer]
    answers: Mapping[int, Any]
    is_open: bool = False
    request: Any = None
    query: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    headers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def as_json(document: object, *, status: int = HTTPStatus.OK, headers: Mapping[str, str] = NOTHING) -> Answer:
    """A document as an answer."""
    return Answer(status, msgspec.json.encode(document), headers=headers)


def problem(status: int, detail: str, *mistakes: Mistake, headers: Mapping[str, str] = NOTHING) -> Answer:
    """An error as an answer."""
    document = Problem(HTTPStatus(status).phrase, int(status), detail, mistakes)
    return Answer(status, msgspec.json.encode(document), PROBLEM, headers)
