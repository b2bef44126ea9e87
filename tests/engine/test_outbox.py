"""What waits to be told is told once, and one sink's failure repeats that sink alone."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from engine import loader, outbox
from engine.errors import SinkError
from engine.model.delivery import Receipt
from engine.sinks.memory import Memory as Sink
from engine.stores.memory import Memory as Store
from tests.engine.stores.test_contract import a_finding

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HUNT = loader.load(Path(__file__).parent / "hunts" / "two-questions")
FINDING = a_finding("f", tenant="t", hunt=HUNT.id)


class Refusing(Sink):
    def deliver(self, *_):
        raise SinkError("no")


def tell(store, sink, *findings, now=NOON):
    for finding in findings:
        store.record_finding(finding)
    outbox.announce(HUNT, findings, store=store, now=now)
    return outbox.send(HUNT.id, "t", sinks={"memory": sink}, store=store, now=now)


def grown(**changes):
    return msgspec.structs.replace(FINDING, **changes)


def test_a_finding_is_told_once_and_again_when_it_has_changed():
    store, sink = Store(), Sink()
    assert tell(store, sink, FINDING) == tell(store, sink, FINDING) == ()
    assert (sink.raised, sink.updated) == (1, 0)
    tell(store, sink, grown(severity="high"))
    assert (sink.raised, sink.updated) == (1, 1)
    sent = store.delivery("f", "memory")
    assert (sent.state, sent.form, sent.receipt) == ("sent", grown(severity="high").form, Receipt(id="f"))
    assert store.undelivered("t", HUNT.id) == ()


@pytest.mark.parametrize("changes", [{"recurs": "g"}, {"absorbed_by": "g"}, {"retracted": "because"}])
def test_what_does_not_stand_alone_is_told_to_nobody(changes):
    store, sink = Store(), Sink()
    tell(store, sink, grown(**changes))
    assert (sink.raised, store.delivery("f", "memory")) == (0, None)


@pytest.mark.parametrize("changes", [{"absorbed_by": "g"}, {"retracted": "because"}, {"severity": "informational"}])
def test_whoever_was_told_hears_what_became_of_it(changes):
    store, sink = Store(), Sink()
    tell(store, sink, FINDING)
    tell(store, sink, grown(**changes))
    assert (sink.raised, sink.updated, sink.findings) == (1, 1, (grown(**changes),))


def test_what_a_sink_refuses_waits_for_the_next_run():
    store, sink = Store(), Sink()
    assert tell(store, Refusing(), FINDING) == ("memory was not told of f, and will be with the next run: no",)
    (waiting,) = store.undelivered("t", HUNT.id)
    assert (waiting.state, waiting.attempts, waiting.reason) == ("pending", 1, "no")
    assert outbox.send(HUNT.id, "t", sinks={"memory": sink}, store=store, now=NOON) == ()
    assert (sink.raised, store.undelivered("t", HUNT.id)) == (1, ())


def test_after_a_day_it_is_given_up_and_said_so():
    store = Store()
    tell(store, Refusing(), FINDING)
    tomorrow = NOON + timedelta(days=1)
    notes = outbox.send(HUNT.id, "t", sinks={"memory": Refusing()}, store=store, now=tomorrow)
    assert notes == ("memory was not told of f for a day, and will not be: no",)
    assert (store.delivery("f", "memory").state, store.undelivered("t", HUNT.id)) == ("dead", ())


def test_what_waits_and_no_longer_stands_is_never_told():
    store, sink = Store(), Sink()
    tell(store, Refusing(), FINDING)
    assert tell(store, sink, grown(absorbed_by="g")) == ()
    assert (sink.raised, store.delivery("f", "memory").state) == (0, "dead")


def test_a_crash_between_asking_and_recording_is_told_again():
    class Crashing(Sink):
        def deliver(self, finding, earlier):
            super().deliver(finding, earlier)
            raise RuntimeError("the machine is gone")

    store, crashing, sink = Store(), Crashing(), Sink()
    with pytest.raises(RuntimeError):
        tell(store, crashing, FINDING)
    assert store.delivery("f", "memory").state == "sending"
    outbox.send(HUNT.id, "t", sinks={"memory": sink}, store=store, now=NOON)
    assert (crashing.raised, sink.raised) == (1, 1)


def test_a_sink_that_is_not_set_up_here_keeps_its_deliveries_waiting():
    store = Store()
    store.record_finding(FINDING)
    outbox.announce(HUNT, [FINDING], store=store, now=NOON)
    assert outbox.send(HUNT.id, "t", sinks={}, store=store, now=NOON) == ()
    assert len(store.undelivered("t", HUNT.id)) == 1
