"""Health tells what is wrong, and nothing when nothing is."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from engine import health, loader
from engine.errors import Fault, HuntError
from engine.model.run import HuntRun, Window
from engine.stores.memory import Memory

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HUNTS = Path(__file__).parent / "hunts"
HUNT = loader.load(HUNTS / "two-questions")


def a_run(**changes):
    run = HuntRun(
        id="r",
        hunt=HUNT.id,
        tenant="t",
        status="succeeded",
        window=Window(NOON - timedelta(minutes=40), NOON - timedelta(minutes=5)),
        began=NOON,
        events=3,
        findings=0,
        dropped={},
        seconds=1.0,
        newest="2026-11-24T11:50:00.0000000Z",
    )
    return msgspec.structs.replace(run, **changes)


def examined(*runs, watermark=NOON - timedelta(minutes=5), broken=()):
    store = Memory()
    for run in runs:
        store.record_run(run)
    if watermark:
        store.move_watermark("t", HUNT.id, watermark)
    return health.examine([HUNT], broken, tenant="t", store=store, now=NOON)


def test_hunts_that_run_on_time_are_healthy():
    found = examined(a_run())
    assert (found.healthy, found.problems, found.newest_event) == (True, (), a_run().newest)
    (hunt,) = found.hunts
    assert (hunt.lag_seconds, hunt.overdue, hunt.observing) == (300.0, False, False)


def test_before_the_first_run_nothing_is_wrong_yet():
    found = examined(watermark=None)
    assert (found.healthy, found.hunts[0].lag_seconds) == (True, None)


@pytest.mark.parametrize(
    ("runs", "changes", "problem"),
    [
        ([a_run()], {"watermark": NOON - timedelta(hours=2)}, "is overdue: its last window ended 2:00:00 ago"),
        ([a_run(status="failed", error="no right")], {}, "failed last time: no right"),
        ([a_run(), a_run(id="g", status="gap", error="set aside")], {}, "has 1 windows that were never judged"),
        ([a_run(newest="")], {}, "no run of the last 24 hours saw an event: does the tenant"),
        ([a_run(newest="2026-11-23T11:00:00Z")], {}, "the newest event is of 2026-11-23T11:00:00Z: does"),
        ([a_run()], {"broken": [HuntError("x", (Fault("x", "", "is wrong"),))]}, "x cannot be loaded"),
    ],
)
def test_each_trouble_is_told(runs, changes, problem):
    found = examined(*runs, **changes)
    assert not found.healthy
    (told,) = found.problems
    assert problem in told
