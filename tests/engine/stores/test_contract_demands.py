"""The part of the one contract for every store that is about runs on demand, the list of findings, and secrets."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import msgspec
import pytest

from engine.model.demand import Ask, Counts, Demand, Host, Resolved, Result, Span
from engine.model.finding import Device
from engine.model.run import Window
from engine.stores.interface import Listing
from tests.engine.stores.test_contract import HOUR, NOON, SECOND, a_command, a_finding

REPLACE = msgspec.structs.replace


def a_demand(demand_id, **changes):
    given = {
        "id": demand_id,
        "tenant": "t",
        "hunt": "h",
        "ask": Ask(),
        "digest": "d",
        "state": "queued",
        "since": NOON,
        "until": NOON + 24 * HOUR,
    }
    return Demand(**{**given, **changes})


def test_contract_a_demand_is_kept_whole_with_its_answer_and_its_latest_state_counts(store):
    assert store.demand("a") is None
    asked = Ask(
        parameters={"minimum": 4, "shells": ["cmd.exe"]},
        window=Span(last=timedelta(hours=24)),
        devices=(Host(host_name="ws01", dns_domain="contoso.com"), Host(name="ws02")),
        deliver=("teams:soc",),
        wait=timedelta(seconds=5),
    )
    store.record_demand(a_demand("a", ask=asked))
    result = Result(
        id="a",
        hunt="h",
        tenant="t",
        status="succeeded",
        window=Window(NOON - HOUR, NOON),
        verdict="suspicious",
        counts=Counts(findings=1, low=1, events=9),
        findings=(a_finding("f", commands=tuple(a_command(number) for number in range(3_000))),),
        devices=(Resolved(asked.devices[0], ("d1", "d2"), ambiguous=True),),
        links={"self": "https://x"},
    )
    done = a_demand("a", ask=asked, state="done", result=result)
    store.record_demand(done)
    assert store.demand("a") == done


def test_contract_open_demands_are_those_of_the_last_hour_that_are_not_done(store):
    for name, state in {"a": "queued", "b": "running", "c": "done"}.items():
        store.record_demand(a_demand(name, state=state))
    store.record_demand(a_demand("d", since=NOON - HOUR))
    assert (store.open_demands(NOON), store.open_demands(NOON + HOUR)) == (2, 0)


def test_contract_a_demand_is_forgotten_when_its_time_has_come(store):
    store.record_demand(a_demand("a", until=NOON))
    store.record_demand(a_demand("b", until=NOON + SECOND))
    store.forget_demands(NOON)
    assert [store.demand(name) is None for name in "ab"] == [True, False]
    store.forget_demands(NOON)


def listed(store, *, limit=100, **asked):
    return [finding.fingerprint for finding in store.findings(Listing("t", **asked), limit=limit)]


def at(second):
    return f"2026-11-24T12:00:{second:02}.0000001Z"


@pytest.fixture
def told(store):
    """Eight findings, a second apart, two of each severity; and one of another tenant."""
    for number, severity in enumerate(("informational", "low", "medium", "high") * 2):
        device = Device(f"d{number % 3}", f"WS0{number % 3}.contoso.com")
        found = a_finding(f"f{number}", tenant="t", severity=severity, start=at(number), end=at(59), device=device)
        store.record_finding(found)
    store.record_finding(a_finding("g", tenant="u", start=at(9)))
    return store


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, "76543210"),
        ({"limit": 3}, "765"),
        ({"after": "f5"}, "43210"),
        ({"after": "f5", "limit": 2}, "43"),
        ({"after": "f0"}, ""),
        ({"least": "medium"}, "7632"),
        ({"least": "high", "limit": 1}, "7"),
        ({"least": "high", "after": "f7"}, "3"),
        ({"since": NOON + 6 * SECOND}, "76"),
        ({"since": NOON + HOUR}, ""),
        ({"device": "D1"}, "741"),
        ({"device": "ws01.CONTOSO.com"}, "741"),
        ({"device": "d1", "least": "high"}, "7"),
        ({"device": "ws01"}, ""),
        ({"device": "' or '' eq '"}, ""),
    ],
)
def test_contract_findings_are_listed_the_latest_first(told, asked, expected):
    assert listed(told, **asked) == [f"f{number}" for number in expected]


def test_contract_a_finding_is_listed_once_and_as_it_is_now(told):
    (first,) = told.findings(Listing("t", after="f1"), limit=1)
    told.record_finding(REPLACE(first, start="2026-11-24T11:00:00.0000000Z", severity="high"))
    told.record_finding(REPLACE(first, start=at(30), severity="high"))
    assert listed(told, limit=2) == ["f0", "f7"]
    assert listed(told, least="high") == ["f0", "f7", "f3"]
    assert len(listed(told)) == 8


def test_contract_findings_that_begin_at_once_are_all_listed_whatever_the_page(store):
    for name in "abc":
        store.record_finding(a_finding(name, tenant="t"))
    assert listed(store) == ["a", "b", "c"]
    assert listed(store, after="a", limit=1) == ["b"]


def test_contract_a_secret_is_the_same_from_its_first_use_on(store):
    first = store.secret("links")
    assert (len(first), store.secret("links"), store.secret("other") != first) == (32, first, True)


def test_contract_whoever_asks_first_all_get_one_secret(store):
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(store.secret, ["links"] * 16))) == 1
