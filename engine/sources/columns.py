"""From a file's columns to a table's: which table a file holds, and SQL that gives every column its Kusto type."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from engine.model import tables

PREFERRED = "DeviceProcessEvents"
ARRIVAL = "$IngestionTime"
"""The column behind `ingestion_time()`; Kusto gives it this name too."""
FILE, FAULTS = "$File", "$Faults"

_ARRIVALS = ("_arrivaltime", "ingestiontime")
_FEWEST_KNOWN = 3
_DEFENDER_TABLE = re.compile(
    r"(?:Alert|Behavior|Cloud|Device|Email|Identity|Message|Url)[A-Z]\w*?(?:Events|Info|Entities)"
)
_USABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DUCK = {
    "string": "VARCHAR",
    "long": "BIGINT",
    "int": "INTEGER",
    "bool": "BOOLEAN",
    "boolean": "BOOLEAN",
    "datetime": "TIMESTAMP_NS",
    "dynamic": "JSON",
    "real": "DOUBLE",
}

# DuckDB's own cast drops an offset, a zone's name and AM or PM without a word, so only forms it reads right may reach
# it. U+202F stands before AM and PM where a browser wrote the file; year 1 is Defender's null.
MACROS = (
    r"""CREATE MACRO kusto_datetime(t) AS CASE
        WHEN regexp_full_match(t, '\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?Z?')
            THEN TRY_CAST(t AS TIMESTAMP_NS)
        WHEN regexp_full_match(t, '\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d')
            THEN make_timestamp_ns(epoch_ns(TRY_CAST(t[:-7] AS TIMESTAMP_NS)) - 60000000000 *
                (t[-6] || '1')::BIGINT * (t[-5:-4]::BIGINT * 60 + t[-2:]::BIGINT))
        WHEN regexp_full_match(t, '[A-Z][a-z][a-z] .+') THEN TRY_CAST(try_strptime(replace(t, chr(8239), ' '),
            ['%b %-d, %Y %-I:%M:%S %p', '%b %-d, %Y %-I:%M:%S.%g %p']) AS TIMESTAMP_NS) END""",
    # Other numbers than Kusto's, which has xxhash64, but as evenly spread: enough to share devices out.
    "CREATE MACRO kusto_hash(t, n) AS CAST(hash(coalesce(CAST(t AS VARCHAR), '')) % n AS BIGINT)",
    "CREATE MACRO kusto_null(t) AS t IS NULL OR t = '' OR t LIKE '0001-01-01%'",
)


def quoted(name: str) -> str:
    """The name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """The text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def duck_type(kind: str) -> str:
    """DuckDB's type for a Kusto type."""
    return _DUCK.get(kind, "VARCHAR")


def table_of(path: Path, names: Collection[str]) -> str | None:
    """The table that a file with these columns holds: by the file's name, else by what most of its columns belong to.

    None when it holds none of the known tables.
    """
    folded = {name.casefold() for name in names}
    known = {table: len(folded & {column.casefold() for column in tables.columns(table)}) for table in tables.names()}
    for table in tables.names():
        if path.name.casefold().startswith(table.casefold()):
            return table if known[table] else None
    best = max(tables.names(), key=lambda table: (known[table], table == PREFERRED))
    return best if known[best] >= _FEWEST_KNOWN and not undeclared(path) else None


def undeclared(path: Path) -> str:
    """The Defender table that the file is named for and whose columns nobody declared; empty if there is none.

    Such tables share many columns with the declared ones and must not pass for them.
    """
    found = _DEFENDER_TABLE.match(path.name)
    return found[0] if found and found[0] not in tables.names() else ""


def spelling(table: str, extra: Collection[str] = ()) -> dict[str, str]:
    """Folded name -> the name that queries use, for the table's own columns and the `extra` ones of its files."""
    return {name.casefold(): name for name in (*extra, *tables.columns(table))}


def extras(table: str, names: Collection[str]) -> list[str]:
    """Those columns of a file that the table does not declare and a query can name. They are text."""
    own = spelling(table)
    return [name for name in names if name.casefold() not in own and _USABLE.fullmatch(name)]


def select_list(types: Mapping[str, str], present: Mapping[str, tuple[str, str]], file: str) -> str:
    """SQL for a row of the table, from a file that has `present`: name -> (SQL, DuckDB type).

    Beside the columns come when the row arrived, its file (the SQL `file`) and, in one text, which columns hold
    something that their type cannot: Timestamp and DeviceId also when they hold nothing.
    """
    typed = {name: _typed(*present[name], kind) for name, kind in types.items() if name in present}
    stamp = typed.get("Timestamp", "NULL::TIMESTAMP_NS")
    arrivals = [
        _typed(*present[name], "datetime") for wanted in _ARRIVALS for name in present if name.lower() == wanted
    ]
    faults = [f"CASE WHEN {stamp} IS NULL THEN 'Timestamp' END"]
    if "DeviceId" in types:
        faults.append(f"CASE WHEN coalesce({typed.get('DeviceId', 'NULL')}, '') = '' THEN 'DeviceId' END")
    faults += [
        f"CASE WHEN {sql} IS NULL AND NOT kusto_null({present[name][0]}) THEN {literal(name)} END"
        for name, sql in typed.items()
        if name != "Timestamp"
        and types[name] in {"long", "int", "bool", "boolean", "datetime", "real"}
        and present[name][1] == "VARCHAR"
    ]
    return ", ".join(
        [
            *(f"{sql} AS {quoted(name)}" for name, sql in typed.items()),
            f"coalesce({', '.join([*arrivals, stamp])}) AS {quoted(ARRIVAL)}",
            f"{file} AS {quoted(FILE)}",
            f"concat_ws(',', {', '.join(faults)}) AS {quoted(FAULTS)}",
        ]
    )


def _typed(sql: str, found: str, kind: str) -> str:
    """SQL that turns a value of DuckDB type `found` into Kusto's `kind`; what cannot be turned is null."""
    if found == duck_type(kind):
        return sql
    if kind == "dynamic":
        return f"coalesce(TRY_CAST({sql} AS JSON), to_json({sql}))" if found == "VARCHAR" else f"to_json({sql})"
    if kind == "datetime":
        if not found.startswith(("TIMESTAMP", "DATE")):
            return f"kusto_datetime(CAST({sql} AS VARCHAR))"
        zoned = "TIME ZONE" in found or found.startswith("TIMESTAMPTZ")
        return f"TRY_CAST({sql} AT TIME ZONE 'UTC' AS TIMESTAMP_NS)" if zoned else f"TRY_CAST({sql} AS TIMESTAMP_NS)"
    if found.endswith("]") or found.startswith(("STRUCT", "MAP")):
        sql = f"CAST(to_json({sql}) AS VARCHAR)"
    elif not found.endswith(("INT", "INTEGER", "DOUBLE", "FLOAT", "VARCHAR")):
        # DuckDB refuses some casts outright, TRY or not; text casts to everything.
        sql = f"CAST({sql} AS VARCHAR)"
    return f"TRY_CAST({sql} AS {duck_type(kind)})"
