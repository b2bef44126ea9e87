"""Whether a sink could be told is looked at without telling it anything."""

from datetime import UTC, datetime

import pytest

from engine.errors import NotPermitted, Refused, RemoteError
from engine.remote.session import Session
from engine.sinks.console import Console
from engine.sinks.defender_alert import ALERTS, RIGHTS, DefenderAlert
from engine.sinks.log_analytics import LogAnalytics
from engine.sinks.memory import Memory
from engine.sinks.teams import Teams
from tests.engine.remote.test_session import Clock, Empty, Retries, session
from tests.engine.sinks.test_log_analytics import COLUMNS
from tests.fakes import teams as channels
from tests.fakes.graph import Graph, Refusal
from tests.fakes.identity import token
from tests.fakes.logs import RULE, STREAM, Logs

READS = token("https://graph.microsoft.com", [RIGHTS[f"GET {ALERTS}"]])


def test_what_is_here_is_always_ready(capsys):
    Console().check()
    kept = Memory()
    kept.check()
    assert (capsys.readouterr().out, kept.notices) == ("", {})


def test_a_channel_is_asked_at_its_host_alone():
    with channels.Teams() as channel:
        sink = Teams(session=at(channel.url, token=None), path=channel.path)
        sink.check()
        assert (channel.posted, channel.statuses) == ([], [401])
    with pytest.raises(RemoteError, match="Teams: HEAD /: no answer"):
        sink.check()


def test_a_rule_is_asked_at_its_endpoint_alone_after_somebody_signed_in():
    signed = []
    with Logs(COLUMNS) as logs:
        sink = LogAnalytics(session=at(logs.url, token=lambda: signed.append("in") or "t"), rule=RULE, stream=STREAM)
        sink.check()
        assert (logs.rows, signed, [each.size for each in logs.calls]) == ([], ["in"], [0])


def test_alerts_are_listed_one_at_the_most_and_none_is_opened():
    with Graph(Empty()) as graph:
        graph.alerts.open()
        DefenderAlert(session=session(graph, Clock(datetime.now(UTC)), bearer=READS)).check()
        assert [each.asked for each in graph.calls] == [f"GET {ALERTS}"]
        assert (len(graph.alerts.alerts), graph.violations) == (1, [])


@pytest.mark.parametrize(
    ("fault", "bearer", "expected"),
    [
        (Refusal(400, "BadRequest", "No."), READS, Refused),
        (None, token("https://graph.microsoft.com", ["SecurityAlert.Create.All"]), NotPermitted),
    ],
)
def test_alerts_that_cannot_be_listed_are_told(fault, bearer, expected):
    with Graph(Empty()) as graph:
        graph.faults.append(fault)
        with pytest.raises(expected):
            DefenderAlert(session=session(graph, Clock(), bearer=bearer)).check()


def at(url, **changes):
    return Session(name="Teams", url=url, retries=Retries(), **changes)
