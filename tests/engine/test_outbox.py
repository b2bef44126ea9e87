"""What waits to be told is told once, and one sink's failure repeats that sink alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from engine import loader, outbox
from engine.announce import News
from engine.errors import RemoteError, SinkError, Throttled, Unclear
from engine.model.delivery import Receipt
from engine.model.mute import Mute
from engine.model.notice import Notice
from engine.sinks.memory import Memory as Sink
from engine.stores.memory import Memory as Store
from tests.engine.stores.test_contract import a_finding

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HUNT = loader.load(Path(__file__).parent / "hunts" / "two-questions")
FINDING = a_finding("f", tenant="t", hunt=HUNT.id)


class Refusing(Sink):
    def deliver(self, *_):
        raise SinkError("no")


def described(findings):
    return {each.fingerprint: Notice(key=each.fingerprint, finding=each, hunt_title="t") for each in findings}


def announce(store, sink, *findings, now=NOON, hunt=HUNT, **news):
    for finding in findings:
        store.record_finding(finding)
    return News(hunt=hunt, tenant="t", sinks={"memory": sink}, store=store, now=now, **news).announce(findings)


def send(store, sink, now=NOON, hunt=HUNT):
    return outbox.send(hunt, "t", sinks={"memory": sink}, store=store, now=now, describe=described)


def tell(store, sink, *findings, now=NOON, hunt=HUNT):
    announce(store, sink, *findings, now=now, hunt=hunt)
    return send(store, sink, now, hunt)


def grown(**changes):
    return msgspec.structs.replace(FINDING, **changes)


def test_a_finding_is_told_once_and_again_when_it_has_changed():
    store, sink = Store(), Sink()
    assert tell(store, sink, FINDING) == tell(store, sink, FINDING) == ()
    assert (sink.raised, sink.updated) == (1, 0)
    tell(store, sink, grown(severity="high"))
    assert (sink.raised, sink.updated) == (1, 1)
    sent = store.delivery("f", "memory")
    told = grown(severity="high").form, Receipt(id="f", severity="high")
    assert (sent.state, sent.form, sent.receipt) == ("sent", *told)
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
    assert (waiting.state, waiting.attempts, waiting.reason) == ("failed", 1, "no")
    assert send(store, sink) == ()
    assert (sink.raised, store.undelivered("t", HUNT.id)) == (1, ())


def test_after_a_day_it_is_given_up_and_said_so():
    store = Store()
    tell(store, Refusing(), FINDING)
    tomorrow = NOON + timedelta(days=1)
    notes = send(store, Refusing(), tomorrow)
    assert notes == ("memory was not told of f, and will not be: no",)
    assert (store.delivery("f", "memory").state, store.undelivered("t", HUNT.id)) == ("dead", ())


def test_what_waits_and_no_longer_stands_is_never_told():
    store, sink = Store(), Sink()
    tell(store, Refusing(), FINDING)
    assert tell(store, sink, grown(absorbed_by="g")) == ()
    assert (sink.raised, store.delivery("f", "memory").state) == (0, "dead")


class Crashing(Sink):
    """Dies once, just before the far side is told or just after."""

    def __init__(self, *, after):
        super().__init__()
        self.after, self.is_well = after, False

    def deliver(self, notice):
        if self.after or self.is_well:
            super().deliver(notice)
        if not self.is_well:
            self.is_well = True
            raise RuntimeError("the machine is gone")
        return Receipt(id=notice.key)


@pytest.mark.parametrize("after", [True, False])
def test_a_crash_while_the_far_side_is_told_is_cleared_up_there(after):
    store, sink = Store(), Crashing(after=after)
    with pytest.raises(RuntimeError):
        tell(store, sink, FINDING)
    assert store.delivery("f", "memory").state == "sending"
    assert send(store, sink) == ()
    assert (sink.raised, store.delivery("f", "memory").state) == (1, "sent")


def test_where_the_far_side_cannot_be_asked_it_is_told_again_and_said_so():
    class Forgetful(Crashing):
        can_tell = False

    store, sink = Store(), Forgetful(after=True)
    with pytest.raises(RuntimeError):
        tell(store, sink, FINDING)
    assert not sink.notices["f"].perhaps_told
    send(store, sink)
    assert (sink.raised, sink.notices["f"].perhaps_told) == (2, True)


@pytest.mark.parametrize(("done", "raised"), [(True, 1), (False, 1)])
def test_an_answer_that_is_lost_is_cleared_up_before_it_is_told_again(done, raised):
    class Unheard(Sink):
        lost = True

        def deliver(self, notice):
            if done or not self.lost:
                super().deliver(notice)
            if self.lost:
                self.lost = False
                raise Unclear("the connection broke off")
            return Receipt(id=notice.key)

    store, sink = Store(), Unheard()
    assert tell(store, sink, FINDING) == (
        "memory was not told of f, and will be with the next run: the connection broke off",
    )
    assert store.delivery("f", "memory").state == "sending"
    send(store, sink)
    assert (sink.raised, store.delivery("f", "memory").state) == (raised, "sent")


def test_what_has_changed_meanwhile_is_told_once_the_first_telling_is_cleared_up():
    store, sink = Store(), Crashing(after=True)
    with pytest.raises(RuntimeError):
        tell(store, sink, FINDING)
    tell(store, sink, grown(severity="high"))
    assert (sink.raised, sink.updated, store.delivery("f", "memory").state) == (1, 0, "pending")
    send(store, sink)
    assert (sink.raised, sink.updated, store.delivery("f", "memory").state) == (1, 1, "sent")


def test_a_sink_that_is_not_set_up_here_is_told_nothing_later_either():
    store, sink = Store(), Sink()
    store.record_finding(FINDING)
    assert News(hunt=HUNT, tenant="t", sinks={}, store=store, now=NOON).announce([FINDING]) == 0
    assert (send(store, sink), store.delivery("f", "memory")) == ((), None)


def test_a_sink_that_is_no_longer_set_up_keeps_its_deliveries_waiting():
    store = Store()
    announce(store, Sink(), FINDING)
    assert outbox.send(HUNT, "t", sinks={}, store=store, now=NOON, describe=described) == ()
    assert len(store.undelivered("t", HUNT.id)) == 1


def routed(**changes):
    """The hunt with another storm, or with its route changed."""
    storm = changes.pop("storm", 20)
    route = msgspec.structs.replace(HUNT.definition.deliver[0], **changes)
    return replace(HUNT, definition=msgspec.structs.replace(HUNT.definition, deliver=(route,), storm=storm))


def many(number, **changes):
    return [grown(fingerprint=f"f{each}", **changes) for each in range(number)]


def test_a_storm_is_told_as_one_but_what_is_high_by_itself():
    store, sink, hunt = Store(), Sink(), routed(storm=3)
    assert tell(store, sink, *many(4), grown(severity="high"), hunt=hunt) == ()
    (digest,) = sink.digests
    assert (digest.why, len(digest.notices)) == ("4 findings in one run: more than 3 are told as one", 4)
    assert {store.delivery(f"f{each}", "memory").receipt for each in range(4)} == {
        Receipt(id=digest.key, severity="low")
    }
    assert (sink.raised, list(sink.notices)) == (5, ["f0", "f1", "f2", "f3", "f"])


def test_as_many_as_the_hunt_allows_are_no_storm():
    store, sink = Store(), Sink()
    tell(store, sink, *many(3), hunt=routed(storm=3))
    assert (sink.digests, sink.raised) == ([], 3)


def test_a_daily_digest_waits_for_the_morning_and_holds_nothing_high():
    store, sink, hunt = Store(), Sink(), routed(digest="daily")
    tell(store, sink, *many(2), grown(severity="high"), hunt=hunt)
    assert list(sink.notices) == ["f"]
    assert send(store, sink, NOON + timedelta(hours=18, minutes=59), hunt) == ()
    assert sink.digests == []
    send(store, sink, NOON + timedelta(hours=19), hunt)
    assert [digest.why for digest in sink.digests] == ["2 findings since the last digest"]
    assert store.undelivered("t", HUNT.id) == ()


def test_what_rises_to_high_leaves_the_digest_and_goes_at_once():
    store, sink, hunt = Store(), Sink(), routed(digest="daily")
    tell(store, sink, FINDING, hunt=hunt)
    assert sink.notices == {}
    tell(store, sink, grown(severity="high"), hunt=hunt)
    assert (list(sink.notices), sink.digests) == (["f"], [])


def test_a_digest_that_fails_is_tried_for_a_day_from_when_it_was_due():
    class Mute(Sink):
        def digest(self, _):
            raise SinkError("no")

    store, hunt = Store(), routed(digest="daily")
    tell(store, Mute(), FINDING, hunt=hunt)
    due = NOON + timedelta(hours=19)
    send(store, Mute(), due, hunt)
    assert store.delivery("f", "memory").state == "failed"
    send(store, Mute(), due + timedelta(days=1), hunt)
    assert store.delivery("f", "memory").state == "dead"


@pytest.mark.parametrize("after", [True, False])
def test_a_crash_while_a_digest_is_told_is_cleared_up_for_all_of_it(after):
    class Dying(Sink):
        dies = True

        def digest(self, digest):
            if after or not self.dies:
                super().digest(digest)
            if self.dies:
                self.dies = False
                raise RuntimeError("the machine is gone")
            return Receipt(id=digest.key)

    store, sink, hunt = Store(), Dying(), routed(storm=3)
    with pytest.raises(RuntimeError):
        tell(store, sink, *many(4), hunt=hunt)
    tell(store, sink, *many(4), hunt=hunt)
    assert ([len(digest.notices) for digest in sink.digests], sink.raised) == ([4], 4)
    assert store.undelivered("t", HUNT.id) == ()


def test_while_a_hunt_observes_people_get_a_daily_digest_and_machines_nothing():
    class People(Sink):
        for_people = True

    store, people, machine = Store(), People(), Sink()
    announce(store, machine, FINDING, observing=True)
    assert store.delivery("f", "memory") is None
    announce(store, people, FINDING, grown(fingerprint="g", severity="high"), observing=True)
    send(store, people)
    assert list(people.notices) == ["g"]
    send(store, people, NOON + timedelta(days=1))
    assert [len(digest.notices) for digest in people.digests] == [1]


def test_a_sink_that_has_enough_is_left_alone_until_the_next_run():
    class Busy(Sink):
        def deliver(self, notice):
            super().deliver(notice)
            raise Throttled("enough", until=NOON)

    store, sink = Store(), Busy()
    notes = tell(store, sink, *many(3))
    assert sink.raised == 1
    assert notes[-1] == "memory has had enough for now: enough"
    assert [store.delivery(f"f{each}", "memory").state for each in range(3)] == ["failed", "pending", "pending"]


def test_people_are_told_last_and_of_the_incident_that_another_sink_opened():
    class Opening(Sink):
        def deliver(self, notice):
            return msgspec.structs.replace(super().deliver(notice), incident="12", link="https://portal/12")

    class Reading(Sink):
        for_people = True

    store, sinks = Store(), {"a-card": Reading(), "memory": Opening()}
    routes = tuple(msgspec.structs.replace(HUNT.definition.deliver[0], to=name) for name in sinks)
    hunt = replace(HUNT, definition=msgspec.structs.replace(HUNT.definition, deliver=routes))
    store.record_finding(FINDING)
    News(hunt=hunt, tenant="t", sinks=sinks, store=store, now=NOON).announce([FINDING])
    assert outbox.send(hunt, "t", sinks=sinks, store=store, now=NOON, describe=described) == ()
    assert (sinks["a-card"].notices["f"].incident, sinks["memory"].notices["f"].incident) == ("https://portal/12", "")


def muted(store, **changes):
    given = {"id": "m", "tenant": "t", "owner": "o", "reason": "r", "since": NOON, "until": NOON + timedelta(days=1)}
    store.record_mute(Mute(**{**given, **changes}))
    return store.mutes("t")


def test_what_is_muted_is_kept_and_counted_and_told_to_nobody():
    store, sink = Store(), Sink()
    muted(store, hunt=HUNT.id)
    held = []
    for _ in range(2):
        assert announce(store, sink, *many(3), mutes=store.mutes("t")) == 3
        held.append(store.delivery("f0", "memory"))
    assert (send(store, sink), sink.raised, held[0].state, held[0]) == ((), 0, "muted", held[1])
    assert [(each.kept, each.last) for each in store.mutes("t")] == [(3, NOON)]
    announce(store, sink, *many(1), now=NOON + timedelta(days=1), mutes=store.mutes("t"))
    send(store, sink, NOON + timedelta(days=1))
    assert sink.raised == 1


def test_what_waits_from_earlier_runs_is_muted_too():
    store, sink = Store(), Sink()
    tell(store, Refusing(), FINDING)
    assert announce(store, sink, mutes=muted(store, fingerprint="f")) == 1
    assert (send(store, sink), sink.raised, store.delivery("f", "memory").state) == ((), 0, "muted")


def test_a_mute_that_was_taken_back_during_the_run_does_not_come_back():
    store = Store()
    mutes = muted(store, fingerprint="f")
    store.drop_mute("t", "m")
    assert announce(store, Sink(), FINDING, mutes=mutes) == 1
    assert store.mutes("t") == ()


@pytest.mark.parametrize("changes", [{"absorbed_by": "g"}, {"retracted": "because"}])
def test_that_a_finding_is_one_no_more_is_told_though_it_is_muted(changes):
    store, sink = Store(), Sink()
    tell(store, sink, FINDING)
    announce(store, sink, grown(**changes), mutes=muted(store, fingerprint="f"))
    send(store, sink)
    assert (sink.raised, sink.updated) == (1, 1)


def test_while_the_far_side_cannot_be_searched_nothing_is_told_again():
    class Blind(Crashing):
        blind = True

        def find(self, key, since):
            if self.blind:
                raise RemoteError("no answer")
            return super().find(key, since)

    store, sink = Store(), Blind(after=True)
    with pytest.raises(RuntimeError):
        tell(store, sink, FINDING)
    assert send(store, sink) == ("memory was not told of f, and will be with the next run: no answer",)
    assert (sink.raised, store.delivery("f", "memory").state) == (1, "sending")
    sink.blind = False
    assert send(store, sink) == ()
    assert (sink.raised, store.delivery("f", "memory").state) == (1, "sent")


@pytest.mark.parametrize(("after", "told", "state"), [(True, ["", "because"], "sent"), (False, [], "dead")])
def test_what_is_retracted_while_nobody_knows_whether_it_was_told(after, told, state):
    class Noting(Crashing):
        def deliver(self, notice):
            receipt = super().deliver(notice)
            heard.append(notice.finding.retracted)
            return receipt

    heard, store, sink = [], Store(), Noting(after=after)
    with pytest.raises(RuntimeError):
        tell(store, sink, FINDING)
    heard = [each.finding.retracted for each in sink.notices.values()]
    for _ in range(2):
        tell(store, sink, grown(retracted="because"))
    assert (heard, store.delivery("f", "memory").state) == (told, state)


class Tripping(Sink):
    """A sink with a bug: it breaks off at one finding."""

    def deliver(self, notice):
        assert notice.key != "f1", "a bug"
        return super().deliver(notice)

    def digest(self, digest):
        assert all(notice.key != "f1" for notice in digest.notices), "a bug"
        return super().digest(digest)


@pytest.mark.parametrize("storm", [20, 2])
def test_a_finding_that_breaks_off_each_run_is_given_up_and_holds_up_no_other(storm):
    store, sink, hunt = Store(), Tripping(), routed(storm=storm)
    notes, broken = [], 0
    for _ in range(9):
        try:
            notes += tell(store, sink, *many(4), hunt=hunt)
        except AssertionError:
            broken += 1
    assert (sorted(sink.notices), broken) == (["f0", "f2", "f3"], 5)
    assert [store.delivery(f"f{each}", "memory").state for each in range(4)] == ["sent", "dead", "sent", "sent"]
    (note,) = notes
    assert note.startswith("memory was not told of f1, and will not be: the run broke off each of 5 times")


def test_of_a_digest_each_finding_keeps_its_own_severity():
    store, sink, hunt = Store(), Sink(), routed(digest="hourly")
    tell(store, sink, grown(severity="low"), grown(fingerprint="g", severity="medium"), hunt=hunt)
    send(store, sink, NOON + timedelta(hours=1), hunt)
    assert [store.delivery(each, "memory").receipt.severity for each in ("f", "g")] == ["low", "medium"]


def test_what_is_told_on_demand_is_told_once_and_no_schedule_sees_it():
    store, sink = Store(), Sink()
    notices = described([FINDING])
    for _ in range(2):
        sinks = {"memory@run": sink}
        assert outbox.tell_now(HUNT, notices, apart="run", sinks=sinks, store=store, now=NOON) == ()
    assert (sink.raised, store.undelivered("t", HUNT.id)) == (1, ())
