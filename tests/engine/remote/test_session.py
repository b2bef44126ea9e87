"""The contract of a session, over real HTTP: what it sends, what it repeats, what it says, and what it never tells."""

import logging
import re
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine import VERSION
from engine.errors import NotPermitted, Refused, RemoteError, SettingsError, Throttled
from engine.remote.budget import Budget, Limit
from engine.remote.retries import Retries
from engine.remote.session import Session, complaint
from engine.stores.memory import Memory
from tests.fakes.authority import Authority
from tests.fakes.clock import Clock
from tests.fakes.graph import CPU_QUOTA, PERMISSION, BrokenOff, Graph, Refusal, Silence, Words
from tests.fakes.identity import token

PATH = "/v1.0/security/runHuntingQuery"
QUERY = {"query": "DeviceInfo | where DeviceName == 'very private'"}
ANSWER = b'{"schema":[],"results":[]}'
BUSY = Refusal(429, "TooManyRequests", "Too many calls")
RIGHT = token("https://graph.microsoft.com", [PERMISSION])
START = datetime(2026, 11, 24, 12, 3, tzinfo=UTC)


class Empty:
    """A tenant without events."""

    def rows(self, _query, _window):
        return iter(())


@pytest.fixture
def graph():
    with Graph(Empty()) as opened:
        yield opened
    assert opened.violations == []


def session(graph, clock, *, bearer=RIGHT, **changes):
    given = {
        "name": "Microsoft Graph",
        "url": graph.url if graph else "",
        "token": lambda: bearer,
        "retries": Retries(now=clock.now, sleep=clock.sleep),
        "timeouts": (5.0, 5.0),
    }
    return Session(**given | changes)


def ask(graph, clock=None, *, path=PATH, **changes):
    with session(graph, clock or Clock(), **changes) as opened:
        return bytes(opened.ask("POST", path, QUERY, permission=PERMISSION))


def statuses(graph):
    return [call.status for call in graph.calls]


def test_contract_a_call_says_who_asks_and_carries_an_id_of_its_own(graph):
    assert ask(graph).endswith(ANSWER[1:])
    ask(graph)
    first, second = (call.headers for call in graph.calls)
    assert {name: first[name] for name in ("User-Agent", "Content-Type", "Accept", "Authorization")} == {
        "User-Agent": f"vizsla/{VERSION}",
        "Content-Type": "application/json; charset=utf-8",
        "Accept": "application/json",
        "Authorization": f"Bearer {RIGHT}",
    }
    assert first["Client-Request-Id"] != second["Client-Request-Id"]


@pytest.mark.parametrize(
    ("faults", "slept"),
    [
        ([Refusal(429, headers={"Retry-After": "7"})], [7]),
        ([Refusal(429, headers={"Retry-After": "Tue, 24 Nov 2026 12:03:09 GMT"})], [9]),
        ([Refusal(503, headers={"Retry-After": "2"}), Refusal(429, headers={"Retry-After": "3"})], [2, 3]),
        ([Refusal(500)], [1]),
        ([Refusal(502), Refusal(504)], [1, 2]),
        ([Refusal(408)], [1]),
        ([Words(b"<html>bad gateway</html>", status=502)], [1]),
        ([BrokenOff()], [1]),
        ([BUSY], [1]),
        ([Refusal(429, message=CPU_QUOTA, headers={"Retry-After": "5"})], [5]),
    ],
)
def test_contract_what_passes_is_asked_again(graph, faults, slept):
    clock = Clock(START)
    graph.faults.extend(faults)
    assert ask(graph, clock).endswith(ANSWER[1:])
    assert [least <= each <= least + 1 for least, each in zip(slept, clock.slept, strict=True)] == [True] * len(slept)
    assert len({call.headers["Client-Request-Id"] for call in graph.calls}) == len(faults) + 1


