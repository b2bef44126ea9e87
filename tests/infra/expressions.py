"""The expressions of a Logic Apps workflow: `@f(x)?['y']` and text with `@{...}` in it, read into a tree and evaluated.

Every argument is evaluated before its function, also those of `if`: a workflow that is right here needs no laziness.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

_SIGN = re.compile(r"\s*(?:('(?:[^']|'')*')|(-?\d+(?:\.\d+)?)|([A-Za-z_]\w*)|(\?\[|[()\[\],}.]))")
_WORDS = {"true": True, "false": False, "null": None}


class NotAnExpression(ValueError):
    """The text cannot be read; says where."""


class Unevaluable(ValueError):
    """The expression cannot be evaluated over what is there; Logic Apps would fail the action."""


@dataclass(frozen=True, slots=True)
class Literal:
    value: Any


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """`of[key]`, or `of?[key]`, which is null where there is none."""

    of: Node
    key: Node
    safe: bool


@dataclass(frozen=True, slots=True)
class Text:
    """Text with expressions in it."""

    parts: tuple[Node, ...]


Node = Literal | Call | Member | Text
Functions = Mapping[str, Callable[..., Any]]


@cache
def read(text: str) -> Node:
    """The tree of one string of a definition; plain text is a Literal. Raises NotAnExpression."""
    if text.startswith("@@"):
        return Literal(text[1:])
    if text.startswith("@") and not text.startswith("@{"):
        node, end = _expression(text, 1)
        if text[end:].strip():
            raise NotAnExpression(f"{text!r}: nothing may stand at {end}")
        return node
    parts, place = [], 0
    while (start := text.find("@{", place)) >= 0:
        node, end = _expression(text, start + 2)
        if text[end : end + 1] != "}":
            raise NotAnExpression(f"{text!r}: }} is missing at {end}")
        parts += [Literal(text[place:start]), node]
        place = end + 1
    return Text((*parts, Literal(text[place:]))) if parts else Literal(text)


def _sign(text: str, place: int) -> tuple[str, int]:
    found = _SIGN.match(text, place)
    if not found:
        raise NotAnExpression(f"{text!r}: cannot be read at {place}")
    return found.group().strip(), found.end()


def _expression(text: str, place: int) -> tuple[Node, int]:
    """One expression and where it ends."""
    sign, place = _sign(text, place)
    node: Node
    if sign.startswith("'"):
        node = Literal(sign[1:-1].replace("''", "'"))
    elif sign[-1].isdigit() and not sign[0].isalpha():
        node = Literal(float(sign) if "." in sign else int(sign))
    elif sign in _WORDS:
        node = Literal(_WORDS[sign])
    elif sign[0].isalpha():
        arguments, place = _arguments(text, place)
        node = Call(sign, arguments)
    else:
        raise NotAnExpression(f"{text!r}: {sign!r} begins no expression")
    while (found := _SIGN.match(text, place)) and found.group().strip() in {"[", "?[", "."}:
        node, place = _member_of(node, found.group().strip(), text, found.end())
    return node, place


def _member_of(node: Node, opening: str, text: str, place: int) -> tuple[Node, int]:
    if opening == ".":
        name, place = _sign(text, place)
        if not name[0].isalpha():
            raise NotAnExpression(f"{text!r}: a name is missing at {place}")
        return Member(node, Literal(name), safe=False), place
    key, place = _expression(text, place)
    closing, place = _sign(text, place)
    if closing != "]":
        raise NotAnExpression(f"{text!r}: ] is missing at {place}")
    return Member(node, key, opening == "?["), place


def _arguments(text: str, place: int) -> tuple[tuple[Node, ...], int]:
    sign, place = _sign(text, place)
    if sign != "(":
        raise NotAnExpression(f"{text!r}: ( is missing at {place}")
    found: list[Node] = []
    if (following := _sign(text, place))[0] == ")":
        return (), following[1]
    while sign != ")":
        node, place = _expression(text, place)
        found.append(node)
        sign, place = _sign(text, place)
        if sign not in {",", ")"}:
            raise NotAnExpression(f"{text!r}: , or ) is missing at {place}")
    return tuple(found), place


def calls(node: Node) -> Iterator[Call]:
    """Every call in the tree, outermost first."""
    match node:
        case Call(_, arguments):
            yield node
            for each in arguments:
                yield from calls(each)
        case Member(of, key, _):
            yield from calls(of)
            yield from calls(key)
        case Text(parts):
            for each in parts:
                yield from calls(each)


def evaluate(node: Node, functions: Functions) -> Any:
    """The value. Raises Unevaluable, as Logic Apps fails the action."""
    match node:
        case Literal(value):
            return value
        case Text(parts):
            return "".join(written(evaluate(each, functions)) for each in parts)
        case Member(of, key, safe):
            return _member(evaluate(of, functions), evaluate(key, functions), safe=safe)
        case Call(name, arguments):
            values = [evaluate(each, functions) for each in arguments]
            if name not in functions:
                raise Unevaluable(f"there is no function {name}")
            try:
                return functions[name](*values)
            except (TypeError, ValueError, AttributeError) as error:
                raise Unevaluable(f"{name}{tuple(values)}: {error}") from error


def _member(of: Any, key: Any, *, safe: bool) -> Any:
    if of is None and safe:
        return None
    if not isinstance(of, dict) or not isinstance(key, str):
        raise Unevaluable(f"{of!r} has no member {key!r}")
    if key not in of and not safe:
        raise Unevaluable(f"{key!r} is not in {sorted(of)}")
    return of.get(key)


def written(value: Any) -> str:
    """A value inside text: null is nothing."""
    return "" if value is None else str(value)


def resolve(value: Any, functions: Functions) -> Any:
    """A part of a definition with every expression in it evaluated."""
    if isinstance(value, str):
        return evaluate(read(value), functions)
    if isinstance(value, dict):
        return {key: resolve(each, functions) for key, each in value.items()}
    if isinstance(value, list):
        return [resolve(each, functions) for each in value]
    return value


def strings(value: Any) -> Iterator[str]:
    """Every string in a part of a definition."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from strings(each)
