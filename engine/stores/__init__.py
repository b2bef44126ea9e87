"""What is remembered between runs. Name -> "module:Class", imported on use: Azure's SDK only where a table is used."""

from __future__ import annotations

STORES: dict[str, str] = {
    "memory": "engine.stores.memory:Memory",
    "sqlite": "engine.stores.sqlite:Sqlite",
    "tables": "engine.stores.tables:Tables",
}
