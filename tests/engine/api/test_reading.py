"""What can be read: hunts with their bounds, findings page by page, health in a word and at length."""

from datetime import timedelta

import pytest

from engine import runner
from engine.errors import StoreError
from engine.model.run import Window
from engine.record import Request
from engine.stores.memory import Memory
from tests.engine.api.house import HUNT, NOON, ORIGIN, burst, launch
from tests.engine.test_health import a_run
from tests.engine.test_runner import HUNT as LOADED
from tests.engine.test_runner import Rows


def test_a_hunt_is_offered_with_its_bounds(built):
    _, _, said = built().ask("GET", "/api/hunts")
    (offer,) = (hunt for hunt in said["hunts"] if hunt["id"] == HUNT)
    parameters = {each.pop("name"): each for each in offer.pop("parameters")}
    assert offer == {
        "id": HUNT,
        "title": "Two questions",
        "hypothesis": "Whoever asks two different things on one device within minutes is new there.",
        "tactic": "TA0007",
        "techniques": ["T1033", "T1016"],
    }
    nothing = {"minimum": None, "maximum": None, "choices": [], "pattern": ""}
    assert parameters == {
        "window": {
            **nothing, "type": "timespan", "description": "The longest span.", "default": "10m",
            "minimum": "1m", "maximum": "1h",
        },
        "minimum": {
            **nothing, "type": "int", "description": "How many different questions.", "default": "2",
            "minimum": 2, "maximum": 20,
        },
        "repeats": {
            **nothing, "type": "string", "description": "What a repeat is worth.", "default": '"each"',
            "choices": ["each", "all"],
        },
    }  # fmt: skip


def found(store, *devices):
    """Records findings as a scheduled run does, one a device, a minute apart."""
    rows = [row for minute, device in enumerate(devices) for row in burst(device, minute=minute)]
    window = Window(NOON - timedelta(hours=1), NOON)
    request = Request(id="r", tenant="t", window=window, now=NOON, scheduled=True, kind="window")
    runner.run(LOADED, request, source=Rows(*([row] for row in rows)), sinks={}, store=store)


@pytest.fixture
def full(built):
    house = built()
    found(house.store, "ws1", "ws10", "ws2")
    return house


def devices(said):
    return [finding["device"]["id"] for finding in said["findings"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["ws2", "ws10", "ws1"]),
        ("?device=ws1", ["ws1"]),
        ("?device=WS1.Contoso.com", ["ws1"]),
        ("?device=ws", []),
        ("?since=2026-11-24T11:01:00Z", ["ws2", "ws10"]),
        ("?since=2026-11-24T12:01:00%2B01:00", ["ws2", "ws10"]),
        ("?since=2030-01-01", []),
        ("?severity=low", ["ws2", "ws10", "ws1"]),
        ("?severity=high", []),
    ],
)
def test_findings_are_told_apart(full, query, expected):
    status, _, said = full.ask("GET", f"/api/findings{query}")
    assert (status, devices(said), said["next"]) == (200, expected, "")


def test_findings_are_read_page_by_page(full):
    seen, url = [], "/api/findings?limit=1&severity=low"
    while url:
        _, _, said = full.ask("GET", url)
        seen += devices(said)
        url = said["next"]
        assert url == "" or url.startswith(f"{ORIGIN}/api/findings?limit=1&severity=low&after=")
    assert seen == ["ws2", "ws10", "ws1"]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("severity", "critical"),
        ("severity", ""),
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "ten"),
        ("limit", "-1"),
        ("limit", "٣"),
        ("limit", "9" * 5_000),
        ("since", "yesterday"),
        ("since", "0001-01-01T00:00:00%2B23:00"),
    ],
)
def test_a_wrong_parameter_is_named(built, parameter, value):
    status, _, said = built().ask("GET", f"/api/findings?{parameter}={value}")
    assert (status, [mistake["parameter"] for mistake in said["errors"]]) == (400, [parameter])


def test_a_page_after_an_unknown_finding_is_not_found(full):
    assert full.ask("GET", "/api/findings?after=x")[0] == 404


def health(house):
    return [house.ask("GET", path)[::2] for path in ("/api/health", "/api/health/detail")]


def test_a_probe_learns_nothing_but_a_word_and_whoever_has_the_key_all(built):
    house = built()
    (status, word), (_, detail) = health(house)
    assert (status, word, detail["healthy"]) == (200, {"status": "ok"}, True)
    house.store.record_run(a_run(hunt=HUNT, status="failed", error="no right"))
    (status, word), (detailed, detail) = health(house)
    assert (status, word, detailed) == (503, {"status": "unhealthy"}, 503)
    assert "two-questions failed last time: no right" in detail["problems"]


class Closed(Memory):
    def runs(self, *_, **__):
        raise StoreError("the account is locked")


def test_a_store_that_cannot_be_read_is_unhealthy(built):
    assert health(built(store=Closed())) == [
        (503, {"status": "unhealthy"}),
        (503, {"healthy": False, "problems": ["the account is locked"]}),
    ]


def test_runs_on_demand_are_no_matter_of_health(built):
    house = built(launch("ws1", 1, "whoami"))
    house.run({"devices": [{"name": "nobody"}]})
    assert health(house)[0] == (200, {"status": "ok"})
