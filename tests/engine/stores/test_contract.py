"""One contract for every store: watermarks, runs, baselines, claims, calls. its rest stands in test_contract_*.py."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from engine.model.baseline import Baseline, Day, Habit, IntentSet, Own, Pair
from engine.model.delivery import Delivery
from engine.model.finding import Account, Command, Device, Finding, Process
from engine.model.identity import Identity
from engine.model.run import HuntRun, Window
from engine.remote.budget import LIMITS, Limit

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
FIRST_DAY = date(2026, 11, 1)


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


def a_command(number, **changes):
    given = {
        "time": f"2026-11-24T12:00:00.{number:07}Z",
        "intent": "current-user",
        "title": "Current user",
        "technique": "T1033",
        "file_name": "whoami.exe",
        "command_line": f"whoami /all {number} \u202e\U0001f600\x00",
        "process_id": number,
        "report_id": number,
    }
    return Command(**{**given, **changes})


def a_delivery(fingerprint, sink="teams", **changes):
    given = {"tenant": "t", "hunt": "h", "fingerprint": fingerprint, "sink": sink, "state": "pending", "since": NOON}
    return Delivery(**{**given, **changes})


def a_run(run_id, hunt, end, **changes):
    run = HuntRun(
        id=run_id,
        hunt=hunt,
        status="succeeded",
        window=Window(end - HOUR, end),
        events=3,
        findings=1,
        dropped={"no discovery": 2},
        seconds=0.5,
    )
    return msgspec.structs.replace(run, **changes)


def a_day(number, devices=3):
    """The day so many days after the first."""
    identity = Identity("c:\\agent.exe", "S-1-5-18", "")
    return Day(
        FIRST_DAY + timedelta(days=number),
        devices,
        (Pair(identity, "current-user", "whoami \u202e", devices, 7),),
        (Own("d", identity, "domain-trusts"),),
        (IntentSet(identity, ("current-user", "domain-trusts"), 1),),
        (Habit("S-1-5-21-1", "current-user"),),
    )


def test_contract_a_watermark_moves_forward_only(store):
    assert store.watermark("t", "h") is None
    store.move_watermark("t", "h", NOON)
    store.move_watermark("t", "h", NOON - HOUR)
    assert store.watermark("t", "h") == NOON
    store.move_watermark("t", "h", NOON + timedelta(microseconds=1))
    assert store.watermark("t", "h") == NOON + timedelta(microseconds=1)
    assert store.watermark("other", "h") is None
    assert store.watermark("t", "other") is None


def test_contract_the_marks_of_a_hunt_move_apart(store):
    store.move_watermark("t", "h", NOON)
    store.move_watermark("t", "h", NOON + HOUR, "late")
    store.move_watermark("t", "h", NOON, "late")
    marks = {mark: store.watermark("t", "h", mark) for mark in ("window", "present", "late")}
    assert marks == {"window": NOON, "present": None, "late": NOON + HOUR}


def test_contract_a_run_is_kept_whole(store):
    run = a_run(
        "1",
        "h",
        NOON,
        status="failed",
        tenant="t",
        kind="late",
        began=NOON,
        slices=4,
        launches=9,
        newest="2026-11-24T11:59:59.1234567Z",
        notes=("note \u202e",),
        error="no \x00",
    )
    store.record_run(run)
    assert store.runs() == (run,)


def test_contract_runs_come_latest_first_and_a_retried_run_is_one(store):
    store.record_run(a_run("1", "a", NOON))
    store.record_run(a_run("2", "b", NOON + HOUR))
    store.record_run(a_run("1", "a", NOON + 2 * HOUR))
    assert [(run.id, run.hunt) for run in store.runs()] == [("1", "a"), ("2", "b")]
    assert store.runs("b") == (a_run("2", "b", NOON + HOUR),)
    again = a_run("1", "a", NOON - HOUR, status="failed")
    store.record_run(again)
    store.record_run(again)
    assert store.runs("a") == (again,)
    assert [run.id for run in store.runs()] == ["2", "1"]


def test_contract_runs_are_of_a_hunt_and_a_tenant_and_as_many_as_asked_for(store):
    kept = [
        a_run(f"{number}", hunt, NOON + number * HOUR, tenant=tenant)
        for number, (hunt, tenant) in enumerate([("a", "s"), ("b", "s"), ("a", "t"), ("ab", "t"), ("a", "s")])
    ]
    for run in kept:
        store.record_run(run)

    def ids(*hunt, **asked):
        return "".join(run.id for run in store.runs(*hunt, **asked))

    assert ids() == "43210"
    assert (ids("a"), ids("ab"), ids("b"), ids("none")) == ("420", "3", "1", "")
    assert (ids(tenant="s"), ids(tenant="t"), ids(tenant="none")) == ("410", "32", "")
    assert (ids("a", tenant="s"), ids("a", tenant="t"), ids("b", tenant="t")) == ("40", "2", "")
    assert (ids(limit=2), ids("a", limit=2), ids(tenant="t", limit=1)) == ("43", "42", "3")
    assert (ids("a", tenant="s", limit=1), ids(limit=99)) == ("4", "43210")


def test_contract_runs_of_one_window_come_by_their_id(store):
    for each in "bca":
        store.record_run(a_run(each, "h", NOON, tenant=each))
    assert [run.id for run in store.runs(limit=2)] == ["a", "b"]


def test_contract_days_come_oldest_first_whatever_the_order_they_were_learned_in(store):
    assert store.days("t", "h") == ()
    for number in (3, 1, 2):
        store.record_day("t", "h", a_day(number))
    store.record_day("t", "h", a_day(1, devices=99))
    store.record_day("other", "h", a_day(7))
    assert store.days("t", "h") == (a_day(1, devices=99), a_day(2), a_day(3))
    assert store.days("other", "h") == (a_day(7),)
    assert store.days("t", "other") == ()


@pytest.mark.parametrize(("count", "keep"), [(5, 3), (3, 3), (34, 30)])
def test_contract_the_latest_days_stay(store, count, keep):
    numbers = [each * 7 % count for each in range(count)]  # each once, up and down
    known = Baseline("h")
    for number in numbers:
        store.record_day("t", "h", a_day(number), **({} if keep == 30 else {"keep": keep}))
        known = known.with_day(a_day(number), keep=keep)
    assert store.days("t", "h") == known.days == tuple(map(a_day, range(count - keep, count)))


def test_contract_a_day_of_five_megabytes_comes_back_whole_and_makes_room(store):
    commands = (f"agent /run {hashlib.sha256(f'{each}'.encode()).hexdigest()}" for each in range(45_000))
    pairs = tuple(Pair(Identity("c:\\a.exe", "S-1-5-18", ""), "i", command, 3, 3) for command in commands)
    large = msgspec.structs.replace(a_day(0), pairs=pairs)
    assert len(msgspec.json.encode(large)) > 5_000_000
    store.record_day("t", "h", large, keep=1)
    assert store.days("t", "h") == (large,)
    store.record_day("t", "h", a_day(1), keep=1)
    assert store.days("t", "h") == (a_day(1),)


def test_contract_a_hunt_is_claimed_by_one_until_then_or_given_up(store):
    assert store.claim("t", "h", "me", now=NOON, until=NOON + HOUR) is None
    assert store.claim("t", "h", "you", now=NOON + MINUTE, until=NOON + 9 * HOUR) == NOON + HOUR
    assert store.claim("t", "other", "you", now=NOON, until=NOON + HOUR) is None
    assert store.claim("other", "h", "you", now=NOON, until=NOON + HOUR) is None
    store.release("t", "h", "me")
    assert store.claim("t", "h", "you", now=NOON + MINUTE, until=NOON + HOUR) is None


def test_contract_a_claim_is_renewed_and_ends(store):
    claims = [
        store.claim("t", "h", holder, now=NOON + now * MINUTE, until=NOON + until * MINUTE)
        for holder, now, until in [("me", 0, 10), ("me", 9, 20), ("you", 19, 30), ("you", 20, 30), ("me", 20, 40)]
    ]
    assert claims == [None, None, NOON + 20 * MINUTE, None, NOON + 30 * MINUTE]


def test_contract_only_who_holds_a_hunt_gives_it_up(store):
    store.release("t", "h", "me")
    store.claim("t", "h", "me", now=NOON, until=NOON + HOUR)
    store.release("t", "h", "you")
    store.release("t", "h", "")
    assert store.claim("t", "h", "you", now=NOON, until=NOON + 2 * HOUR) == NOON + HOUR
    # Whose claim ended, and was taken over, has nothing to give up.
    assert store.claim("t", "h", "you", now=NOON + HOUR, until=NOON + 2 * HOUR) is None
    store.release("t", "h", "me")
    assert store.claim("t", "h", "me", now=NOON + HOUR, until=NOON + 3 * HOUR) == NOON + 2 * HOUR


@pytest.mark.parametrize("before", ["nobody", "expired", "released"])
def test_contract_of_eight_at_once_one_gets_the_hunt(store, before):
    if before != "nobody":
        store.claim("t", "h", "earlier", now=NOON - 2 * HOUR, until=NOON - HOUR)
    if before == "released":
        store.release("t", "h", "earlier")

    def ask(number):
        return store.claim("t", "h", f"{number}", now=NOON, until=NOON + HOUR)

    with ThreadPoolExecutor(8) as workers:
        got = list(workers.map(ask, range(8)))
    assert sorted(got, key=str) == [*[NOON + HOUR] * 7, None]
    assert ask(got.index(None)) is None


def test_contract_calls_are_booked_until_a_limit_and_again_when_they_are_long_ago(store):
    limits = (Limit(2, MINUTE), Limit(3, HOUR))
    asked = [NOON, NOON + SECOND, NOON + 2 * SECOND, NOON + MINUTE, NOON + MINUTE + SECOND, NOON + HOUR]
    assert [store.take_call("t", now, limits) for now in asked] == [
        NOON,
        NOON + SECOND,
        NOON + MINUTE,
        NOON + MINUTE,
        NOON + HOUR,
        NOON + HOUR,
    ]
    assert store.take_call("other", NOON + MINUTE, limits) == NOON + MINUTE


def test_contract_two_workers_never_both_get_the_last_call(store):
    with ThreadPoolExecutor(8) as workers:
        given = list(workers.map(lambda _: store.take_call("t", NOON, LIMITS), range(40)))
    assert given.count(NOON) == 15
    assert set(given) == {NOON, NOON + MINUTE}
