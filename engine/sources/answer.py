"""From DuckDB's rows to events: the types that Advanced Hunting's JSON has, in the order that steps rely on."""

# ruff: noqa: S608 - the SQL is duckdb-kql's, and every name in it goes through quoted()

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import duckdb
import msgspec

from engine.errors import SourceError, UnsupportedQuery
from engine.model.event import Event
from engine.sources.columns import quoted
from engine.sources.interface import BATCH_ROWS, PLACE
from engine.sources.kql import ELSEWHERE

_NESTED = ("STRUCT", "MAP", "UNION")
_QUERY_AT_FAULT = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    duckdb.NotImplementedException,
    duckdb.OutOfRangeException,
    duckdb.ParserException,
    duckdb.PermissionException,
)


_ANSWER = quoted("$Answer")


def events(cursor: duckdb.DuckDBPyConnection, sql: str, bound: Mapping[str, datetime]) -> Iterator[list[Event]]:
    """The rows of `sql` as batches of events. Raises UnsupportedQuery or SourceError."""
    try:
        # Into a table first: planning a long query takes longer than running it, and its types must be known.
        cursor.execute(f"CREATE OR REPLACE TEMP TABLE {_ANSWER} AS {sql}", bound or None)
        cursor.execute(f"SELECT * FROM {_ANSWER} LIMIT 0")
        types = {name: str(kind) for name, kind, *_ in cursor.description or ()}
        chosen = ", ".join(
            f"{_shown(f'answer.{quoted(name)}', kind)} AS {quoted(name)}" for name, kind in types.items()
        )
        keys = ", ".join(f"answer.{quoted(name)} NULLS FIRST" for name in PLACE if name in types)
        order = f" ORDER BY {keys}" if keys else ""
        cursor.execute(f"SELECT {chosen} FROM {_ANSWER} AS answer{order}")
        yield from _batches(cursor, types)
    except _QUERY_AT_FAULT as error:
        raise UnsupportedQuery(f"the local engine cannot run this query: {_told(error)}; {ELSEWHERE}") from error
    except duckdb.Error as error:
        raise SourceError(f"the local engine failed: {_told(error)}") from error


def _told(error: duckdb.Error) -> str:
    """DuckDB's first line. A failed conversion would quote a value, which may be a command line."""
    if isinstance(error, duckdb.ConversionException):
        return "a value cannot be converted to the type that the query wants"
    return str(error).partition("\n")[0]


def _shown(sql: str, kind: str) -> str:
    """SQL for a value in a form that Python takes without loss: Python's datetime has no seventh digit."""
    if _is_nested(kind):
        return f"to_json({sql})"
    if kind == "TIMESTAMP_NS":
        return f"strftime({sql}, '%Y-%m-%dT%H:%M:%S.%n')[:27] || 'Z'"
    if kind.startswith(("TIMESTAMP", "DATE")):
        moment = f"({sql} AT TIME ZONE 'UTC')" if "TIME ZONE" in kind or "TZ" in kind else sql
        return f"strftime(CAST({moment} AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%f') || '0Z'"
    if kind.startswith("DECIMAL"):
        return f"CAST({sql} AS DOUBLE)"
    return f"CAST({sql} AS VARCHAR)" if kind == "UUID" else sql


def _batches(cursor: duckdb.DuckDBPyConnection, types: Mapping[str, str]) -> Iterator[list[Event]]:
    names = tuple(types)
    changes = [(name, change) for name, kind in types.items() if (change := _change(kind))]
    while batch := cursor.fetchmany(BATCH_ROWS):
        found: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in batch]
        for name, change in changes:
            for event in found:
                if event[name] is not None:
                    event[name] = change(event[name])
        yield [*found]


def _change(kind: str) -> Callable[[Any], Any] | None:
    if kind == "JSON" or _is_nested(kind):
        return _decoded
    return _span if kind == "INTERVAL" else None


def _is_nested(kind: str) -> bool:
    return kind.endswith("]") or kind.startswith(_NESTED)


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _span(span: timedelta) -> str:
    """A timespan as Kusto writes it: `[-][d.]hh:mm:ss[.fffffff]`."""
    sign, span = ("-", -span) if span < timedelta() else ("", span)
    minutes, seconds = divmod(span.seconds, 60)
    days = f"{span.days}." if span.days else ""
    fraction = f".{span.microseconds:06d}0" if span.microseconds else ""
    return f"{sign}{days}{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}{fraction}"
