"""YAML text to frozen values, with every fault of a file at once: line, path, and the nearest right name.

msgspec stops at its first error and PyYAML keeps the last of two equal keys, so the nodes are walked against
`msgspec.inspect` first. Scalars are read as YAML 1.2 does: `on`, `no` and `1:30` are strings.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
import yaml
from msgspec import inspect

from engine.errors import Fault

T = TypeVar("T")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


class _Yaml12(yaml.SafeLoader):
    """PyYAML's safe loader with YAML 1.2's scalars: true, false, null and numbers, all else text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own shape


for _tag, _pattern, _first in (
    ("bool", r"true|false", [*"tf"]),
    ("null", r"null|~|", [*"n~", ""]),
    ("int", r"[-+]?(0|[1-9]\d*)", [*"-+0123456789"]),
    ("float", r"[-+]?(0|[1-9]\d*)(\.\d+)([eE][-+]?\d+)?", [*"-+0123456789"]),
):
    _Yaml12.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


def decode(path: Path, kind: type[T], *, name: str) -> tuple[T | None, list[Fault]]:
    """The file as a `kind`, or None and all its faults, each with the file's `name` and its line."""
    try:
        node = yaml.compose(path.read_text("utf-8"), Loader=_Yaml12)
    except (OSError, UnicodeDecodeError) as error:
        return None, [Fault(name, "", f"cannot be read: {because(error)}")]
    except yaml.YAMLError as error:
        return None, [_no_yaml(name, error)]
    if node is None:
        return None, [Fault(name, "", "is empty")]
    faults = [
        Fault(name, path_, message, cure, line)
        for path_, message, cure, line in _walk(node, inspect.type_info(kind), "")
    ]
    if faults:
        return None, faults
    loader = _Yaml12("")
    try:
        return msgspec.convert(loader.construct_document(node), kind, strict=True), []
    except yaml.YAMLError as error:
        return None, [_no_yaml(name, error)]
    except msgspec.ValidationError as error:
        return None, [Fault(name, "", str(error))]


def decode_once(path: Path, kind: type[T], *, name: str) -> tuple[T | None, list[Fault]]:
    """As `decode`, for a file that is asked for again and again: read once, and again when it has changed."""
    try:
        stamp = path.stat().st_mtime_ns
    except OSError:
        return decode(path, kind, name=name)
    value, faults = _decoded(path, stamp, cast("Hashable", kind), name)  # mypy takes no class for one
    return value, list(faults)


@lru_cache(maxsize=64)
def _decoded(path: Path, _changed: int, kind: Any, name: str) -> tuple[Any, tuple[Fault, ...]]:
    value, faults = decode(path, kind, name=name)
    return value, tuple(faults)


def because(error: OSError | UnicodeDecodeError) -> str:
    """Why a file cannot be read, without its path."""
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror or str(error)


def _no_yaml(name: str, error: yaml.YAMLError) -> Fault:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return Fault(name, "", f"is no YAML: {error.problem}", line=error.problem_mark.line + 1)
    return Fault(name, "", f"is no YAML: {str(error).partition(chr(10))[0]}")


def nearest(word: str, known: list[str] | tuple[str, ...]) -> str:
    """`Did you mean X?`, or the names that there are."""
    if not known:
        return "There is none."
    close = get_close_matches(word, known, 1)
    return f"Did you mean {close[0]}?" if close else f"Known: {', '.join(sorted(known))}."


_Problem = tuple[str, str, str, int]


