"""Parameters: typed values to KQL literals. Nothing else ever writes KQL.

A parameter's default is a top-level `let name = literal;` of the query. Binding replaces that literal, and only it, by
one written here. Microsoft's hunting API takes no parameters beside the text (microsoft-graph runHuntingQuery has Query
and Timespan alone), so what cannot be written safely is refused.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from engine.errors import ParameterError
from engine.model.hunt import Parameter, ParameterType, Value

_UNITS = MappingProxyType(
    {
        "d": timedelta(days=1),
        "h": timedelta(hours=1),
        "m": timedelta(minutes=1),
        "s": timedelta(seconds=1),
        "ms": timedelta(milliseconds=1),
    }
)
_TIMESPAN = re.compile(r"(\d+(?:\.\d+)?)(d|h|ms|m|s)")
_LEXEME = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
      | (?P<text>[hH]?@"(?:[^"]|"")*"|[hH]?@'(?:[^']|'')*'|```.*?```|~~~.*?~~~
                |[hH]?"(?:\\.|[^"\\\n])*"|[hH]?'(?:\\.|[^'\\\n])*')
      | (?P<word>[^\W\d]\w*)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_UNSAFE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_ESCAPES = MappingProxyType({"\\": r"\\", '"': r"\"", "\t": r"\t", "\r": r"\r", "\n": r"\n"})


@dataclass(frozen=True, slots=True)
class Let:
    """A top-level `let name = ...;`: where its right side stands in the text, and what it says."""

    name: str
    start: int
    end: int
    text: str


def lets(query: str) -> tuple[Let, ...]:
    """Every top-level `let` of a query, in order; strings, comments and brackets are understood."""
    return tuple(let for statement in _statements(query) if (let := _let(query, statement)))


def _statements(query: str) -> Iterator[list[re.Match[str]]]:
    statement: list[re.Match[str]] = []
    depth = 0
    for lexeme in _LEXEME.finditer(query):
        if lexeme.lastgroup == "space":
            continue
        if lexeme.group() == ";" and depth == 0:
            yield statement
            statement = []
            continue
        depth += (lexeme.group() in "([{") - (lexeme.group() in ")]}")
        statement.append(lexeme)


def _let(query: str, statement: list[re.Match[str]]) -> Let | None:
    match [lexeme.group() for lexeme in statement[:3]]:
        case ["let", name, "="] if len(statement) > 3:  # noqa: PLR2004 - let, a name, "=", and a right side
            start, end = statement[3].start(), statement[-1].end()
            return Let(name, start, end, query[start:end])
    return None


def read(kind: ParameterType, literal: str) -> Value:
    """The value of a KQL literal as query.kql writes a default. ValueError when it is no literal of that type."""
    match kind:
        case "int":
            return int(literal)
        case "timespan":
            return timespan(literal)
        case "bool" if literal in ("true", "false"):
            return literal == "true"
        case "string":
            return _text(json.loads(literal))
        case "datetime" if found := re.fullmatch(r"datetime\(([^()]+)\)", literal):
            return _moment(found[1].strip("\"' "))
        case "string list" if found := re.fullmatch(r"dynamic\((.*)\)", literal, re.DOTALL):
            return tuple(_text(item) for item in json.loads(found[1]))
        case _:
            raise ValueError(f"{literal} is no {kind}")


def write(value: Value) -> str:
    """A value as a KQL literal. ValueError when it cannot be written safely (control characters, lone surrogates)."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value) if value >= 0 else f"long({value})"
        case timedelta():
            return _written_timespan(value)
        case datetime():
            return f"datetime({value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z)"
        case str():
            return f'"{_escaped(value)}"'
        case _:
            return "dynamic([" + ", ".join(f'"{_escaped(item)}"' for item in value) + "])"


def timespan(text: str) -> timedelta:
    """A Kusto timespan literal (`10m`, `24h`, `1.5d`, `90s`, `200ms`). ValueError on anything else."""
    found = _TIMESPAN.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text} is no timespan like 10m, 24h or 7d")
    try:
        return float(found[1]) * _UNITS[found[2]] if "." in found[1] else int(found[1]) * _UNITS[found[2]]
    except OverflowError as error:
        raise ValueError(f"{text} is too long") from error


def written(value: timedelta) -> str:
    """A timespan as people write it: the largest unit that divides it."""
    return _written_timespan(value)


