"""What is wrong with a body that cannot be read, and where. No value of it is ever repeated."""

from __future__ import annotations

import re
from http import HTTPStatus

import msgspec

from engine.api.call import Answer, Mistake, problem
from engine.demands import pointer

_PLACE = re.compile(r" - at `\$([^`]*)`$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_STRANGER = re.compile(r"unknown field `(.{1,256}?)`$", re.DOTALL)


MOST_BYTES = 256 << 10


def refused_size(body: bytes) -> Answer | None:
    """The refusal of a body that is too large, or None."""
    if len(body) <= MOST_BYTES:
        return None
    return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request holds at most {MOST_BYTES >> 10} KB.")


def unread(error: Exception) -> Answer:
    """A 400 with a pointer to the field (RFC 6901), from what msgspec says of the body."""
    if not isinstance(error, msgspec.ValidationError):
        detail = "the body is no JSON in UTF-8, or has too many brackets"
        return problem(HTTPStatus.BAD_REQUEST, f"{detail}.", Mistake(detail, pointer=""))
    said = str(error)
    place = _PLACE.search(said)
    detail = _PLACE.sub("", said)
    steps = [name or number for name, number in _STEP.findall(place[1])] if place else []
    if stranger := _STRANGER.search(detail):
        steps.append(stranger[1])
        detail = "there is no such field"
    return problem(HTTPStatus.BAD_REQUEST, f"{detail}.", Mistake(detail, pointer=pointer(*steps)))
