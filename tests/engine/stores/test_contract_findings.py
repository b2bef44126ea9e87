"""The part of the one contract for every store that is about findings, and the outbox."""

from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from engine.model.delivery import Receipt
from engine.model.event import ticks, timestamp
from engine.model.finding import Device, recurrence_key
from tests.engine.stores.test_contract import HOUR, NOON, SECOND, a_command, a_delivery, a_finding

START, END = ticks("2026-11-24T12:00:00.0000001Z"), ticks("2026-11-24T12:00:09.0000001Z")
REPLACE = msgspec.structs.replace


def names(findings):
    return "".join(finding.fingerprint for finding in findings)


def test_contract_a_finding_is_kept_whole_and_the_latest_form_counts(store):
    assert store.finding("f") is None
    store.record_finding(a_finding("f"))
    grown = a_finding(
        "f",
        score=70,
        severity="high",
        title="grown \u202e \U0001f600",
        tenant="t",
        aliases=("g", "h"),
        absorbed_by="e",
        recurs="d",
        retracted="no \x00",
    )
    store.record_finding(grown)
    assert store.finding("f") == grown


def test_contract_a_finding_of_five_thousand_commands_is_one_like_any_other(store):
    commands = tuple(map(a_command, range(5_000)))
    long = a_finding("f", commands=commands, identity="one")
    store.record_finding(a_finding("f", identity="one"))
    store.record_finding(long)
    assert store.finding("f") == store.recurring(recurrence_key(long)) == long
    assert store.met("default", "h", "d", (START, START)) == (long,)
    short = REPLACE(long, commands=commands[:1])
    store.record_finding(short)
    assert store.finding("f") == store.recurring(recurrence_key(short)) == short
    assert store.met("default", "h", "d", (START, START)) == (short,)


def test_contract_a_recurring_finding_is_found_by_what_it_shares(store):
    commands = a_command(1, intent="b"), a_command(2, intent="a"), a_command(3, intent="b")
    store.record_finding(a_finding("f", identity="c:\\agent.exe|S-1-5-18|", commands=commands))
    later = a_finding("g", identity="c:\\agent.exe|S-1-5-18|", commands=commands)
    store.record_finding(later)
    assert store.recurring(("h", "d", later.identity, "a,b")) == later
    for other in [
        ("other", "d", later.identity, "a,b"),
        ("h", "other", later.identity, "a,b"),
        ("h", "d", "", "a,b"),
        ("h", "d", later.identity, "a"),
        ("h", "d", later.identity, ""),
    ]:
        assert store.recurring(other) is None


def test_contract_the_finding_recorded_last_under_a_key_is_the_one_that_recurs(store):
    key = ("h", "d", "one", "")
    forms = [a_finding("f", identity="one"), a_finding("g", identity="one"), a_finding("f", identity="one", score=1)]
    for form in forms:
        store.record_finding(form)
        assert store.recurring(key) == form


def test_contract_a_finding_whose_key_changed_recurs_under_its_present_key_alone(store):
    older, younger = a_finding("f", identity="one"), a_finding("g", identity="one")
    store.record_finding(older)
    store.record_finding(younger)
    grown = REPLACE(younger, commands=(a_command(1, intent="a"),))
    store.record_finding(grown)
    assert store.recurring(("h", "d", "one", "a")) == grown
    assert store.recurring(("h", "d", "one", "")) == older
    store.record_finding(REPLACE(older, identity="two"))
    assert store.recurring(("h", "d", "one", "")) is None
    store.record_finding(younger)
    assert store.recurring(("h", "d", "one", "a")) is None
    assert store.recurring(("h", "d", "one", "")) == younger


@pytest.mark.parametrize(
    ("span", "found"),
    [
        ((0, START - 1), ""),
        ((0, START), "f"),
        ((START, START), "f"),
        ((START + 1, END - 1), "f"),
        ((END, END), "f"),
        ((END, 1 << 62), "f"),
        ((END + 1, 1 << 62), ""),
        ((-(1 << 58), 1 << 62), "f"),
        ((-(1 << 58), 1), ""),
    ],
)
def test_contract_a_finding_is_met_from_its_first_tick_to_its_last(store, span, found):
    store.record_finding(a_finding("f"))
    assert names(store.met("default", "h", "d", span)) == found


@pytest.mark.parametrize(
    ("written", "tick"),
    [
        ("2026-11-24T12:00:00Z", START - 1),
        ("2026-11-24T12:00:00.00000019Z", START),
        ("2026-11-24T14:00:00.0000001+02:00", START),
        ("1969-12-31T23:59:59.9999999Z", -1),
        ("0001-01-01T00:00:00Z", ticks("0001-01-01T00:00:00Z")),
    ],
)
def test_contract_a_moment_is_met_however_it_is_written(store, written, tick):
    store.record_finding(a_finding("f", start=written, end=written))
    assert [names(store.met("default", "h", "d", (at, at))) for at in (tick - 1, tick, tick + 1)] == ["", "f", ""]


def test_contract_findings_are_met_on_their_own_device_of_their_own_hunt_and_tenant(store):
    store.record_finding(a_finding("f"))
    store.record_finding(a_finding("g", tenant="t"))
    store.record_finding(a_finding("i", hunt="other"))
    store.record_finding(a_finding("j", device=Device("other", "ws01")))
    places = [("default", "h", "d"), ("t", "h", "d"), ("default", "other", "d"), ("default", "h", "other")]
    assert [names(store.met(*place, (START, END))) for place in places] == ["f", "g", "i", "j"]
    assert store.met("default", "h", "", (START, END)) == ()


