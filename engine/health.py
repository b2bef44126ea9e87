"""Whether the hunts run, and on what they run: lag behind the clock, gaps, failures, how fresh a tenant's data is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from croniter import croniter

from engine.errors import HuntError
from engine.learn import is_new_to, remembered
from engine.model.event import instant, span_ticks, ticks
from engine.model.health import Health, HuntHealth
from engine.model.hunt import Hunt
from engine.model.run import HuntRun
from engine.parameters import timespan
from engine.stores.interface import Store

STALE_AFTER = timedelta(hours=24)
"""A tenant whose newest event is older sends nothing: an alarm, not a quiet day."""
_LATE_BY = 3
_GRACE = timedelta(minutes=10)
_RECENT = timedelta(days=1)
_SHOWN = 20


def examine(hunts: Iterable[Hunt], broken: Sequence[HuntError], *, tenant: str, store: Store, now: datetime) -> Health:
    """The health of a tenant's hunts at `now` (UTC), without what they have learned: see `learned`. Raises StoreError.

    Probes ask often, and a month's baseline is long to read.
    """
    runs = store.runs(tenant=tenant)
    found = tuple(_hunt(hunt, [run for run in runs if run.hunt == hunt.id], tenant, store, now) for hunt in hunts)
    newest = max(
        (run.newest for run in runs if _is_recent(run, now)), default="", key=lambda at: ticks(at) if at else 0
    )
    problems = (
        *_broken(broken),
        *(problem for each in found for problem in _problems(each)),
        *_stale(runs, newest, now),
    )
    return Health(
        tenant=tenant,
        healthy=not problems,
        problems=problems,
        newest_event=newest,
        hunts=found,
        runs=runs[:_SHOWN],
    )


def learned(health: Health, hunts: Mapping[str, Hunt], *, store: Store, now: datetime) -> Health:
    """The same, with how many days each hunt has learned, and whether it only observes. Raises StoreError."""
    known = {each.hunt: remembered(store, health.tenant, each.hunt) for each in health.hunts}
    told = (
        msgspec.structs.replace(
            each,
            days_learned=len(known[each.hunt].days),
            observing=is_new_to(hunts[each.hunt], known[each.hunt], now.date()),
        )
        for each in health.hunts
    )
    return msgspec.structs.replace(health, hunts=tuple(told))


def _hunt(hunt: Hunt, runs: Sequence[HuntRun], tenant: str, store: Store, now: datetime) -> HuntHealth:
    watermark = store.watermark(tenant, hunt.id)
    recent = [run for run in runs if _is_recent(run, now)]
    return HuntHealth(
        hunt=hunt.id,
        lag_seconds=(now - watermark).total_seconds() if watermark else None,
        overdue=watermark is not None and watermark < _expected(hunt, now),
        failed=sum(run.status == "failed" for run in recent),
        throttled=sum(run.status == "throttled" for run in recent),
        gaps=sum(run.status == "gap" for run in runs),
        error=next((run.error for run in recent[:1] if run.status == "failed"), ""),
    )


def _expected(hunt: Hunt, now: datetime) -> datetime:
    """Where the watermark of a hunt that runs on time lies at least: three firings back."""
    firings = croniter(hunt.definition.schedule.cron, now - _GRACE)
    fired = [firings.get_prev(datetime) for _ in range(_LATE_BY)][-1]
    return fired - timespan(hunt.definition.schedule.settle)


def _broken(broken: Sequence[HuntError]) -> Iterable[str]:
    for error in broken:
        yield f"{error.hunt} cannot be loaded: `vizsla check` says why"


def _problems(hunt: HuntHealth) -> Iterable[str]:
    if hunt.overdue and hunt.lag_seconds is not None:
        yield f"{hunt.hunt} is overdue: its last window ended {timedelta(seconds=round(hunt.lag_seconds))} ago"
    if hunt.error:
        yield f"{hunt.hunt} failed last time: {hunt.error}"
    if hunt.gaps:
        yield f"{hunt.hunt} has {hunt.gaps} windows that were never judged"


def _stale(runs: Sequence[HuntRun], newest: str, now: datetime) -> Iterable[str]:
    """Whether runs succeed and see nothing new."""
    if not any(run.status == "succeeded" and run.kind != "learn" and _is_recent(run, now) for run in runs):
        return
    if not newest:
        yield f"no run of the last {_RECENT.days * 24} hours saw an event: does the tenant still send process events?"
    elif instant(now) - ticks(newest) > span_ticks(STALE_AFTER):
        yield f"the newest event is of {newest}: does the tenant still send process events?"


def _is_recent(run: HuntRun, now: datetime) -> bool:
    return now - (run.began or run.window.end) <= _RECENT
