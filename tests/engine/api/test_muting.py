"""Mutes over HTTP: made, listed, taken back, and refused with a pointer."""

from datetime import timedelta

import pytest

from tests.engine.api.house import NOON

WISH = {
    "device": "ws1.contoso.com",
    "actor": r"C:\Tools\tool.exe",
    "until": "7d",
    "owner": "anna",
    "reason": "a trial",
}


def test_a_mute_is_made_listed_and_taken_back(built):
    house = built()
    status, _, made = house.ask("POST", "/api/mutes", WISH)
    assert (status, made["device"], made["actor"], made["owner"]) == (
        201, "ws1.contoso.com", r"c:\tools\tool.exe", "anna",
    )  # fmt: skip
    assert made["until"] == f"{NOON + timedelta(days=7):%Y-%m-%dT%H:%M:%SZ}"
    assert house.ask("GET", "/api/mutes")[2] == {"mutes": [made]}
    assert house.ask("DELETE", f"/api/mutes/{made['id']}")[::2] == (200, made)
    assert house.ask("GET", "/api/mutes")[2] == {"mutes": []}
    assert house.ask("DELETE", f"/api/mutes/{made['id']}")[0] == 404


def test_what_is_over_is_listed_where_it_is_asked_for(built):
    house = built()
    house.ask("POST", "/api/mutes", WISH)
    house.now += timedelta(days=8)
    counts = [len(house.ask("GET", f"/api/mutes{query}")[2]["mutes"]) for query in ("", "?past=false", "?past=true")]
    assert counts == [0, 0, 1]
    status, _, said = house.ask("GET", "/api/mutes?past=yes")
    assert (status, said["errors"][0]["parameter"]) == (400, "past")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"until": ""}, "/until"),
        ({"until": "soon"}, "/until"),
        ({"until": "91d"}, "/until"),
        ({"until": "2026-11-01"}, "/until"),
        ({"owner": " "}, "/owner"),
        ({"reason": ""}, "/reason"),
        ({"actor": "tool.exe"}, "/actor"),
        ({"device": "ws\u202e1"}, "/device"),
        ({"device": "x" * 501}, "/device"),
        ({"hunt": "no-such"}, "/hunt"),
        ({"intents": ["no-such"]}, "/intents"),
        ({"device": "", "actor": "", "fingerprint": "no-such"}, "/fingerprint"),
        ({"device": "", "actor": ""}, ""),
        ({"actor": ""}, ""),
        ({"fingerprint": "x"}, ""),
        ({"all": "yes"}, "/all"),
        ({"intents": [1]}, "/intents/0"),
        ({"for": "7d"}, "/for"),
    ],
)
def test_what_cannot_be_muted_so_is_a_400_that_points_at_its_field(built, changes, pointer):
    house = built()
    status, _, said = house.ask("POST", "/api/mutes", {**WISH, **changes})
    assert (status, [mistake["pointer"] for mistake in said["errors"]]) == (400, [pointer])
    assert "--" not in said["detail"]
    assert house.ask("GET", "/api/mutes")[2] == {"mutes": []}


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"[" * 100_000, 400), (b" " * (1 << 18) + b"{}", 413)])
def test_a_body_that_is_none_is_refused(built, body, status):
    assert built().ask("POST", "/api/mutes", body=body)[0] == status
