"""What is remembered between runs."""

from __future__ import annotations

from typing import Any

from engine.stores.memory import Memory
from engine.stores.sqlite import Sqlite

STORES: dict[str, type[Any]] = {
    "memory": Memory,
    "sqlite": Sqlite,
}
