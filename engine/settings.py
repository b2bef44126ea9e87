"""The environment, read once and passed in. Every setting has the prefix VIZSLA_; SETTINGS says what each is for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal, cast, get_args

from engine.errors import SettingsError

SignInKind = Literal["", "identity", "app", "developer"]

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "VIZSLA_HUNTS": "The folder of hunts; those that come with Vizsla when left out.",
        "VIZSLA_FROM": "Files, folders and globs that hold events, separated by `;`. Left out, the tenant is asked.",
        "VIZSLA_STORE": "The SQLite file of what is remembered; in memory when left out.",
        "VIZSLA_TABLES_URL": "Where to remember in Azure instead: https://ACCOUNT.table.core.windows.net.",
        "VIZSLA_SINKS": "The sinks findings go to, separated by `;`: defender_alert, log_analytics, teams, console.",
        "VIZSLA_COMMENTS": "off: a finding that grows is not written to its incident as a comment. on is the default.",
        "VIZSLA_TEAMS_URL": "The address of a Workflows webhook of Teams. It is a secret: a Key Vault reference.",
        "VIZSLA_TEAMS_URL_<CHANNEL>": "The same for a channel that hunts name: VIZSLA_TEAMS_URL_SOC is `channel: soc`.",
        "VIZSLA_TEAMS_HOSTS": "Hosts that a webhook may have beside Microsoft's, separated by `;`.",
        "VIZSLA_LOGS_URL": "The logs ingestion endpoint of a data collection rule.",
        "VIZSLA_LOGS_RULE": "The data collection rule's immutable id.",
        "VIZSLA_LOGS_STREAM": "The rule's stream: Custom-VizslaFindings.",
        "VIZSLA_TENANT": "The tenant, in records and fingerprints; its id or domain where an application signs in.",
        "VIZSLA_CLOUD": "Microsoft's cloud: global (the default), us-gov-l4 or us-gov-l5.",
        "VIZSLA_SIGN_IN": "identity: the managed identity, the default in Azure. developer: who is signed in here.",
        "VIZSLA_IDENTITY": "The client id of a user-assigned managed identity; the system-assigned when left out.",
        "VIZSLA_APP": "The id of the multi-tenant application that signs in instead of the managed identity itself.",
        "VIZSLA_APP_CERTIFICATE": "The application's certificate with its key, a PEM or PFX file. Better is none.",
        "VIZSLA_APP_SECRET": "The application's secret. Better is none.",
        "VIZSLA_GRAPH_URL": "Where Microsoft Graph is asked; the cloud's own address when left out.",
        "VIZSLA_AUTHORITY_URL": "Where tokens are asked for an application; the cloud's own address when left out.",
        "VIZSLA_REQUIRE_APP_ROLE": "The application role that callers over HTTP need instead of a key: Hunt.Run.",
        "VIZSLA_ROW_LIMIT": "The rows at which an answer counts as cut off, and is asked in parts: 100000.",
        "VIZSLA_CALLS_A_MINUTE": "Hunting calls a minute to a tenant: 15 of its 45.",
        "VIZSLA_CALLS_AN_HOUR": "Hunting calls an hour to a tenant: 500 of its 1,500.",
    }
)
STORAGE = "AzureWebJobsStorage"
"""The connection, as Azure Functions names it, of the storage account that holds the queue of runs."""
_CHANNEL = re.compile(r"VIZSLA_TEAMS_URL_([A-Z][A-Z0-9]*)")
_IN_AZURE = "IDENTITY_ENDPOINT"
"""App Service and Functions set it where a managed identity is at hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """How a tenant is asked. `sign_in` is empty where nothing says who Vizsla is. `urls` stand in for a cloud's own."""

    cloud: str = "global"
    sign_in: SignInKind = ""
    identity: str = ""
    app: str = ""
    certificate: Path | None = None
    secret: str = field(default="", repr=False)
    graph_url: str = ""
    authority_url: str = ""
    row_limit: int = 100_000
    calls_a_minute: int = 15
    calls_an_hour: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the sinks are. `teams` holds the webhook of each channel; that of none has the name ""."""

    teams: Mapping[str, str] = field(default_factory=dict, repr=False)
    teams_hosts: tuple[str, ...] = ()
    logs_url: str = ""
    logs_rule: str = ""
    logs_stream: str = "Custom-VizslaFindings"
    comments: bool = True


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment asks for.

    `hunts` is the folder of hunts. `paths` are the files that the local source reads. `store` is the file of the
    SQLite store, `tables` the address of the one in Azure; with neither, what is remembered is kept in memory.
    `sinks` are the names of the sinks findings go to, `places` where those are. `tenant` names the tenant in records
    and fingerprints. `live` is how it is asked. `queue` is where the queue of runs lies, as AzureWebJobsStorage says:
    an address, or a connection string with a key. `role` is the application role that callers over HTTP need.
    """

    hunts: Path | None = None
    paths: tuple[str, ...] = ()
    store: Path | None = None
    tables: str = ""
    sinks: tuple[str, ...] = ("memory",)
    places: Places = Places()
    tenant: str = "default"
    live: Live = Live()
    queue: str = field(default="", repr=False)
    role: str = ""


