"""KQL to DuckDB's SQL through duckdb-kql, and what Advanced Hunting has that duckdb-kql lacks.

A query's text is never touched: duckdb-kql parses it, and its tree is adapted before SQL is made of it. So strings and
comments are safe, and a column is told from a `let` the way Kusto tells them. The tree is no public interface of
duckdb-kql: its version is pinned and checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from functools import lru_cache
from typing import Any, TypeAlias

import duckdb_kql
from duckdb_kql import ir
from duckdb_kql.lower import lower
from duckdb_kql.timespans import ticks
from duckdb_kql.translate import CLOCK_SLOT, clock, quote_string
from duckdb_kql.translate import to_sql as sql_of
from duckdb_kql.translate.functions import SCALAR_FUNCTIONS, FunctionSpec

from engine.errors import SourceError, UnsupportedQuery
from engine.sources.columns import ARRIVAL

PINNED = "1.1.2"
ELSEWHERE = "check it with `vizsla check` and run it live"

Node: TypeAlias = Any  # the library is untyped
_LONG_FRACTION = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d{7}Z?")
_TICKS_PER_MICROSECOND = 10
_Constant: TypeAlias = tuple[Fraction, bool]
# In the library's own table, for what a tree of its other functions would say grows to 400 kB of SQL.
SCALAR_FUNCTIONS.setdefault("hash", FunctionSpec("hash", "native", "kusto_hash({0}, {1})", (2,)))
_ANY_MOMENT = datetime(2000, 1, 1)  # noqa: DTZ001 - duckdb-kql takes UTC without a zone


@dataclass(frozen=True, slots=True)
class Translation:
    """SQL for one query, the tables it reads, and whether it asks when rows arrived or what the time is."""

    sql: str
    tables: tuple[str, ...]
    arrival: bool
    clock: str | None

    def parameters(self, now: datetime) -> dict[str, datetime]:
        """What to bind when the time is `now`."""
        return {self.clock: now.astimezone(UTC).replace(tzinfo=None)} if self.clock else {}


@lru_cache(maxsize=64)
def translate(query: str, schema: tuple[tuple[str, tuple[str, ...]], ...]) -> Translation:
    """SQL for `query` over the tables of `schema`. Raises UnsupportedQuery, naming what cannot be run here."""
    if duckdb_kql.__version__ != PINNED:
        raise SourceError(f"duckdb-kql {PINNED} is needed, {duckdb_kql.__version__} is here: install the local extra")
    try:
        with clock(_ANY_MOMENT) as active:
            tree = lower(query)
            names = dict(schema)
            used = _tables(tree, names)
            adapted, arrival = _adapt(tree, names)
            known = {table: [*columns, *[ARRIVAL] * arrival] for table, columns in names.items()}
            sql = str(sql_of(adapted, known))
            if active.moment is not _ANY_MOMENT:
                raise UnsupportedQuery(f"`set query_now` is no part of Advanced Hunting: {ELSEWHERE}")
    except duckdb_kql.KqlUnsupportedError as error:
        raise UnsupportedQuery(_unsupported(error)) from error
    # The library also asserts, and recurses as deep as the query, where it meets what it was not made for.
    except (duckdb_kql.KqlError, AssertionError, RecursionError) as error:
        what = str(error).partition(" expecting ")[0] or "it holds a construct unknown here"
        raise UnsupportedQuery(f"the local engine cannot run this query: {what}; {ELSEWHERE}") from error
    return Translation(sql, used, arrival, CLOCK_SLOT if active.used else None)


def _unsupported(error: Any) -> str:
    """The message: `MakeSeriesOperator` reads `make-series`, as the query has it."""
    words = re.sub(r"(?:source:)?(\w+?)(?:Operator(?:Part)?|Expression)$", r"\1", error.construct)
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", words).lower().replace("mvapply", "mv-apply")
    at = f" at line {error.span.line}, column {error.span.column + 1}" if error.span else ""
    return f"the local engine cannot run `{name.removeprefix('function:')}`{at}: {ELSEWHERE}"


def _tables(tree: Node, names: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The tables that the query reads. A name that is no table here is refused: DuckDB would look for a file."""
    nodes = list(_nodes(tree))
    bound = {name for node in nodes if isinstance(node, ir.Query) for name, _ in node.lets}
    read = {node.qualified for node in nodes if isinstance(node, ir.TableRef)}
    unknown = sorted(read - bound - names.keys())
    if unknown:
        raise UnsupportedQuery(f"no table `{unknown[0]}` here; there are {', '.join(sorted(names))}")
    if any(isinstance(node, ir.WildcardTableRef) for node in nodes):
        return tuple(names)
    return tuple(sorted(read & names.keys()))