def _walk(node: yaml.Node, kind: inspect.Type, path: str) -> Iterator[_Problem]:
    line = node.start_mark.line + 1
    match kind, node:
        case inspect.Metadata(), _:
            yield from _walk(node, kind.type, path)
        case inspect.UnionType(), _:
            yield from _walk_union(node, kind, path)
        case inspect.StructType(), yaml.MappingNode():
            yield from _walk_struct(node, kind, path)
        case inspect.DictType(), yaml.MappingNode():
            for key, value in _pairs(node):
                yield from _walk(value, kind.value_type, f"{path}.{key.value}".lstrip("."))
            yield from _repeated(node, path)
        case ((inspect.VarTupleType() | inspect.ListType()), yaml.SequenceNode()):
            for index, item in enumerate(node.value):
                yield from _walk(item, kind.item_type, f"{path}[{index}]")
            if kind.min_length and len(node.value) < kind.min_length:
                yield path, f"has {len(node.value)} items", f"It takes at least {kind.min_length}.", line
        case inspect.LiteralType(), yaml.ScalarNode() if node.value not in kind.values:
            known = [str(value) for value in kind.values]
            yield path, f"{node.value!r} is none of its values", nearest(str(node.value), known), line
        case inspect.StrType(), yaml.ScalarNode() if node.tag.endswith(":str"):
            if kind.pattern and not re.search(kind.pattern, node.value):
                yield path, f"{node.value!r} is not of the form {kind.pattern}", "", line
        case inspect.AnyType(), yaml.MappingNode():
            yield from _repeated(node, path)
        case ((inspect.AnyType() | inspect.LiteralType()), _):
            return
        case _ if _fits(node, kind):
            return
        case _:
            yield path, f"is {_called(node)}", f"It takes {_named(kind)}.", line


def _walk_union(node: yaml.Node, kind: inspect.UnionType, path: str) -> Iterator[_Problem]:
    answers = [list(_walk(node, part, path)) for part in kind.types if not isinstance(part, inspect.NoneType)]
    if all(answers) and not node.tag.endswith(":null"):
        yield from min(answers, key=len)


def _walk_struct(node: yaml.MappingNode, kind: inspect.StructType, path: str) -> Iterator[_Problem]:
    fields = {field.encode_name: field for field in kind.fields}
    given = {key.value: value for key, value in _pairs(node)}
    yield from _repeated(node, path)
    for key, value in _pairs(node):
        at = f"{path}.{key.value}".lstrip(".")
        if key.value not in fields:
            yield at, "is no key here", nearest(key.value, list(fields)), key.start_mark.line + 1
        else:
            yield from _walk(value, fields[key.value].type, at)
    for name, field in fields.items():
        if field.required and name not in given:
            yield path, f"lacks the key {name}", f"Add {name}, {_named(field.type)}.", node.start_mark.line + 1


def _pairs(node: yaml.MappingNode) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    return [(key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)]


def _repeated(node: yaml.MappingNode, path: str) -> Iterator[_Problem]:
    seen: set[str] = set()
    for key, _ in _pairs(node):
        if key.value in seen:
            at = f"{path}.{key.value}".lstrip(".")
            yield at, "stands here twice", "Keep one.", key.start_mark.line + 1
        seen.add(key.value)


_TAGS: dict[type[inspect.Type], tuple[str, str]] = {
    inspect.IntType: ("int", "an integer"),
    inspect.FloatType: ("float", "a number"),
    inspect.BoolType: ("bool", "true or false"),
    inspect.NoneType: ("null", "nothing"),
    inspect.StrType: ("str", "text"),
}


def _fits(node: yaml.Node, kind: inspect.Type) -> bool:
    tag = _TAGS.get(type(kind), ("", ""))[0]
    if isinstance(kind, inspect.DateType):
        return isinstance(node, yaml.ScalarNode) and bool(re.fullmatch(r"\d{4}-\d\d-\d\d", node.value))
    if isinstance(kind, inspect.DateTimeType):
        return isinstance(node, yaml.ScalarNode) and bool(_MOMENT.fullmatch(node.value))
    return isinstance(node, yaml.ScalarNode) and bool(tag) and node.tag.endswith(f":{tag}")


def _called(node: yaml.Node) -> str:
    match node:
        case yaml.MappingNode():
            return "a mapping"
        case yaml.SequenceNode():
            return "a list"
        case _:
            return f"{node.value!r}" if node.value else "empty"


def _named(kind: inspect.Type) -> str:
    match kind:
        case inspect.StructType():
            return "a mapping with " + ", ".join(field.encode_name for field in kind.fields if field.required)
        case inspect.DictType():
            return "a mapping"
        case inspect.VarTupleType() | inspect.ListType():
            return "a list"
        case inspect.UnionType():
            return " or ".join(_named(part) for part in kind.types)
        case inspect.LiteralType():
            return "one of " + ", ".join(str(value) for value in kind.values)
        case inspect.DateType():
            return "a date like 2026-11-24"
        case inspect.DateTimeType():
            return "a moment with its offset, like 2026-11-24T18:00:00+01:00"
        case _:
            return _TAGS.get(type(kind), ("", "another value"))[1]
