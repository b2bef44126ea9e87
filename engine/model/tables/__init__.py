"""The tables of Advanced Hunting: a JSON file each, column name -> Kusto type, in the order of Microsoft's pages."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

_FOLDER = Path(__file__).parent


@cache
def names() -> tuple[str, ...]:
    """Every table whose columns are known here."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.json")))


@cache
def columns(table: str) -> dict[str, str]:
    """Column name -> Kusto type (string, long, int, bool, datetime, dynamic) of one table. KeyError if unknown."""
    if table not in names():
        raise KeyError(table)
    return msgspec.json.decode((_FOLDER / f"{table}.json").read_bytes(), type=dict[str, str])
