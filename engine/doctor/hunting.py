"""Hunting itself: whether a question is answered, how fresh the data is, and whether it has what the hunts read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from engine import context, parameters
from engine.doctor.interface import Sign, sign_of, unseen, well, wrong
from engine.doctor.patient import LOOKED_BACK, Patient
from engine.errors import Throttled, VizslaError
from engine.health import STALE_AFTER
from engine.model.event import moment_of, ticks
from engine.model.hunt import Hunt
from engine.model.run import Window
from engine.slices import Ask, Slice

_NARROW = timedelta(seconds=1)
_AGO = timedelta(hours=1)


class _Question(NamedTuple):
    """A query as a run asks it, and whose it is."""

    hunt: str
    file: str
    query: str


def hunting(patient: Patient) -> Iterator[Sign]:
    """Whether a question of one row is answered."""
    newest = patient.newest()
    yield well(f"a question of one row is answered in {newest.seconds:.1f} s")


def quota(patient: Patient) -> Iterator[Sign]:
    """Whether the tenant's quota and our own share of it let a call through. No call is booked to find out."""
    patient.newest()
    live = patient.settings().live
    if patient.settings().paths:
        yield unseen("files are read: they have no quota")
        return
    ours = f"{live.calls_a_minute} calls a minute and {live.calls_an_hour} an hour"
    yield well(f"a call was let through; ours are {ours}. How many are left, neither Graph nor the store tells")


def freshness(patient: Patient) -> Iterator[Sign]:
    """How old the newest launch is. Files are as old as they are."""
    newest = patient.newest().event
    if not newest:
        yield wrong(f"no launch within {LOOKED_BACK.days} days")
        return
    age = patient.now() - moment_of(ticks(newest))
    told = f"the newest launch is of {newest}"
    if age > STALE_AFTER and not patient.settings().paths:
        yield wrong(told)
    else:
        yield well(told)


def tables(patient: Patient) -> Iterator[Sign]:
    """Asks each question of the hunts over one second that is past: for the names in it alone, not for the answer."""
    patient.newest()
    source, end = patient.source(), patient.now() - _AGO
    window = Window(end - _NARROW, end)
    understood: dict[str, list[str]] = {}
    for asked in _questions(patient, window):
        try:
            for _ in source.rows(asked.query, window):
                pass
        except Throttled as error:
            yield unseen(f"{asked.file} could not be asked now: {error}", asked.hunt)
        except VizslaError as error:
            yield sign_of(error, " ".join(filter(None, (asked.hunt, asked.file))))
        else:
            understood.setdefault(asked.hunt, []).append(asked.file)
    for hunt, files in understood.items():
        yield well(f"what {', '.join(files)} reads is there", hunt)


def _questions(patient: Patient, window: Window) -> Iterator[_Question]:
    for hunt in patient.hunts().hunts.values():
        yield from _of(hunt, window)
    query = context.question(patient.folder)
    if query is not None:
        bound = parameters.bind(query, {"devices": (), "launches": (), "since": window.start})
        yield _Question("", context.FILE, bound)


def _of(hunt: Hunt, window: Window) -> Iterator[_Question]:
    """Its queries, each bound as where it is asked: runner, learn, late."""
    asked = Ask(hunt=hunt, values=hunt.defaults, window=window).part(Slice(window))
    yield _Question(hunt.id, "query.kql", asked.query)
    for file, text, bound in (
        ("baseline.kql", hunt.baseline_query, {"since": window.start}),
        ("late.kql", hunt.late_query, _swept(hunt, window.end)),
    ):
        if text is not None:
            yield _Question(hunt.id, file, parameters.bind(text, {**hunt.defaults, **bound}))


def _swept(hunt: Hunt, settled: datetime) -> dict[str, datetime | timedelta]:
    settle = parameters.timespan(hunt.definition.schedule.settle)
    return {"received_since": settled, "settled": settled, "settle": settle}