def read(environment: Mapping[str, str]) -> Settings:
    """The settings in an environment. Raises SettingsError for a name with our prefix that is none of ours."""
    strangers = sorted(name for name in environment if name.startswith("VIZSLA_") and not _is_known(name))
    if strangers:
        raise SettingsError(f"{', '.join(strangers)}: no such setting. Known: {', '.join(SETTINGS)}.")
    if environment.get("VIZSLA_STORE") and environment.get("VIZSLA_TABLES_URL"):
        raise SettingsError("VIZSLA_STORE and VIZSLA_TABLES_URL name two places for what is remembered: leave out one.")
    return Settings(
        hunts=_path(environment, "VIZSLA_HUNTS"),
        paths=_words(environment.get("VIZSLA_FROM", "")),
        store=_path(environment, "VIZSLA_STORE"),
        tables=environment.get("VIZSLA_TABLES_URL", ""),
        sinks=_words(environment.get("VIZSLA_SINKS", "memory")),
        places=_places(environment),
        tenant=environment.get("VIZSLA_TENANT") or "default",
        live=_live(environment),
        queue=_queue(environment),
        role=environment.get("VIZSLA_REQUIRE_APP_ROLE", ""),
    )


def _is_known(name: str) -> bool:
    return name in SETTINGS or bool(_CHANNEL.fullmatch(name))


def _places(environment: Mapping[str, str]) -> Places:
    usual = Places()
    named = {found[1].lower(): url for name, url in environment.items() if url and (found := _CHANNEL.fullmatch(name))}
    unnamed = {"": url} if (url := environment.get("VIZSLA_TEAMS_URL")) else {}
    return Places(
        teams={**unnamed, **named},
        teams_hosts=_words(environment.get("VIZSLA_TEAMS_HOSTS", "")),
        logs_url=environment.get("VIZSLA_LOGS_URL", ""),
        logs_rule=environment.get("VIZSLA_LOGS_RULE", ""),
        logs_stream=environment.get("VIZSLA_LOGS_STREAM") or usual.logs_stream,
        comments=_switch(environment, "VIZSLA_COMMENTS", is_on=usual.comments),
    )


def _queue(environment: Mapping[str, str]) -> str:
    """The queue service's address, from what the Functions host itself is told."""
    if address := environment.get(f"{STORAGE}__queueServiceUri"):
        return address
    if account := environment.get(f"{STORAGE}__accountName"):
        return f"https://{account}.queue.core.windows.net"
    return environment.get(STORAGE, "")


def _live(environment: Mapping[str, str]) -> Live:
    usual = Live()
    return Live(
        cloud=environment.get("VIZSLA_CLOUD") or usual.cloud,
        sign_in=_sign_in(environment),
        identity=environment.get("VIZSLA_IDENTITY", ""),
        app=environment.get("VIZSLA_APP", ""),
        certificate=_path(environment, "VIZSLA_APP_CERTIFICATE"),
        secret=environment.get("VIZSLA_APP_SECRET", ""),
        graph_url=environment.get("VIZSLA_GRAPH_URL", ""),
        authority_url=environment.get("VIZSLA_AUTHORITY_URL", ""),
        row_limit=_count(environment, "VIZSLA_ROW_LIMIT", usual.row_limit),
        calls_a_minute=_count(environment, "VIZSLA_CALLS_A_MINUTE", usual.calls_a_minute),
        calls_an_hour=_count(environment, "VIZSLA_CALLS_AN_HOUR", usual.calls_an_hour),
    )


def _sign_in(environment: Mapping[str, str]) -> SignInKind:
    """What VIZSLA_SIGN_IN says; else the application that is named; else the managed identity that is at hand."""
    if asked := environment.get("VIZSLA_SIGN_IN"):
        if asked not in get_args(SignInKind):
            raise SettingsError(f"VIZSLA_SIGN_IN: {asked} is none of {', '.join(filter(None, get_args(SignInKind)))}.")
        return cast("SignInKind", asked)
    if environment.get("VIZSLA_APP"):
        return "app"
    return "identity" if environment.get(_IN_AZURE) else ""


def _path(environment: Mapping[str, str], name: str) -> Path | None:
    return Path(environment[name]) if environment.get(name) else None


def _count(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 1_000_000_000):  # noqa: PLR2004 - no number of rows
        raise SettingsError(f"{name}: {text} is no whole number above 0.")
    return int(text)


def _switch(environment: Mapping[str, str], name: str, *, is_on: bool) -> bool:
    text = environment.get(name) or ("on" if is_on else "off")
    if text not in {"on", "off"}:
        raise SettingsError(f"{name}: {text} is neither on nor off.")
    return text == "on"


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(";") if word.strip())
