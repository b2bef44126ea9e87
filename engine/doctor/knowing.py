"""What hunts are made of: whether each loads, and what in their lists ends soon."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from engine.doctor.interface import Sign, doubtful, well, wrong
from engine.doctor.patient import Patient
from engine.model.known_good import KnownGood, KnownGoodEntry
from engine.model.windows import WindowEntry, Windows

SOON = timedelta(days=14)
_SHOWN = 5


def hunts(patient: Patient) -> Iterator[Sign]:
    """Each hunt that cannot be loaded, with its first fault."""
    loaded = patient.hunts()
    for error in loaded.broken:
        first, *more = error.faults
        rest = f" (and {len(more)} more)" if more else ""
        yield wrong(f"{first}{rest}", error.hunt)
    if loaded.hunts:
        yield well(", ".join(loaded.hunts))
    elif not loaded.broken:
        yield wrong("the folder holds no hunt", cure="Set VIZSLA_HUNTS to the folder of hunts, or leave it out.")


def lists(patient: Patient) -> Iterator[Sign]:
    """Known-good that is over or soon will be, and windows that end soon: what they kept back is told then."""
    held = _entries(patient)
    now = patient.now()
    known = [each for each in held if isinstance(each, KnownGoodEntry)]
    windows = [each for each in held if isinstance(each, WindowEntry)]
    over = [each.id for each in known if each.expires <= now.date()]
    soon = [each.id for each in known if now.date() < each.expires <= (now + SOON).date()]
    ending = [each.name for each in windows if now < each.until <= now + SOON]
    amiss = [
        doubtful(f"{what}: {_named(names)}", of)
        for of, what, names in (
            ("known-good", "expired, and excuses nothing", over),
            ("known-good", f"expires within {SOON.days} days", soon),
            ("windows", f"ends within {SOON.days} days", ending),
        )
        if names
    ]
    yield from amiss
    if not amiss:
        yield well(f"known-good: {len(known)}, windows: {len(windows)}; none is over or ends within {SOON.days} days")


def _entries(patient: Patient) -> list[Any]:
    """Every entry of the hunts' lists; one that several hunts take stands there once."""
    values = [
        value
        for hunt in patient.hunts().hunts.values()
        for step in hunt.steps
        for value in step.fields.values()
        if isinstance(value, KnownGood | Windows)
    ]
    found: list[Any] = []
    for entry in (entry for value in values for entry in value.entries):
        if entry not in found:
            found.append(entry)
    return found


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