def coerce(name: str, parameter: Parameter, value: object) -> Value:
    """A caller's value (text from a command line, or JSON) as the parameter's type, within its bounds.

    Raises ParameterError, which names the parameter and what it takes.
    """
    try:
        typed = _typed(parameter.type, value)
        write(typed)
    except (ValueError, TypeError, OverflowError) as error:
        raise ParameterError(f"{name}: {error}. It takes {takes(parameter)}.") from error
    if problem := _out_of_bounds(parameter, typed):
        raise ParameterError(f"{name}: {problem}. It takes {takes(parameter)}.")
    return typed


def bind(query: str, values: Mapping[str, Value]) -> str:
    """The query with the literal of each named `let` replaced; all other text stays as it is, to the byte."""
    for let in reversed(lets(query)):
        if let.name in values:
            query = query[: let.start] + write(values[let.name]) + query[let.end :]
    return query


def misfits(parameter: Parameter) -> Iterator[tuple[str, str]]:
    """The keys of a parameter that no value of its type can be held against, and what is wrong with each."""
    fitting = {"int": int, "timespan": str}.get(parameter.type, ())
    for key, bound in (("minimum", parameter.minimum), ("maximum", parameter.maximum)):
        if bound is not None and not isinstance(bound, fitting):
            yield key, f"{bound} bounds no {parameter.type}"
    try:
        re.compile(parameter.pattern)
    except re.error as error:
        yield "pattern", f"{parameter.pattern} is no regular expression: {error}"


def takes(parameter: Parameter) -> str:
    """What a parameter takes, in words."""
    words = [f"a {parameter.type}" if parameter.type != "int" else "an int"]
    if parameter.minimum is not None:
        words.append(f"from {parameter.minimum}")
    if parameter.maximum is not None:
        words.append(f"to {parameter.maximum}")
    if parameter.choices:
        words.append("of " + " | ".join(parameter.choices))
    if parameter.pattern:
        words.append(f"matching {parameter.pattern}")
    return " ".join(words)


def _typed(kind: ParameterType, value: object) -> Value:
    match kind, value:
        case "int", int() if not isinstance(value, bool):
            return value
        case "int", str() if re.fullmatch(r"[+-]?\d{1,18}", value.strip()):
            return int(value)
        case "bool", bool():
            return value
        case "bool", ("true" | "false"):
            return value == "true"
        case "timespan", timedelta():
            return value
        case "timespan", str():
            return timespan(value)
        case "datetime", datetime():
            return value
        case "datetime", str():
            return _moment(value)
        case "string", str():
            return value
        case "string list", str():
            return tuple(json.loads(value)) if value.startswith("[") else tuple(filter(None, value.split(",")))
        case "string list", list() | tuple():
            return tuple(_text(item) for item in value)
        case _:
            raise ValueError(f"{value!r} is no {kind}")


def _out_of_bounds(parameter: Parameter, value: Value) -> str:
    match value:
        case bool():
            return ""
        case int() | timedelta():
            low, high = (_bound(parameter.type, bound) for bound in (parameter.minimum, parameter.maximum))
            below = low is not None and value < low  # type: ignore[operator]  # both are of the parameter's type
            above = high is not None and value > high  # type: ignore[operator]  # both are of the parameter's type
            return "out of bounds" if below or above else ""
        case str():
            return _unfit(parameter, value)
        case tuple() if len(value) > parameter.max_items:
            return f"{len(value)} items, at most {parameter.max_items}"
        case tuple():
            return next(filter(None, (_unfit(parameter, item) for item in value)), "")
        case _:
            return ""


def _bound(kind: ParameterType, bound: int | str | None) -> int | timedelta | None:
    return timespan(str(bound)) if kind == "timespan" and bound is not None else bound  # type: ignore[return-value]  # an int's bound is an int: the loader checks


def _unfit(parameter: Parameter, text: str) -> str:
    if parameter.choices and text not in parameter.choices:
        return f"{text!r} is none of its choices"
    if parameter.pattern and not re.fullmatch(parameter.pattern, text):
        return f"{text!r} does not match"
    return ""


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no string")  # noqa: TRY004 - a wrong literal is a wrong value to every caller
    return value


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _written_timespan(value: timedelta) -> str:
    if value < timedelta(0):
        raise ValueError("a timespan is not negative")
    for unit, size in _UNITS.items():
        if value % size == timedelta(0) and (value >= size or unit == "ms"):
            return f"{value // size}{unit}"
    raise ValueError("a timespan is a whole number of milliseconds")


def _escaped(text: str) -> str:
    for character in text:
        if character not in _ESCAPES and unicodedata.category(character) in _UNSAFE:
            raise ValueError(f"the character U+{ord(character):04X} cannot be written into a query")
    return "".join(_ESCAPES.get(character, character) for character in text)