@pytest.mark.parametrize(
    ("start", "until"),
    [((12, 3), (12, 15)), ((12, 0), (12, 15)), ((12, 46), (13, 0)), ((12, 13), (12, 15))],
)
def test_contract_a_cpu_quota_is_put_off_until_the_next_quarter_of_an_hour(graph, start, until):
    clock = Clock(START.replace(hour=start[0], minute=start[1]))
    graph.faults.append(Refusal(429, "TooManyRequests", CPU_QUOTA))
    with pytest.raises(Throttled, match="CPU quota") as caught:
        ask(graph, clock)
    assert caught.value.until == START.replace(hour=until[0], minute=until[1])
    assert (statuses(graph), clock.slept) == ([429], [])


def test_contract_a_cpu_quota_that_is_renewed_within_a_minute_is_waited_for(graph):
    clock = Clock(START.replace(minute=14, second=20))
    graph.faults.append(Refusal(429, "TooManyRequests", CPU_QUOTA))
    ask(graph, clock)
    assert clock.slept == [40]


def test_contract_a_long_wait_is_put_off_with_the_words_and_ids_of_the_far_side(graph):
    graph.faults.append(Refusal(429, "TooManyRequests", "Too many calls", headers={"Retry-After": "61"}))
    with pytest.raises(Throttled) as caught:
        ask(graph, Clock(START))
    assert caught.value.until == START + timedelta(seconds=61)
    assert re.fullmatch(
        r"Microsoft Graph answers 429, TooManyRequests: Too many calls "
        r"\(client-request-id [0-9a-f-]{36}, request-id [0-9a-f-]{36}\)",
        str(caught.value),
    )


def test_contract_who_never_answers_is_given_up_after_four_times(graph):
    graph.faults.extend([Refusal(504)] * 4)
    with pytest.raises(RemoteError, match=r"answers 504, UnknownError .*4 times in a row"):
        ask(graph)
    assert statuses(graph) == [504] * 4


def test_contract_silence_is_an_attempt_that_failed(graph):
    graph.faults.append(Silence())
    assert ask(graph, timeouts=(1.0, 0.05)).endswith(ANSWER[1:])
    assert len(graph.calls) == 2


def test_contract_nobody_there_is_told_without_inner_objects():
    with Graph(Empty()) as gone:
        pass
    with pytest.raises(RemoteError) as caught:
        ask(gone)
    assert re.fullmatch(
        r"Microsoft Graph: POST /v1.0/security/runHuntingQuery: no whole answer "
        r"\(the connection failed or broke off; client-request-id [0-9a-f-]{36}\), 4 times in a row\.",
        str(caught.value),
    )


@pytest.mark.parametrize(
    ("bearer", "status"),
    [
        ("no token at all", 401),
        (token("https://graph.microsoft.us", [PERMISSION]), 401),
        (token("https://graph.microsoft.com"), 403),
        (token("https://graph.microsoft.com", ["SecurityAlert.Read.All"]), 403),
    ],
)
def test_contract_what_is_missing_is_said_by_name_with_the_cure(graph, bearer, status):
    clock = Clock()
    with pytest.raises(NotPermitted) as caught:
        ask(graph, clock, bearer=bearer)
    told = str(caught.value)
    assert f"answers {status}" in told
    assert "needs the application permission ThreatHunting.Read.All. An administrator grants it once" in told
    assert (statuses(graph), clock.slept, bearer in told) == ([status], [], False)


@pytest.mark.parametrize("status", [400, 404, 409, 414])
def test_contract_a_refusal_is_not_repeated_and_keeps_status_code_and_reason(graph, status):
    clock = Clock()
    graph.faults.append(Refusal(status, "BadRequest", "no\nsuch \u202e table"))
    with pytest.raises(Refused) as caught:
        ask(graph, clock)
    error = caught.value
    assert (error.status, error.code, error.reason, clock.slept) == (status, "BadRequest", "no such table", [])


def test_contract_a_redirect_is_not_followed(graph):
    graph.faults.append(Refusal(307, headers={"Location": f"{graph.url}/elsewhere"}))
    with pytest.raises(Refused, match="answers 307"):
        ask(graph)
    assert len(graph.calls) == 1


