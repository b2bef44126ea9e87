"""Events, and the one clock they are told by.

An Event is one row that a source returns: a mapping with Defender's own column names. Steps extend it with columns of
their own, as KQL's `extend` would. Datetime columns are ISO 8601 text in UTC, because Defender gives seven digits of a
second and Python's datetime holds six; arithmetic is done in ticks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeAlias

Event: TypeAlias = Mapping[str, Any]

TICKS_PER_SECOND = 10_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@lru_cache(maxsize=1 << 16)
def ticks(timestamp: str) -> int:
    """100 ns since 1970-01-01 UTC, exact to the seventh digit of the second.

    Takes ISO 8601 with any number of fractional digits (more than seven are cut), `Z`, an offset, or neither, which
    is read as UTC. Raises ValueError on anything else.
    """
    head, dot, rest = timestamp.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))] if dot else ""
    zone = rest[len(digits) :] if dot else ""
    moment = datetime.fromisoformat(head + zone)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return instant(moment) + int(f"{digits:0<7}"[:7] or 0)


def timestamp(instant: int) -> str:
    """The inverse of `ticks`, always with seven digits: `2026-11-24T10:50:01.1234567Z`."""
    seconds, fraction = divmod(instant, TICKS_PER_SECOND)
    moment = _EPOCH + timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction:07d}Z"


def instant(moment: datetime) -> int:
    """A moment of Python's, which knows no ticks, in ticks."""
    return span_ticks(moment - _EPOCH)


def moment_of(at: int) -> datetime:
    """The last moment of Python's (UTC) that is not later than an instant in ticks."""
    return _EPOCH + timedelta(microseconds=at // 10)


def span_ticks(span: timedelta) -> int:
    """A timedelta in ticks of 100 ns."""
    return span // _MICROSECOND * 10


def text(event: Event, column: str) -> str:
    """The column as text; empty when the row lacks it or holds null."""
    value = event.get(column)
    return "" if value is None else str(value)
