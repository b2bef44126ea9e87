"""Every mistake in an environment, where reading its settings stops at the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import NamedTuple

from engine.decode import nearest
from engine.errors import SettingsError
from engine.settings import SETTINGS, read

PREFIX = "VIZSLA_"
_REFERENCE = "@Microsoft.KeyVault("


class Mistake(NamedTuple):
    """Settings that cannot be taken as they are, why, and what to do."""

    names: tuple[str, ...]
    message: str
    cure: str = ""


def mistakes(environment: Mapping[str, str]) -> Iterator[Mistake]:
    """Each setting that is not taken alone, then each two that are not taken together.

    What is taken is known to `settings.read`, which is asked anew each time. An unresolved Key Vault reference would be
    taken for the secret itself.
    """
    sound: dict[str, str] = {}
    for name in sorted(name for name in environment if name.startswith(PREFIX)):
        if environment[name].startswith(_REFERENCE):
            yield Mistake((name,), f"{name}: its Key Vault reference is not resolved.", _vault())
        elif said := _refusal({name: environment[name]}):
            cure = "" if name in SETTINGS else nearest(name, list(SETTINGS))
            yield Mistake((name,), said.partition(" Known: ")[0], cure)
        else:
            sound[name] = environment[name]
    for pair in combinations(sound, 2):
        if said := _refusal({name: sound[name] for name in pair}):
            yield Mistake(pair, said)


def _refusal(environment: Mapping[str, str]) -> str:
    try:
        read(environment)
    except SettingsError as error:
        return str(error)
    return ""


def _vault() -> str:
    return (
        "Give the app's identity the role Key Vault Secrets User on the vault, let the app's network in, and look "
        "whether the secret is there. The app's page Environment variables shows what is missing."
    )