def _nodes(root: Node) -> Iterator[Node]:
    """Every node below `root`, each once: shared parts make the tree a graph."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, (list, tuple)):
            waiting.extend(node)
        elif is_dataclass(node):
            yield node
            waiting.extend(getattr(node, field.name) for field in fields(node))


def _adapt(tree: Node, names: Mapping[str, tuple[str, ...]]) -> tuple[Node, bool]:
    """The tree in terms that duckdb-kql knows, and whether it reads the column of arrival."""
    taken = {column for columns in names.values() for column in columns} | set(_names(tree))
    adapted = _rebuild(tree, lambda node: _adapted(node, taken), {})
    return adapted, any(isinstance(node, ir.ColumnRef) and node.name == ARRIVAL for node in _nodes(adapted))


def _names(tree: Node) -> Iterator[str]:
    """Every text in the tree that may name a column."""
    for node in _nodes(tree):
        if not isinstance(node, (ir.LetRef, ir.Literal, ir.FunctionCall)):
            values = [getattr(node, field.name) for field in fields(node)]
            yield from (value for value in values if isinstance(value, str))
            yield from (item for value in values if isinstance(value, tuple) for item in value if isinstance(item, str))


def _rebuild(node: Node, change: Callable[[Node], Node], done: dict[int, Node]) -> Node:
    """The tree with every node changed, from the leaves up; shared parts stay shared."""
    if id(node) in done:
        return done[id(node)]
    if isinstance(node, (list, tuple)):
        new: Node = type(node)(_rebuild(item, change, done) for item in node)
    elif is_dataclass(node) and not isinstance(node, type):
        old = {field.name: getattr(node, field.name) for field in fields(node) if field.init}
        parts = {name: _rebuild(value, change, done) for name, value in old.items()}
        new = change(replace(node, **{name: part for name, part in parts.items() if part is not old[name]}))
    else:
        return node
    done[id(node)] = new
    return new


def _adapted(node: Node, taken: set[str]) -> Node:
    if isinstance(node, ir.FunctionCall):
        return _function(node)
    if isinstance(node, ir.BinaryOp):
        return _folded(node, taken) or node
    if isinstance(node, ir.Literal) and node.kind == "datetime" and _LONG_FRACTION.fullmatch(str(node.value)):
        # The library keeps microseconds; the seventh digit decides which of two events is in.
        return ir.RenderedAggregate(f"(TIMESTAMP_NS {quote_string(str(node.value))})")
    return node


def _function(node: Node) -> Node:
    if node.name == "ingestion_time" and not node.args:
        return ir.ColumnRef(ARRIVAL)
    if node.name in {"column_ifexists", "columnifexists"} and len(node.args) == 2:  # noqa: PLR2004 - column and default
        column, default = node.args
        if isinstance(column, ir.Literal) and column.kind == "string":
            # A reference that means the column where the operator's input has it, else the value behind it.
            return ir.LetRef(str(column.value), default)
    return node


def _folded(node: Node, taken: set[str]) -> Node | None:
    """A timespan computed from constants (`2 * window`), as the constant that `bin()` wants; None if it is none."""
    left, right = _constant(node.left, taken), _constant(node.right, taken)
    if left is None or right is None:
        return None
    result = _computed(node.op, left, right)
    whole = result is not None and result >= 0 and result % _TICKS_PER_MICROSECOND == 0
    return ir.Literal(f"{result // _TICKS_PER_MICROSECOND}microseconds", "timespan") if result and whole else None


def _computed(operator: str, left: _Constant, right: _Constant) -> Fraction | None:
    """Ticks of a timespan, or None where the answer is no timespan."""
    (first, first_is_span), (second, second_is_span) = left, right
    if operator == "*" and first_is_span != second_is_span:
        return first * second
    if operator == "/" and first_is_span and not second_is_span and second:
        return first / second
    if operator in {"+", "-"} and first_is_span and second_is_span:
        return first + second if operator == "+" else first - second
    return None


def _constant(node: Node, taken: set[str]) -> _Constant | None:
    """The value of a literal, or of a `let` that no column can hide, and whether it is a timespan."""
    if isinstance(node, ir.LetRef) and node.name not in taken:
        return _constant(node.value, taken)
    if not isinstance(node, ir.Literal) or node.kind not in {"timespan", "long", "int", "real"}:
        return None
    try:
        span = node.kind == "timespan"
        return Fraction(ticks(str(node.value)) if span else str(node.value)), span
    except ValueError:
        return None
