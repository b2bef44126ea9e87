"""One contract for every store."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from engine.model.finding import Account, Device, Finding, Process, recurrence_key
from engine.model.run import HuntRun, Window
from engine.remote.budget import LIMITS, Limit
from engine.stores.memory import Memory
from engine.stores.sqlite import Sqlite

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def a_finding(fingerprint, **changes):
    given = {
        "fingerprint": fingerprint,
        "hunt": "h",
        "title": "t",
        "severity": "low",
        "score": 20,
        "device": Device("d", "ws01"),
        "account": Account("anna", "contoso"),
        "actor": Process(file_name="rundll32.exe", process_id=7),
        "start": "2026-11-24T12:00:00.0000001Z",
        "end": "2026-11-24T12:00:09.0000001Z",
        "commands": (),
        "techniques": ("T1033",),
        "reasons": ("because",),
    }
    return Finding(**{**given, **changes})


def a_run(run_id, hunt, end):
    return HuntRun(
        id=run_id,
        hunt=hunt,
        status="succeeded",
        window=Window(end - timedelta(hours=1), end),
        events=3,
        findings=1,
        dropped={"no discovery": 2},
        seconds=0.5,
    )


@pytest.fixture(params=["memory", "sqlite", "tables"])
def store(request, tmp_path):
    match request.param:
        case "memory":
            return Memory()
        case "sqlite":
            return Sqlite(tmp_path / "store.db")
        case "tables":
            return request.getfixturevalue("opened")()


def test_contract_a_watermark_moves_forward_only(store):
    assert store.watermark("t", "h") is None
    store.move_watermark("t", "h", NOON)
    store.move_watermark("t", "h", NOON - timedelta(hours=1))
    assert store.watermark("t", "h") == NOON
    store.move_watermark("t", "h", NOON + timedelta(microseconds=1))
    assert store.watermark("t", "h") == NOON + timedelta(microseconds=1)
    assert store.watermark("other", "h") is None


def test_contract_a_finding_is_kept_whole_and_the_latest_form_counts(store):
    assert store.finding("f") is None
    store.record_finding(a_finding("f"))
    grown = a_finding("f", score=70, severity="high", title="grown \u202e \U0001f600")
    store.record_finding(grown)
    assert store.finding("f") == grown


def test_contract_a_recurring_finding_is_found_by_what_it_shares(store):
    store.record_finding(a_finding("f", identity="c:\\agent.exe|S-1-5-18|"))
    later = a_finding("g", identity="c:\\agent.exe|S-1-5-18|")
    store.record_finding(later)
    assert store.recurring(recurrence_key(later)) == later
    assert store.recurring(("h", "another device", later.identity, "")) is None


def test_contract_runs_come_latest_first_and_a_retried_run_is_one(store):
    store.record_run(a_run("1", "a", NOON))
    store.record_run(a_run("2", "b", NOON + timedelta(hours=1)))
    store.record_run(a_run("1", "a", NOON + timedelta(hours=2)))
    assert [(run.id, run.hunt) for run in store.runs()] == [("1", "a"), ("2", "b")]
    assert store.runs("b") == (a_run("2", "b", NOON + timedelta(hours=1)),)


def test_contract_calls_are_booked_until_a_limit_and_again_when_they_are_long_ago(store):
    limits = (Limit(2, timedelta(minutes=1)), Limit(3, timedelta(hours=1)))
    second, minute, hour = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
    asked = [NOON, NOON + second, NOON + 2 * second, NOON + minute, NOON + minute + second, NOON + hour]
    assert [store.take_call("t", now, limits) for now in asked] == [
        NOON,
        NOON + second,
        NOON + minute,
        NOON + minute,
        NOON + hour,
        NOON + hour,
    ]
    assert store.take_call("other", NOON + minute, limits) == NOON + minute


def test_contract_two_workers_never_both_get_the_last_call(store):
    with ThreadPoolExecutor(8) as workers:
        given = list(workers.map(lambda _: store.take_call("t", NOON, LIMITS), range(40)))
    assert given.count(NOON) == 15
    assert set(given) == {NOON, NOON + timedelta(minutes=1)}
