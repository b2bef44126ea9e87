"""A run that someone asks for: no watermark moves and no finding is written.

Over files, now is the newest Timestamp and the default window is all of the data.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from engine import outbox, parameters, runner
from engine.decode import nearest
from engine.describe import notices
from engine.errors import ParameterError
from engine.model.baseline import Baseline
from engine.model.hunt import Hunt, Value
from engine.model.notice import Call
from engine.model.run import Window
from engine.record import Outcome, Request
from engine.sinks.interface import Sink
from engine.slices import SHARES
from engine.sources.interface import Source
from engine.stores.interface import Store

SET_BY_RUNS = frozenset({*SHARES, "routine"})
"""Parameters that no caller gives: each run sets them itself, and so it does `since`."""
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A caller's words, not yet checked: ISO 8601 moments, a timespan, parameter values, devices.

    With `reveal`, secrets in command lines are not masked.
    """

    since: str | None = None
    until: str | None = None
    last: str | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    devices: tuple[str, ...] = ()
    reveal: bool = False


def run(
    hunt: Hunt,
    asked: Asked,
    *,
    source: Source,
    whole: Window,
    store: Store,
    baseline: Baseline | None = None,
    tenant: str = "default",
) -> Outcome:
    """Runs the hunt over what was asked of the `whole` data. Raises ParameterError for what the hunt does not take."""
    span = window(asked, whole)
    request = Request(
        id=str(uuid.uuid4()),
        tenant=tenant,
        window=span,
        now=whole.end,
        values=values(hunt, asked),
        baseline=baseline,
        reveal=asked.reveal,
    )
    return runner.run(hunt, request, source=source, sinks={}, store=store)


def tell(
    hunt: Hunt,
    outcome: Outcome,
    *,
    sinks: Mapping[str, Sink],
    source: Source,
    store: Store,
    portal: str,
    now: datetime,
) -> tuple[str, ...]:
    """Tells the sinks of what a run on demand has found, once each: an outbox of the run's own.

    Gives what went wrong; nobody tries again.
    """
    apart = {f"{name}@{outcome.run.id}": sink for name, sink in sinks.items()}
    described = notices(outcome.findings, hunt=hunt, source=source, portal=portal, now=now)
    return outbox.tell_now(hunt, described, apart=outcome.run.id, sinks=apart, store=store, now=now)


def previews(
    hunt: Hunt, outcome: Outcome, *, sinks: Mapping[str, Sink], source: Source, portal: str, now: datetime
) -> tuple[Call, ...]:
    """What `tell` would send of each finding by itself, sink by sink; secrets are masked."""
    described = notices(outcome.findings, hunt=hunt, source=source, portal=portal, now=now)
    return tuple(sink.preview(notice) for sink in sinks.values() for notice in described.values())


def window(asked: Asked, data: Window) -> Window:
    """The window that was asked for; what is not said is taken from the data. Raises ParameterError."""
    if asked.last and asked.since:
        raise ParameterError("--last and --since both name the start of the window: give one.")
    end = moment("until", asked.until) if asked.until else data.end
    start = data.start
    if asked.since:
        start = moment("since", asked.since)
    elif asked.last:
        start = end - min(_span(asked.last), end - _EARLIEST)
    if start >= end:
        raise ParameterError(f"the window is empty: it begins at {start.isoformat()} and ends at {end.isoformat()}.")
    return Window(start, end)


def values(hunt: Hunt, asked: Asked) -> dict[str, Value]:
    """The caller's parameters, typed and bounded. Raises ParameterError, which names the nearest right name."""
    known = hunt.definition.parameters
    given = dict(asked.parameters)
    if "since" in given:
        raise ParameterError("since is the start of the run's window: give --since or --last.")
    if name := next(filter(SET_BY_RUNS.__contains__, given), ""):
        raise ParameterError(f"{name} is set by the engine alone.")
    if asked.devices:
        if "devices" not in known:
            raise ParameterError(f"{hunt.id} cannot be narrowed to devices: it has no parameter `devices`.")
        if "devices" in given:
            raise ParameterError("--device and the parameter devices name the same: give one.")
        given["devices"] = list(asked.devices)
    for name in given:
        if name not in known:
            raise ParameterError(f"{name} is no parameter of {hunt.id}. {nearest(name, list(known))}")
    return {name: parameters.coerce(name, known[name], value) for name, value in given.items()}


def moment(name: str, text: str) -> datetime:
    """The moment that a caller wrote, UTC where no offset is given. Raises ParameterError, which names `name`."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise ParameterError(f"{name}: {text} is no moment like 2026-11-24T10:50:00Z.") from error
    read = read if read.tzinfo else read.replace(tzinfo=UTC)
    if not _EARLIEST <= read <= _LATEST:
        raise ParameterError(f"{name}: {text} lies outside {_EARLIEST.year} to {_LATEST.year}.")
    return read


def _span(text: str) -> timedelta:
    try:
        return parameters.timespan(text)
    except ValueError as error:
        raise ParameterError(f"last: {error}.") from error
