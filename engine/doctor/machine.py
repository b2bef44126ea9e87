"""This machine: Python, and the packages that Vizsla is tested with."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement

from engine.doctor.interface import Sign, doubtful, well, wrong
from engine.doctor.patient import Patient

OLDEST, DEPLOYED = (3, 11), (3, 13)


def python(patient: Patient) -> Iterator[Sign]:
    """Whether Python is old enough to run Vizsla, and, as an app, the one it is tested with there."""
    found = patient.machine.python
    written = f"Python {_written(found)}"
    if found < OLDEST:
        yield wrong(f"{written}; Vizsla needs {_written(OLDEST)} or later")
    elif patient.is_app and found != DEPLOYED:
        yield doubtful(f"{written}; the app is tested with {_written(DEPLOYED)}")
    else:
        yield well(written)


def packages(patient: Patient) -> Iterator[Sign]:
    """Whether each package that requirements.txt pins is there, in that version."""
    wanted = [each for each in _requirements(patient) if each.marker is None or each.marker.evaluate({"extra": ""})]
    amiss = [said for each in wanted if (said := _amiss(each))]
    yield from amiss
    if not amiss:
        yield well(f"{len(wanted)} packages, each in its version")


def _requirements(patient: Patient) -> Iterator[Requirement]:
    """What the file asks for; where it was left out, what Vizsla says as an installed package."""
    try:
        lines = patient.machine.requirements.read_text("utf-8").splitlines()
    except OSError:
        lines = _declared()
    for line in lines:
        if asked := line.partition("#")[0].strip():
            yield Requirement(asked)


def _declared() -> list[str]:
    try:
        return metadata.requires("vizsla") or []
    except metadata.PackageNotFoundError:
        return []


def _amiss(wanted: Requirement) -> Sign | None:
    try:
        found = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        return wrong(f"is not installed; {wanted.specifier} is needed", wanted.name)
    if wanted.specifier.contains(found, prereleases=True):
        return None
    return doubtful(f"{found} is installed; tested with {wanted.specifier}", wanted.name)


def _written(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
