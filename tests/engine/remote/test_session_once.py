"""What a session does with a request that must not be carried out twice."""

import logging
import socket

import msgspec
import pytest

from engine.errors import NotPermitted, Refused, RemoteError, Unclear
from tests.engine.remote.test_session import PATH, QUERY, START, Clock, Empty, session, statuses
from tests.fakes.graph import PERMISSION, BrokenOff, Graph, Refusal, Silence

BODY = msgspec.json.encode(QUERY)


@pytest.fixture
def graph():
    with Graph(Empty()) as opened:
        yield opened


def tell(graph, clock=None, *, path=PATH, shown="", **changes):
    with session(graph, clock or Clock(START), **changes) as opened:
        return bytes(opened.tell("POST", path, BODY, permission=PERMISSION, shown=shown))


@pytest.mark.parametrize("fault", [Refusal(500), Refusal(502), Refusal(504), Refusal(408), BrokenOff()])
def test_what_may_have_been_carried_out_is_unclear_and_not_repeated(graph, fault):
    clock = Clock(START)
    graph.faults.append(fault)
    with pytest.raises(Unclear):
        tell(graph, clock)
    assert (len(graph.calls), clock.slept) == (1, [])


def test_silence_is_unclear(graph):
    graph.faults.append(Silence())
    with pytest.raises(Unclear, match="it fell silent"):
        tell(graph, timeouts=(1.0, 0.05))
    assert len(graph.calls) <= 1


@pytest.mark.parametrize("fault", [Refusal(429, headers={"Retry-After": "7"}), Refusal(429), Refusal(503)])
def test_what_was_not_taken_is_told_again(graph, fault):
    graph.faults.append(fault)
    assert tell(graph)
    assert statuses(graph) == [fault.status, 200]


def test_where_there_was_no_connection_it_is_tried_again():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    clock = Clock(START)
    with session(None, clock, url=url) as opened, pytest.raises(RemoteError, match="4 times in a row") as caught:
        opened.tell("POST", PATH, BODY, permission=PERMISSION)
    assert (isinstance(caught.value, Unclear), len(clock.slept)) == (False, 3)


def test_a_path_that_is_a_secret_stands_neither_in_the_log_nor_in_an_error(graph, caplog):
    caplog.set_level(logging.INFO)
    graph.faults.extend([Refusal(429), BrokenOff()])
    with pytest.raises(Unclear) as caught:
        tell(graph, path=f"{PATH}?sig=very-secret", shown="its webhook")
    assert "its webhook" in str(caught.value)
    assert "very-secret" not in caplog.text + str(caught.value)


def test_without_a_token_nobody_signs_in(graph, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login anna password p\n", "utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with pytest.raises(NotPermitted):
        tell(graph, token=None)
    assert "Authorization" not in graph.calls[0].headers


def test_the_cure_for_a_missing_right_is_the_callers(graph):
    with pytest.raises(NotPermitted, match=r"\. Grant ThreatHunting\.Read\.All on the rule\.$"):
        tell(graph, bearer="none", cure=lambda right: f"Grant {right} on the rule.")


@pytest.mark.parametrize("status", [400, 404, 409, 412, 413])
def test_a_refusal_is_final(graph, status):
    graph.faults.append(Refusal(status, "Code", "why"))
    with pytest.raises(Refused) as caught:
        tell(graph)
    assert (caught.value.status, statuses(graph)) == (status, [status])
