"""What is remembered: whether the store can be read and written, and what its record of runs says."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta

from engine import health
from engine.doctor.interface import Sign, doubtful, well, wrong
from engine.doctor.patient import Patient, Unseen

_MINUTE = timedelta(minutes=1)


def store(patient: Patient) -> Iterator[Sign]:
    """Writes a claim on a hunt that there is not, reads it as another worker would, and takes it away."""
    kept = patient.store()
    if not patient.remembers:
        what = "what is remembered is gone with the process"
        yield wrong(what) if patient.is_app else doubtful(f"{what}; hunts by the clock need a store")
        return
    tenant, now = patient.settings().tenant, patient.now()
    mine, another, made_up = "doctor", "somebody else", f"doctor-{uuid.uuid4()}"
    kept.claim(tenant, made_up, mine, now=now, until=now + _MINUTE)
    try:
        read = kept.claim(tenant, made_up, another, now=now, until=now + _MINUTE)
    finally:
        kept.release(tenant, made_up, mine)
    if read == now + _MINUTE:
        yield well("is read and written")
    else:
        yield wrong("what was written is not what is read: two workers would do one run")


def runs(patient: Patient) -> Iterator[Sign]:
    """What the record of runs says is wrong; hunts that cannot be loaded are told of elsewhere."""
    kept = patient.store()
    if not patient.remembers:
        raise Unseen("not looked at: nothing is remembered")
    hunts, tenant = patient.hunts().hunts.values(), patient.settings().tenant
    found = health.examine(hunts, (), tenant=tenant, store=kept, now=patient.now())
    for problem in found.problems:
        yield wrong(problem)
    never = [each.hunt for each in found.hunts if each.lag_seconds is None]
    if never:
        cure = "The app's timer or `vizsla tick` runs what is due: look whether either does."
        yield doubtful("has never run by the clock", ", ".join(never), cure)
    if not found.problems and not never:
        newest = f", the newest event that they saw in a day is of {found.newest_event}" if found.newest_event else ""
        yield well(f"each hunt keeps up with the clock{newest}")
