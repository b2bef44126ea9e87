"""Reads Bicep as far as its syntax goes: what is declared, with which values. No compiler is at hand, so no types."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import tree_sitter_bicep
from tree_sitter import Language, Parser

from tests.tree import ROOT

INFRA = ROOT / "infra"
MAIN = INFRA / "main.bicep"
MODULES = sorted((INFRA / "modules").glob("*.bicep"))
FILES = [MAIN, *MODULES]
_PARSER = Parser(Language(tree_sitter_bicep.language()))
# The grammar is older than extensions, and knows nothing of parameter files. Lengths stay, so that places are right.
_EXTENSION = re.compile(rb"^extension ", re.MULTILINE)
_PARAMETER = re.compile(rb"^param ", re.MULTILINE)
_USING = re.compile(rb"^using ", re.MULTILINE)


class Expression(str):
    """What is worked out when it is deployed, as it is written."""

    __slots__ = ()


@dataclass(frozen=True)
class Declared:
    """A resource, module, parameter, variable, type or output. `of` is a resource's type or a module's path."""

    name: str
    value: object = None
    of: str = ""
    existing: bool = False
    when: str = ""
    decorators: tuple = ()


@dataclass
class File:
    """A file's declarations by kind, each by its name."""

    path: Path
    resource: dict = field(default_factory=dict)
    module: dict = field(default_factory=dict)
    parameter: dict = field(default_factory=dict)
    variable: dict = field(default_factory=dict)
    type: dict = field(default_factory=dict)
    output: dict = field(default_factory=dict)


def parsed(path):
    """The file's syntax tree, and the text that it is of."""
    text = path.read_bytes()
    if path.suffix == ".bicepparam":
        text = _USING.sub(b"//ing ", _PARAMETER.sub(b"  var ", text))
    text = _EXTENSION.sub(b"//tension ", text)
    return _PARSER.parse(text)


def faults(path):
    """Line numbers at which the text is no Bicep."""
    return [node.start_point.row + 1 for node in _walk(parsed(path).root_node) if node.is_error or node.is_missing]


def read(path):
    """The file's declarations."""
    made, decorators = File(path), []
    for node in parsed(path).root_node.named_children:
        if node.type == "decorators":
            decorators = [each.text.decode() for each in node.named_children]
            continue
        kind = node.type.removesuffix("_declaration")
        if hasattr(made, kind):
            declared = _declared(node, kind, tuple(decorators))
            getattr(made, kind)[declared.name] = declared
        decorators = []
    return made


def strings(path):
    """Every piece of text in quotes that the file holds."""
    return [node.text.decode() for node in _walk(parsed(path).root_node) if node.type == "string_content"]


def identifiers(path):
    """How often each name is written in the file, in expressions and where it is declared."""
    counts = {}
    for node in _walk(parsed(path).root_node):
        if node.type == "identifier":
            counts[node.text.decode()] = counts.get(node.text.decode(), 0) + 1
    return counts


def _declared(node, kind, decorators):
    name, *rest = node.named_children
    of = ""
    if kind in ("resource", "module"):
        of, *rest = rest
        of = of.text.decode().strip("'")
    elif kind in ("parameter", "output"):
        _, *rest = rest
    existing = any(child.type == "existing" for child in node.children)
    when = ""
    body = rest[-1] if rest else None
    while body is not None and body.type in ("for_statement", "if_statement"):
        if body.type == "if_statement":
            when = body.named_children[0].text.decode()[1:-1]
        body = body.named_children[-1]
    return Declared(name.text.decode(), _value(body), of, existing, when, decorators)


def _value(node):
    match node and node.type:
        case None:
            return None
        case "object":
            pairs = (child.named_children for child in node.named_children if child.type == "object_property")
            return {key.text.decode().strip("'"): _value(rest[-1]) for key, *rest in pairs}
        case "array":
            return [_value(child) for child in node.named_children if child.type != "comment"]
        case "string" if not any(child.type == "interpolation" for child in node.named_children):
            return node.text.decode().strip("'").replace("\\'", "'")
        case "string":
            return Expression(node.text.decode().strip("'"))
        case "boolean":
            return node.text == b"true"
        case "number":
            return int(node.text)
    return Expression(node.text.decode())


def _walk(node):
    yield node
    for child in node.children:
        yield from _walk(child)
