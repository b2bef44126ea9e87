"""The environment, read once and passed in. Every setting has the prefix VIZSLA_."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.errors import SettingsError

_KNOWN = ("VIZSLA_HUNTS", "VIZSLA_FROM", "VIZSLA_STORE", "VIZSLA_SINKS", "VIZSLA_TENANT")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment asks for.

    `hunts` is the folder of hunts. `paths` are the files that the local source reads. `store` is the file of the
    SQLite store; None keeps what is remembered in memory. `sinks` are the names of the sinks findings go to.
    `tenant` names the tenant in records and fingerprints.
    """

    hunts: Path | None = None
    paths: tuple[str, ...] = ()
    store: Path | None = None
    sinks: tuple[str, ...] = ("memory",)
    tenant: str = "default"


def read(environment: Mapping[str, str]) -> Settings:
    """The settings in an environment. Raises SettingsError for a name with our prefix that is none of ours."""
    strangers = sorted(name for name in environment if name.startswith("VIZSLA_") and name not in _KNOWN)
    if strangers:
        raise SettingsError(f"{', '.join(strangers)}: no such setting. Known: {', '.join(_KNOWN)}.")
    hunts, store = environment.get("VIZSLA_HUNTS"), environment.get("VIZSLA_STORE")
    return Settings(
        hunts=Path(hunts) if hunts else None,
        paths=_words(environment.get("VIZSLA_FROM", "")),
        store=Path(store) if store else None,
        sinks=_words(environment.get("VIZSLA_SINKS", "memory")),
        tenant=environment.get("VIZSLA_TENANT") or "default",
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(";") if word.strip())
