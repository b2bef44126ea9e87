"""The environment is read once; what is wrong in it is named."""

from pathlib import Path

import pytest

from engine.errors import SettingsError
from engine.settings import SETTINGS, Live, Places, Settings, read


def test_nothing_set_is_the_usual():
    assert read({"PATH": "/bin"}) == Settings()
    assert Settings().live == Live()


def test_everything_set_is_taken():
    assert read(
        {
            "VIZSLA_HUNTS": "hunts",
            "VIZSLA_FROM": "a.ndjson; b/*.gz;",
            "VIZSLA_STORE": "s.db",
            "VIZSLA_SINKS": "memory;teams",
            "VIZSLA_TENANT": "contoso",
            "VIZSLA_CLOUD": "us-gov-l4",
            "VIZSLA_SIGN_IN": "developer",
            "VIZSLA_IDENTITY": "i",
            "VIZSLA_APP": "a",
            "VIZSLA_APP_CERTIFICATE": "app.pem",
            "VIZSLA_APP_SECRET": "s",
            "VIZSLA_GRAPH_URL": "http://127.0.0.1:1",
            "VIZSLA_AUTHORITY_URL": "https://127.0.0.1:2",
            "VIZSLA_ROW_LIMIT": "100",
            "VIZSLA_CALLS_A_MINUTE": "5",
            "VIZSLA_CALLS_AN_HOUR": "50",
            "VIZSLA_COMMENTS": "off",
            "VIZSLA_TEAMS_URL": "https://a",
            "VIZSLA_TEAMS_URL_SOC": "https://b",
            "VIZSLA_TEAMS_HOSTS": "127.0.0.1; *.contoso.com",
            "VIZSLA_LOGS_URL": "https://c",
            "VIZSLA_LOGS_RULE": "dcr-1",
            "VIZSLA_LOGS_STREAM": "Custom-Other",
        }
    ) == Settings(
        hunts=Path("hunts"),
        paths=("a.ndjson", "b/*.gz"),
        store=Path("s.db"),
        sinks=("memory", "teams"),
        tenant="contoso",
        live=Live(
            cloud="us-gov-l4",
            sign_in="developer",
            identity="i",
            app="a",
            certificate=Path("app.pem"),
            secret="s",  # noqa: S106 - none
            graph_url="http://127.0.0.1:1",
            authority_url="https://127.0.0.1:2",
            row_limit=100,
            calls_a_minute=5,
            calls_an_hour=50,
        ),
        places=Places(
            teams={"": "https://a", "soc": "https://b"},
            teams_hosts=("127.0.0.1", "*.contoso.com"),
            logs_url="https://c",
            logs_rule="dcr-1",
            logs_stream="Custom-Other",
            comments=False,
        ),
    )


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ""),
        ({"IDENTITY_ENDPOINT": "http://127.0.0.1:1"}, "identity"),
        ({"IDENTITY_ENDPOINT": "http://127.0.0.1:1", "VIZSLA_APP": "a"}, "app"),
        ({"IDENTITY_ENDPOINT": "http://127.0.0.1:1", "VIZSLA_SIGN_IN": "developer"}, "developer"),
        ({"VIZSLA_SIGN_IN": "identity"}, "identity"),
    ],
)
def test_who_signs_in_is_said_or_follows_from_where_it_runs(environment, expected):
    assert read(environment).live.sign_in == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("VIZSLA_GRAPH", "x", "VIZSLA_GRAPH: no such setting. Known: VIZSLA_HUNTS, "),
        ("VIZSLA_TEAMS_URL_", "x", "VIZSLA_TEAMS_URL_: no such setting. Known: VIZSLA_HUNTS, "),
        ("VIZSLA_COMMENTS", "yes", "VIZSLA_COMMENTS: yes is neither on nor off."),
        ("VIZSLA_SIGN_IN", "me", "VIZSLA_SIGN_IN: me is none of identity, app, developer."),
        ("VIZSLA_ROW_LIMIT", "many", "VIZSLA_ROW_LIMIT: many is no whole number above 0."),
        ("VIZSLA_ROW_LIMIT", "0", "VIZSLA_ROW_LIMIT: 0 is no whole number above 0."),
        ("VIZSLA_CALLS_A_MINUTE", "-1", "VIZSLA_CALLS_A_MINUTE: -1 is no whole number above 0."),
        ("VIZSLA_CALLS_AN_HOUR", "\u0661", "VIZSLA_CALLS_AN_HOUR: \u0661 is no whole number above 0."),
    ],
)
def test_what_is_wrong_is_named(name, value, expected):
    with pytest.raises(SettingsError) as caught:
        read({name: value})
    assert str(caught.value).startswith(expected)


def test_a_secret_does_not_show():
    assert "very private" not in repr(read({"VIZSLA_APP_SECRET": "very private"}))


def test_every_setting_says_what_it_is_for():
    assert [name for name, says in SETTINGS.items() if not says.endswith(".")] == []
