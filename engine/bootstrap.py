"""Builds source, sinks and store from settings. The only place that does."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import telemetry
from engine.decode import nearest
from engine.errors import SettingsError
from engine.loader import HUNTS
from engine.settings import STORAGE, Live, Places, Settings, read
from engine.sinks import SINKS
from engine.sinks.interface import Sink
from engine.sources import SOURCES
from engine.sources.interface import Source
from engine.stores import STORES
from engine.stores.interface import Store
from engine.tasks import Desk

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

    from engine.remote.budget import Budget
    from engine.remote.clouds import Cloud
    from engine.remote.retries import Retries
    from engine.remote.session import Session

_NO_WEBHOOK = "https://example.environment.api.powerplatform.com/webhook?sig=none"
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
        sinks=sinks(settings),
        store=kept,
        portal=portal(settings.live),
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


def sinks(settings: Settings, *, retries: Retries | None = None) -> dict[str, Sink]:
    """The sinks that the settings name, as hunts name them: `teams:soc` is a channel. Raises SettingsError."""
    for name in settings.sinks:
        if name not in SINKS:
            raise SettingsError(f"VIZSLA_SINKS: {name} is no sink. {nearest(name, list(SINKS))}")
    built: dict[str, Sink] = {}
    for name in settings.sinks:
        match name:
            case "teams":
                built |= _teams(settings.places, retries)
            case "defender_alert":
                session = graph(settings.live, settings.tenant, retries)
                built[name] = _imported(SINKS[name])(session=session, comments=settings.places.comments)
            case "log_analytics":
                built[name] = _log_analytics(settings, retries)
            case _:
                built[name] = _imported(SINKS[name])()
    return built


def chosen(settings: Settings, names: Sequence[str], *, example: bool = False) -> dict[str, Sink]:
    """The sinks of these names, whatever VIZSLA_SINKS says. For an `example`, what they lack is made up.

    Raises SettingsError.
    """
    if not names:
        return {}
    places = settings.places
    if example:
        webhooks = {name.partition(":")[2]: _NO_WEBHOOK for name in names} | dict(places.teams)
        places = replace(
            places,
            teams=webhooks,
            logs_url=places.logs_url or "https://example.ingest.monitor.azure.com",
            logs_rule=places.logs_rule or "dcr-example",
        )
    kinds = tuple(dict.fromkeys(name.partition(":")[0] for name in names))
    built = sinks(replace(settings, sinks=kinds, places=places))
    for name in names:
        if name not in built:
            raise SettingsError(f"{name} is not set up here. {nearest(name, list(built))}")
    return {name: built[name] for name in names}


def portal(live: Live) -> str:
    """Where people look at Defender in the tenant's cloud. Raises SettingsError."""
    return _cloud(live.cloud).portal


def _teams(places: Places, retries: Retries | None) -> dict[str, Sink]:
    """A sink for each webhook."""
    from engine.remote import retries as waits  # noqa: PLC0415 - for who needs it
    from engine.remote.session import Session  # noqa: PLC0415
    from engine.remote.webhook import cure, webhook  # noqa: PLC0415

    if not places.teams:
        raise SettingsError("VIZSLA_SINKS names teams: set VIZSLA_TEAMS_URL to the address of its webhook.")
    built: dict[str, Sink] = {}
    for channel, url in places.teams.items():
        setting = f"VIZSLA_TEAMS_URL_{channel.upper()}" if channel else "VIZSLA_TEAMS_URL"
        host, path = webhook(url, setting=setting, hosts=places.teams_hosts)
        session = Session(name="Teams", url=host, token=None, retries=retries or waits.Retries(), cure=cure)
        name = f"teams:{channel}" if channel else "teams"
        built[name] = _imported(SINKS["teams"])(session=session, path=path, name=name)
    return built


def _log_analytics(settings: Settings, retries: Retries | None) -> Sink:
    from engine.remote import clouds, credentials  # noqa: PLC0415 - as above
    from engine.remote import retries as waits  # noqa: PLC0415
    from engine.remote.session import Session  # noqa: PLC0415

    places = settings.places
    if not (places.logs_url and places.logs_rule):
        raise SettingsError("VIZSLA_SINKS names log_analytics: set VIZSLA_LOGS_URL and VIZSLA_LOGS_RULE.")
    session = Session(
        name="Azure Monitor",
        url=clouds.address(places.logs_url, "VIZSLA_LOGS_URL"),
        token=credentials.Tokens(_own_credential(settings.live), _cloud(settings.live.cloud).monitor_scope),
        retries=retries or waits.Retries(),
        cure=lambda role: f"Whoever signs in needs the role {role} on the data collection rule.",
    )
    built: Sink = _imported(SINKS["log_analytics"])(session=session, rule=places.logs_rule, stream=places.logs_stream)
    return built


def tenant(live: Live, name: str, kept: Store, *, retries: Retries | None = None) -> AbstractContextManager[Source]:
    """The tenant as a source, whose first question signs in; its calls are counted in the store. Raises SettingsError.

    Everything it needs is imported here: a run over files never loads it.
    """
    from engine.remote.budget import Budget, Limit  # noqa: PLC0415 - see above

    limits = (Limit(live.calls_a_minute, timedelta(minutes=1)), Limit(live.calls_an_hour, timedelta(hours=1)))
    session = graph(live, name, retries, Budget(quota=telemetry.counted(kept), tenant=name, limits=limits))
    opened: AbstractContextManager[Source] = _imported(SOURCES["graph"])(session=session, row_limit=live.row_limit)
    return opened


def graph(live: Live, name: str, retries: Retries | None = None, budget: Budget | None = None) -> Session:
    """Microsoft Graph in the tenant of that name; nobody has signed in yet. Raises SettingsError."""
    from engine.remote import clouds, credentials  # noqa: PLC0415 - for who needs it
    from engine.remote import retries as waits  # noqa: PLC0415
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
    return Session(
        name="Microsoft Graph",
        url=clouds.address(live.graph_url or cloud.graph, "VIZSLA_GRAPH_URL"),
        token=credentials.Tokens(credentials.credential(signed_in, cloud), cloud.graph_scope),
        retries=retries or waits.Retries(),
        budget=budget,
    )


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
