"""The contract of the sink of Teams, over real HTTP: what is posted, what is repeated, and what nobody ever reads."""

import logging
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from engine.errors import NotPermitted, Refused, RemoteError, Throttled, Unclear
from engine.model.delivery import Receipt
from engine.remote.retries import Retries
from engine.remote.session import Session
from engine.remote.webhook import cure, webhook
from engine.sinks.teams import Teams
from tests.engine.sinks.card_examples import DIGEST, GROWN, HIGH, HOSTILE_NOTICE, LOW
from tests.fakes import teams as fake
from tests.fakes.clock import Clock
from tests.fakes.graph import BrokenOff, Refusal, Silence, Words

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEYS = (fake.SIGNATURE, fake.WORKFLOW, "sig=")


@pytest.fixture
def channel():
    with fake.Teams() as opened:
        yield opened
    assert (opened.violations, opened.failed) == ([], [])


class Watch:
    """A clock in seconds that stands still until somebody sleeps."""

    def __init__(self):
        self.time = 100.0
        self.slept = []

    def __call__(self):
        return self.time

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.time += seconds


def sink(channel, *, clock=None, watch=None, timeouts=(10.0, 10.0), address=None, **changes):
    clock, watch = clock or Clock(), watch or Watch()
    url, path = webhook(address or channel.address, setting="VIZSLA_TEAMS_URL", hosts=["127.0.0.1"])
    retries = Retries(now=clock.now, sleep=clock.sleep)
    session = Session(name="Teams", url=url, token=None, retries=retries, timeouts=timeouts, cure=cure)
    return Teams(session=session, path=path, clock=watch, sleep=watch.sleep, **changes)


@pytest.mark.parametrize("notice", [HIGH, LOW, GROWN, HOSTILE_NOTICE], ids=["high", "low", "grown", "hostile"])
def test_contract_a_finding_is_one_card_that_teams_can_show(channel, notice):
    told = sink(channel)
    assert told.deliver(notice) == Receipt(id=notice.key, severity=notice.finding.severity)
    assert channel.shown == [told.preview(notice).body]
    assert channel.statuses == [202]


def test_contract_a_digest_is_one_card(channel):
    assert sink(channel).digest(DIGEST) == Receipt(id="digest", severity="medium")
    assert len(channel.shown) == 1


def test_contract_nobody_can_ask_a_webhook_what_it_was_told(channel):
    told = sink(channel, name="teams:soc")
    assert (told.name, told.can_tell, told.for_people, told.find("key", NOON)) == ("teams:soc", False, True, None)
    assert channel.statuses == []


def test_contract_accepted_is_not_shown_and_the_log_says_so(channel, caplog):
    caplog.set_level(logging.INFO)
    sink(channel).deliver(HIGH)
    ours = [record.getMessage() for record in caplog.records if record.name == "vizsla.sinks.teams"]
    assert ours == [
        f"teams: the card of {HIGH.key} was accepted, not yet shown: the workflow's run history knows",
    ]


@pytest.mark.parametrize("answer", [Words(b"1", 200), Words(b"", 202), Words(b"<html>", 201), Words(b"\xff{", 200)])
def test_contract_any_yes_is_a_yes_whatever_it_says(channel, answer):
    channel.faults.append(answer)
    assert sink(channel).deliver(HIGH).id == HIGH.key


@pytest.mark.parametrize("status", [400, 404, 409, 412, 413])
def test_contract_a_refusal_is_not_repeated(channel, status):
    channel.faults.append(Refusal(status, "BadRequest", "no"))
    with pytest.raises(Refused, match=f"Teams answers {status}, BadRequest: no") as caught:
        sink(channel).deliver(HIGH)
    assert (caught.value.status, channel.statuses) == (status, [status])


@pytest.mark.parametrize("status", [401, 403])
def test_contract_who_is_not_let_in_is_told_what_to_do(channel, status):
    channel.faults.append(Refusal(status, "Forbidden"))
    with pytest.raises(NotPermitted, match=f"answers {status}.*copy it anew from the workflow") as caught:
        sink(channel).deliver(HIGH)
    assert "app role" not in str(caught.value)


def test_contract_a_wrong_signature_is_not_let_in(channel):
    with pytest.raises(NotPermitted, match="DirectApiAuthorizationRequired"):
        sink(channel, address=channel.address.replace(fake.SIGNATURE, "another-signature")).deliver(HIGH)
    assert (channel.statuses, channel.posted) == ([401], [])


@pytest.mark.parametrize(("headers", "least"), [({"Retry-After": "7"}, 7), ({}, 1)])
def test_contract_a_busy_channel_is_waited_for(channel, headers, least):
    clock = Clock()
    channel.faults.append(Refusal(429, "TooManyRequests", headers=headers))
    sink(channel, clock=clock).deliver(HIGH)
    assert (channel.statuses, len(channel.shown)) == ([429, 202], 1)
    assert least <= clock.slept[0] <= least + 1


def test_contract_a_long_wait_is_put_off(channel):
    channel.faults.append(Refusal(429, "TooManyRequests", headers={"Retry-After": "3600"}))
    with pytest.raises(Throttled):
        sink(channel).deliver(HIGH)


