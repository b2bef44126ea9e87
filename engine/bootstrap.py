"""Builds source, sinks and store from settings. The only place that does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from engine.decode import nearest
from engine.errors import SettingsError
from engine.loader import HUNTS
from engine.settings import Settings
from engine.sinks import SINKS
from engine.sinks.interface import Sink
from engine.sources import SOURCES
from engine.sources.interface import Source
from engine.stores.interface import Store
from engine.stores.memory import Memory
from engine.stores.sqlite import Sqlite

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a run needs beside its hunt. `source` opens the events anew each time it is called."""

    hunts: Path
    tenant: str
    source: Callable[[], AbstractContextManager[Source]]
    sinks: Mapping[str, Sink]
    store: Store


def build(settings: Settings) -> Parts:
    """The parts that the settings ask for; nothing is opened yet but the store. Raises SettingsError."""
    return Parts(
        hunts=settings.hunts or HUNTS,
        tenant=settings.tenant,
        source=lambda: _source(settings),
        sinks={name: sink(name) for name in settings.sinks},
        store=store(settings.store),
    )


def store(file: Path | None) -> Store:
    """The SQLite store in `file`, or one that lasts as long as the process."""
    return Sqlite(file) if file else Memory()


def files(paths: Sequence[str], *, progress: Progress = lambda _done, _total, _what: None) -> Any:
    """The local source over files, folders and globs; needs the local extra. Raises SettingsError without it."""
    try:
        return _imported(SOURCES["local"])(paths=paths, progress=progress)
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"{error.name} is not installed: hunts over files need `pip install vizsla[local]`."
        ) from error


def sink(name: str) -> Sink:
    """The sink of that name. Raises SettingsError."""
    if name not in SINKS:
        raise SettingsError(f"VIZSLA_SINKS: {name} is no sink. {nearest(name, list(SINKS))}")
    built: Sink = _imported(SINKS[name])()
    return built


def _source(settings: Settings) -> AbstractContextManager[Source]:
    if not settings.paths:
        raise SettingsError("VIZSLA_FROM is not set: name the files that hold events, separated by `;`.")
    opened: AbstractContextManager[Source] = files(settings.paths)
    return opened


def _imported(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