def test_contract_findings_are_met_in_order_of_start_then_fingerprint(store):
    for fingerprint, start in [("c", START), ("a", START + 2), ("d", START - 2), ("b", START)]:
        store.record_finding(a_finding(fingerprint, start=timestamp(start)))
    assert names(store.met("default", "h", "d", (START, END))) == "dbca"


def test_contract_what_no_longer_stands_is_met_no_more(store):
    for fingerprint in "fgh":
        store.record_finding(a_finding(fingerprint))
    store.record_finding(a_finding("f", absorbed_by="h", aliases=("e",)))
    store.record_finding(a_finding("g", retracted="rows that arrived later say otherwise"))
    store.record_finding(a_finding("h", recurs="e", aliases=("f",)))
    assert names(store.met("default", "h", "d", (START, END))) == "h"
    assert store.finding("f").absorbed_by == "h"
    store.record_finding(a_finding("g"))
    assert names(store.met("default", "h", "d", (START, END))) == "gh"


def test_contract_a_finding_that_is_recorded_anew_is_met_by_its_new_span_alone(store):
    spans = [(100, 200), (100, 300), (50, 300), (250, 260)]
    for first, last in spans:
        store.record_finding(a_finding("f", start=timestamp(START + first), end=timestamp(START + last)))
        met = [at for at in range(0, 400, 10) if store.met("default", "h", "d", (START + at, START + at))]
        assert met == list(range(first, last + 1, 10))


def test_contract_a_finding_that_is_recorded_elsewhere_is_met_there_alone(store):
    places = [("default", "h", "d"), ("t", "h", "d"), ("t", "other", "d"), ("t", "other", "e")]
    for tenant, hunt, device in places:
        moved = a_finding("f", tenant=tenant, hunt=hunt, device=Device(device, device))
        store.record_finding(moved)
        assert store.finding("f") == moved
        assert [store.met(*each, (START, END)) for each in places if each != (tenant, hunt, device)] == [()] * 3
        assert store.met(tenant, hunt, device, (START, END)) == (moved,)


def test_contract_however_many_record_a_finding_at_once_it_is_found_by_its_one_form(store):
    forms = [a_finding("f", identity=f"{each}", start=timestamp(START + each)) for each in range(8)]
    with ThreadPoolExecutor(8) as workers:
        list(workers.map(store.record_finding, forms * 3))
    last = store.finding("f")
    assert store.met("default", "h", "d", (START, END)) == (last,)
    assert [store.recurring(recurrence_key(form)) for form in forms if form != last] == [None] * 7
    assert store.recurring(recurrence_key(last)) == last


def test_contract_a_delivery_is_kept_whole_and_its_latest_state_counts(store):
    assert store.delivery("f", "teams") is None
    store.record_delivery(a_delivery("f"))
    receipt = Receipt("42", "https://contoso/42")
    sent = a_delivery("f", state="sent", form="high 3", attempts=2, receipt=receipt, reason="no \x00")
    store.record_delivery(sent)
    assert store.delivery("f", "teams") == sent
    assert store.delivery("f", "defender_alert") is None
    assert store.delivery("g", "teams") is None


@pytest.mark.parametrize(("state", "waits"), [("pending", True), ("sending", True), ("sent", False), ("dead", False)])
def test_contract_what_is_pending_or_sending_is_undelivered(store, state, waits):
    for first in ("pending", "sending", "sent", "dead"):
        store.record_delivery(a_delivery("f", state=first))
        last = a_delivery("f", state=state, attempts=1)
        store.record_delivery(last)
        assert store.undelivered("t", "h") == ((last,) if waits else ())
        assert store.delivery("f", "teams") == last


def test_contract_what_was_sent_waits_again_when_there_is_news(store):
    for state in ("pending", "sending", "sent", "pending", "sending", "pending", "sending"):
        store.record_delivery(a_delivery("f", state=state))
    assert store.undelivered("t", "h") == (a_delivery("f", state="sending"),)
    store.record_delivery(a_delivery("f", state="dead"))
    assert store.undelivered("t", "h") == ()


def test_contract_the_longest_waiting_is_first_then_by_fingerprint_and_sink(store):
    waiting = [
        a_delivery("c", since=NOON - HOUR),
        a_delivery("b", since=NOON - SECOND),
        a_delivery("a", "defender_alert"),
        a_delivery("a", "teams"),
        a_delivery("b", "log_analytics"),
    ]
    for each in (waiting[3], waiting[0], waiting[4], waiting[2], waiting[1]):
        store.record_delivery(each)
    assert store.undelivered("t", "h") == tuple(waiting)


def test_contract_the_outboxes_of_hunts_and_tenants_are_apart(store):
    deliveries = [a_delivery("f"), a_delivery("g", tenant="other"), a_delivery("i", hunt="other")]
    for each in deliveries:
        store.record_delivery(each)
    places = [("t", "h"), ("other", "h"), ("t", "other"), ("other", "other")]
    assert [store.undelivered(*place) for place in places] == [*((each,) for each in deliveries), ()]


@pytest.mark.parametrize("states", [("pending", "sent"), ("sent", "pending"), ("pending", "sending", "sent", "dead")])
def test_contract_however_many_record_a_delivery_at_once_it_waits_as_it_says(store, states):
    forms = [a_delivery("f", state=states[each % len(states)], attempts=each) for each in range(24)]
    with ThreadPoolExecutor(8) as workers:
        list(workers.map(store.record_delivery, forms))
    last = store.delivery("f", "teams")
    assert last in forms
    assert store.undelivered("t", "h") == ((last,) if last.state in {"pending", "sending"} else ())
