"""Those functions of the workflow definition language that our playbooks call, as Microsoft documents them."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

_EPOCH = datetime.fromisoformat("0001-01-01T00:00:00+00:00")
_ROUND_TRIP = "%Y-%m-%dT%H:%M:%S.%f0Z"
_FORMATS = {"yyyy-MM-ddTHH:mm:ssZ": "%Y-%m-%dT%H:%M:%SZ"}


def functions(now: datetime) -> dict[str, Callable[..., Any]]:
    """Name -> function; `now` is what utcNow gives."""
    return {
        "add": operator.add,
        "addHours": lambda moment, number, *form: _later(moment, *form, hours=number),
        "addMinutes": lambda moment, number, *form: _later(moment, *form, minutes=number),
        "and": lambda *values: all(map(_flag, values)),
        "coalesce": lambda *values: next((each for each in values if each is not None), None),
        "concat": lambda *values: "".join(_text(each) for each in values),
        "contains": lambda held, value: value in held,
        "createArray": lambda *values: list(values),
        "empty": lambda value: not len(value) if value is not None else True,
        "encodeURIComponent": lambda text: quote(_text(text), safe="!'()*-._~"),
        "equals": lambda one, other: type(one) is type(other) and one == other,
        "greater": operator.gt,
        "if": lambda condition, one, other: one if _flag(condition) else other,
        "json": json.loads,
        "length": len,
        "mul": operator.mul,
        "not": lambda value: not _flag(value),
        "or": lambda *values: any(map(_flag, values)),
        "setProperty": lambda thing, name, value: {**thing, name: value},
        "string": lambda value: value if isinstance(value, str) else json.dumps(value),
        "sub": operator.sub,
        "substring": _substring,
        "take": lambda held, number: held[:number],
        "ticks": lambda moment: (_moment(moment) - _EPOCH) // timedelta(microseconds=1) * 10,
        "toLower": lambda text: _text(text).lower(),
        "toUpper": lambda text: _text(text).upper(),
        "trim": lambda text: _text(text).strip(),
        "union": _union,
        "utcNow": lambda *form: _shown(now, *form),
    }


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _substring(text: str, start: int, length: int | None = None) -> str:
    end = len(text) if length is None else start + length
    if not 0 <= start <= end <= len(text):
        raise ValueError(f"{text!r} has no characters {start} to {end}")
    return text[start:end]


def _union(*collections: list[Any]) -> list[Any]:
    held: list[Any] = []
    for each in (each for collection in collections for each in collection):
        if each not in held:
            held.append(each)
    return held


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} says no time zone")
    return moment


def _shown(moment: datetime, form: str | None = None) -> str:
    return moment.strftime(_FORMATS[form] if form else _ROUND_TRIP)


def _later(moment: str, form: str | None = None, **by: int) -> str:
    return _shown(_moment(moment) + timedelta(**by), form)