def test_contract_an_answer_without_end_is_refused_as_too_large(graph):
    graph.faults.append(Words(b'{"x": "' + b"x" * (3 << 20) + b'"}'))
    with pytest.raises(Refused, match="longer than 2 MB") as caught:
        ask(graph, most_bytes=2 << 20)
    assert caught.value.status == 413


def test_contract_the_budget_is_kept_before_the_far_side_has_to_say_so(graph):
    clock, kept = Clock(START), Memory()
    limits = (Limit(2, timedelta(seconds=30)), Limit(3, timedelta(hours=1)))
    budget = Budget(quota=kept, tenant="contoso", limits=limits)
    for _ in range(3):
        ask(graph, clock, budget=budget)
    assert clock.slept == [30]
    with pytest.raises(Throttled) as caught:
        ask(graph, clock, budget=budget)
    assert (caught.value.until, statuses(graph)) == (START + timedelta(hours=1), [200] * 3)
    assert str(caught.value) == (
        "Microsoft Graph: 2 calls in 0:00:30 and 3 calls in 1:00:00 for contoso are used up until 13:03:00Z"
    )


def test_contract_an_attempt_that_is_repeated_counts_in_the_budget(graph):
    clock = Clock(START)
    graph.faults.extend([Refusal(500), Refusal(500)])
    ask(graph, clock, budget=Budget(quota=Memory(), tenant="t", limits=(Limit(2, timedelta(seconds=30)),)))
    assert sum(clock.slept) > 29.9  # the budget frees a call after 30 s


def test_contract_the_log_has_the_ids_and_neither_token_nor_query(graph, caplog):
    caplog.set_level(logging.DEBUG)
    graph.faults.extend([Refusal(500), BrokenOff()])
    ask(graph)
    ids = [call.headers["Client-Request-Id"] for call in graph.calls]
    ours = [record.getMessage() for record in caplog.records if record.name == "vizsla.remote"]
    assert [any(each in line for line in ours) for each in ids] == [True] * 3
    assert re.match(
        r"Microsoft Graph: POST /v1.0/security/runHuntingQuery: 500, \d+ bytes, \d+\.\d s, client-", ours[0]
    )
    everything = "\n".join(record.getMessage() for record in caplog.records)
    assert RIGHT not in everything
    assert "private" not in everything


def test_contract_a_password_in_netrc_does_not_take_the_tokens_place(graph, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password wrong", "utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert ask(graph).endswith(ANSWER[1:])


def test_contract_a_certificate_that_nobody_vouches_for_ends_the_call(tmp_path):
    clock = Clock()
    with Authority(tmp_path) as stranger, pytest.raises(RemoteError, match="certificate is not trusted"):
        ask(stranger, clock)
    assert clock.slept == []


def test_contract_a_certificate_that_the_machine_trusts_is_enough(tmp_path, monkeypatch):
    with Authority(tmp_path) as known:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(known.bundle))
        assert b"token_endpoint" in ask(known, path="/tenant/openid-configuration")


def test_plain_http_to_another_machine_is_refused_before_anything_is_sent():
    with pytest.raises(SettingsError, match="is not encrypted"):
        Session(name="Microsoft Graph", url="http://graph.microsoft.com", token=lambda: "x", retries=Retries())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"error": {"code": "C", "message": "M"}}', ("C", "M")),
        (b'{"error": {"code": "C", "message": ""}}', ("C", "")),
        (b'{"error": {"code": 7, "message": null}}', ("", "")),
        (b'{"error": "bad"}', ("", "")),
        (b"[]", ("", "")),
        (b"<html>", ("", "")),
        (b"", ("", "")),
        (b'"\xff"', ("", "")),
        (b'{"error": {"message": "' + b"long " * 200 + b'"}}', ("", ("long " * 100)[:500])),
    ],
)
def test_a_complaint_is_read_where_there_is_one(body, expected):
    assert complaint(body) == expected


def test_the_version_is_the_packages():
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == VERSION
