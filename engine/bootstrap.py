"""Builds source, sinks and store from settings. The only place that does."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import telemetry
from engine.decode import nearest
from engine.errors import SettingsError
from engine.loader import HUNTS
from engine.settings import STORAGE, Live, Settings, read
from engine.sinks import SINKS
from engine.sinks.interface import Sink
from engine.sources import SOURCES
from engine.sources.interface import Source
from engine.stores import STORES
from engine.stores.interface import Store
from engine.tasks import Desk

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

    from engine.remote.clouds import Cloud
    from engine.remote.retries import Retries

Progress = Callable[[int, int, str], None]


@cache
def desk() -> Desk:
    """The app's own desk, from the environment, built at the first trigger; telemetry begins with it."""
    telemetry.configure(os.environ)
    return build(read(os.environ))


def build(settings: Settings) -> Desk:
    """The parts that the settings ask for; nothing is opened yet but the store. Raises SettingsError."""
    kept = remembered(settings)
    return Desk(
        hunts=settings.hunts or HUNTS,
        tenant=settings.tenant,
        source=lambda: _source(settings, kept),
        sinks={name: sink(name) for name in settings.sinks},
        store=kept,
    )


def put_back(message: str, *, queue: str, until: datetime, now: datetime) -> None:
    """Puts a message back into the app's queue of runs, to be seen at `until`. Raises SettingsError, RemoteError."""
    from engine.remote import queue as queues  # noqa: PLC0415 - Azure's SDK, for who needs it

    settings = read(os.environ)
    if not settings.queue:
        raise SettingsError(f"{STORAGE}__queueServiceUri is not set: a run that must wait has no queue to wait in.")
    by_address = settings.queue.startswith(("https:", "http:"))
    credential = _own_credential(settings.live) if by_address else None
    queues.put_back(message, url=settings.queue, queue=queue, credential=credential, until=until, now=now)


def remembered(settings: Settings) -> Store:
    """The store that the settings name. Raises SettingsError, StoreError."""
    return tables(settings.tables, settings.live) if settings.tables else store(settings.store)


def store(file: Path | None) -> Store:
    """The SQLite store in `file`, or one that lasts as long as the process."""
    built: Store = _imported(STORES["sqlite"])(file) if file else _imported(STORES["memory"])()
    return built


def tables(url: str, live: Live) -> Store:
    """The store in the storage account at `url`, opened. Raises SettingsError; StoreError where it cannot be used."""
    from engine.remote import clouds  # noqa: PLC0415 - for who needs it

    place = clouds.address(url, "VIZSLA_TABLES_URL")
    if not place.startswith("https:"):
        raise SettingsError(f"VIZSLA_TABLES_URL: Azure's SDK signs in over https alone, here too; {url} is not.")
    built: Store = _imported(STORES["tables"])(place, _own_credential(live))
    return built


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


def tenant(live: Live, name: str, kept: Store, *, retries: Retries | None = None) -> AbstractContextManager[Source]:
    """The tenant as a source, whose first question signs in; its calls are counted in the store. Raises SettingsError.

    Everything it needs is imported here: a run over files never loads it.
    """
    from engine.remote import clouds, credentials  # noqa: PLC0415 - see above
    from engine.remote import retries as waits  # noqa: PLC0415
    from engine.remote.budget import Budget, Limit  # noqa: PLC0415
    from engine.remote.session import Session  # noqa: PLC0415

    cloud = _cloud(live.cloud)
    signed_in = credentials.SignIn(
        kind=live.sign_in or "developer",
        client=live.identity,
        tenant=name if name != Settings().tenant else "",
        app=live.app,
        certificate=live.certificate,
        secret=live.secret,
        authority=live.authority_url and clouds.address(live.authority_url, "VIZSLA_AUTHORITY_URL"),
    )
    limits = (Limit(live.calls_a_minute, timedelta(minutes=1)), Limit(live.calls_an_hour, timedelta(hours=1)))
    session = Session(
        name="Microsoft Graph",
        url=clouds.address(live.graph_url or cloud.graph, "VIZSLA_GRAPH_URL"),
        token=credentials.Tokens(credentials.credential(signed_in, cloud), cloud.graph_scope),
        retries=retries or waits.Retries(),
        budget=Budget(quota=kept, tenant=name, limits=limits),
    )
    opened: AbstractContextManager[Source] = _imported(SOURCES["graph"])(session=session, row_limit=live.row_limit)
    return opened


def _own_credential(live: Live) -> TokenCredential:
    """Who signs in to our own storage account: the managed identity or the developer, never a tenant's application."""
    from engine.remote import credentials  # noqa: PLC0415 - azure-identity, for who needs it

    signed_in = credentials.SignIn(kind="identity" if live.sign_in == "identity" else "developer", client=live.identity)
    return credentials.credential(signed_in, _cloud(live.cloud))


def _cloud(name: str) -> Cloud:
    from engine.remote.clouds import CLOUDS  # noqa: PLC0415 - as above

    if name not in CLOUDS:
        raise SettingsError(f"VIZSLA_CLOUD: {name} is no cloud. {nearest(name, list(CLOUDS))}")
    return CLOUDS[name]


def _source(settings: Settings, kept: Store) -> AbstractContextManager[Source]:
    if settings.paths:
        opened: AbstractContextManager[Source] = files(settings.paths)
        return opened
    if settings.live.sign_in:
        return tenant(settings.live, settings.tenant, kept)
    raise SettingsError(
        "VIZSLA_FROM is not set: name the files that hold events, separated by `;`. To ask the tenant instead, give "
        "Vizsla a managed identity, name an application in VIZSLA_APP, or set VIZSLA_SIGN_IN to developer."
    )


def _imported(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
