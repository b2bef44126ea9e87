"""The part of the one contract that is about names: whatever a tenant, hunt, device... is called, it is no other."""

from engine.model.delivery import Receipt
from engine.model.finding import Device, recurrence_key
from engine.remote.budget import Limit
from tests.engine.stores.test_contract import HOUR, NOON, SECOND, a_day, a_delivery, a_finding, a_run

HOSTILE = [
    "a/b",
    "a\\b",
    "a#b",
    "a?b",
    "a%2Fb",
    "a\nb",
    "a\r\nb",
    "it's",
    "' or 1 eq 1 or '",
    "@key",
    "a b",
    "a:b",
    "a",
    "A",
    "~",
    "%",
    "_",
    "",
    " ",
    "\x00",
    "\x00\x1f\x7f\x85",
    "\u00e9",
    "e\u0301",
    "\u202ea",
    "\U0001f600",
    "x" * 120,
    "x" * 121,
    "x" * 2_048,
    "x" * 2_047 + "y",
    "\u4e2d" * 2_048,
]


def test_contract_whatever_a_name_holds_it_is_no_other(store):
    moments = {name: NOON + number * SECOND for number, name in enumerate(HOSTILE)}
    findings = {
        name: a_finding(name, hunt=name, tenant=name, device=Device(name, name), title=name, identity=name)
        for name in HOSTILE
    }
    deliveries = {
        name: a_delivery(name, name, tenant=name, hunt=name, reason=name, receipt=Receipt(name, name))
        for name in HOSTILE
    }
    runs = {name: a_run(name, name, moment, tenant=name) for name, moment in moments.items()}
    days = {name: a_day(number) for number, name in enumerate(HOSTILE)}
    for name, moment in moments.items():
        store.move_watermark(name, name, moment)
        store.record_finding(findings[name])
        store.record_delivery(deliveries[name])
        store.record_run(runs[name])
        store.record_day(name, name, days[name])
        assert store.claim(name, name, name, now=NOON, until=NOON + HOUR) is None
        assert store.take_call(name, moment, (Limit(1, HOUR),)) == moment
    everything = (0, 1 << 62)
    for name, moment in moments.items():
        assert store.watermark(name, name) == moment
        assert store.finding(name) == findings[name]
        assert store.recurring(recurrence_key(findings[name])) == findings[name]
        assert store.met(name, name, name, everything) == (findings[name],)
        assert store.delivery(name, name) == deliveries[name]
        assert store.undelivered(name, name) == (deliveries[name],)
        assert store.runs(name) == store.runs(tenant=name) == store.runs(name, tenant=name) == (runs[name],)
        assert store.days(name, name) == (days[name],)
        assert store.claim(name, name, f"{name}.", now=NOON, until=NOON + HOUR) == NOON + HOUR
        store.release(name, name, name)
        assert store.claim(name, name, f"{name}.", now=NOON, until=NOON + HOUR) is None
    assert store.runs() == tuple(runs.values())[::-1]
