"""What a check is, and how it says what it saw."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from engine.errors import Throttled, VizslaError
from engine.model.diagnosis import State

if TYPE_CHECKING:
    from engine.doctor.patient import Patient


class Sign(NamedTuple):
    """What a check saw. Without a `cure` of its own, the check's stands beside what is not well."""

    state: State
    found: str
    about: str = ""
    cure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One entry of the registry: `asks` is the question in words, `cure` what to do where the answer is no.

    `look` gives a sign for each thing it looks at. What it raises on purpose counts as one more.
    """

    name: str
    asks: str
    cure: str
    look: Callable[[Patient], Iterator[Sign]]


def well(found: str, about: str = "") -> Sign:
    """All is as it should be."""
    return Sign("ok", found, about)


def doubtful(found: str, about: str = "", cure: str = "") -> Sign:
    """It works, and may not be what is wanted."""
    return Sign("warning", found, about, cure)


def wrong(found: str, about: str = "", cure: str = "") -> Sign:
    """It does not work."""
    return Sign("failed", found, about, cure)


def unseen(why: str, about: str = "") -> Sign:
    """It was not looked at."""
    return Sign("skipped", why, about)


def sign_of(error: VizslaError, about: str = "") -> Sign:
    """What an error says of what it was raised by. A far side that is busy is no fault."""
    if isinstance(error, Throttled):
        return doubtful(str(error), about, f"Ask again after {error.until:%H:%M:%S} UTC.")
    return wrong(str(error), about)
