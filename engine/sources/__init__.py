"""Where events come from. Name in the settings -> "module:Class", imported on use: the cloud never imports duckdb."""

from __future__ import annotations

SOURCES = {
    "graph": "engine.sources.graph:Graph",
    "local": "engine.sources.local:Local",
    "recorded": "engine.sources.recorded:Recorded",
}