def test_contract_who_says_that_he_is_away_is_asked_again(channel):
    channel.faults.append(Refusal(503))
    sink(channel).deliver(HIGH)
    assert channel.statuses == [503, 202]


@pytest.mark.parametrize("fault", [Refusal(500), Refusal(502), BrokenOff(), Silence()])
def test_contract_what_may_have_been_posted_is_not_posted_again(channel, fault):
    channel.faults.append(fault)
    with pytest.raises(Unclear):
        sink(channel, timeouts=patience(fault)).deliver(HIGH)
    assert len(channel.arrived) == 1


def test_contract_a_redirect_is_not_followed(channel):
    channel.faults.append(Refusal(307, headers={"Location": channel.address}))
    with pytest.raises(Refused, match="answers 307"):
        sink(channel).deliver(HIGH)
    assert channel.statuses == [307]


def test_contract_nobody_there_is_told_without_the_address():
    with fake.Teams() as gone:
        pass
    with pytest.raises(RemoteError, match="Teams: POST its webhook: no whole answer") as caught:
        sink(gone).deliver(HIGH)
    assert told_anywhere(caught.value) == []


@pytest.mark.parametrize(
    "fault",
    [
        Refusal(400, "BadRequest", f"no such path: {fake.PATH}?sig={fake.SIGNATURE}"),
        Refusal(401, "Forbidden", f"the signature {fake.SIGNATURE} is not for {fake.WORKFLOW}"),
        Refusal(500, "InternalServerError", fake.SIGNATURE),
        Refusal(429, "TooManyRequests", fake.SIGNATURE, headers={"Retry-After": "3600"}),
        BrokenOff(),
        Silence(),
    ],
)
def test_contract_the_address_stands_in_no_log_and_no_error(channel, caplog, fault):
    caplog.set_level(logging.DEBUG)
    channel.faults.append(fault)
    with pytest.raises(RemoteError) as caught:
        sink(channel, timeouts=patience(fault)).deliver(HIGH)
    assert told_anywhere(caught.value) == []
    everything = "\n".join(record.getMessage() for record in caplog.records)
    assert "urllib3" in {record.name.partition(".")[0] for record in caplog.records}
    assert [key for key in (*KEYS, "whoami", "m.keller") if key in everything.replace("sig=***", "")] == []


def patience(fault):
    return 10.0, 0.3 if isinstance(fault, Silence) else 10.0


def told_anywhere(error):
    """Which of the keys a trace of the error would tell."""
    trace = "".join(traceback.format_exception(error))
    seen = [str(error), repr(error), trace, getattr(error, "reason", "")]
    return [key for key in KEYS if any(key in text.replace("sig=***", "") for text in seen)]


def test_contract_what_is_previewed_tells_no_address(channel):
    call = sink(channel).preview(HIGH)
    assert (call.method, "***" in call.url) == ("POST", True)
    assert [key for key in KEYS if key in call.url] == []
    assert channel.statuses == []


def test_contract_cards_are_a_second_apart(channel):
    watch = Watch()
    told = sink(channel, watch=watch)
    told.deliver(HIGH)
    watch.time += 0.25
    told.digest(DIGEST)
    watch.time += 5
    told.deliver(LOW)
    assert [each for each in watch.slept if each] == [0.75]


def test_contract_a_card_that_failed_counts_too(channel):
    watch = Watch()
    channel.faults.append(Refusal(400))
    told = sink(channel, watch=watch)
    with pytest.raises(Refused):
        told.deliver(HIGH)
    told.deliver(HIGH)
    assert [each for each in watch.slept if each] == [1.0]


def test_contract_cards_of_many_threads_are_a_second_apart(channel):
    watch = Watch()
    told = sink(channel, watch=watch)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(told.deliver, [HIGH] * 8))
    assert (len(channel.shown), [each for each in watch.slept if each]) == (8, [1.0] * 7)


@pytest.mark.parametrize(
    ("card", "problem"),
    [
        ({"type": "AdaptiveCard", "version": "1.5", "body": [{"type": "NoSuch"}]}, "is not valid"),
        ({"type": "AdaptiveCard", "version": "1.5", "body": [{"type": "TextBlock", "text": "x" * 30_000}]}, "TooLarge"),
    ],
)
def test_the_channel_fails_after_it_said_yes_as_in_life(card, problem):
    message = {"type": "message", "attachments": [{"contentType": fake.CARD, "content": card}]}
    with fake.Teams() as channel, Session(name="Teams", url=channel.url, token=None, retries=Retries()) as session:
        session.ask("POST", channel.path, message, permission="")
    assert (channel.statuses, channel.shown, problem in str(channel.failed)) == ([202], [], True)


def test_the_channel_takes_nothing_that_is_no_message():
    with fake.Teams() as channel, Session(name="Teams", url=channel.url, token=None, retries=Retries()) as session:
        with pytest.raises(Refused, match="TriggerInputSchemaMismatch"):
            session.ask("POST", channel.path, {"text": "hello"}, permission="")
        assert len(channel.violations) == 1
