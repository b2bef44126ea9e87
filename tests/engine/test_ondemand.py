"""What a caller asks for becomes a window and typed values, or one message that says what to write instead."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine import loader, ondemand
from engine.errors import ParameterError
from engine.model.run import Window
from engine.ondemand import Asked
from engine.sources.recorded import Recorded
from engine.stores.memory import Memory

HUNT = loader.load(Path(__file__).parent / "hunts" / "two-questions")
SINCE = loader.load(loader.HUNTS / "discovery-burst")


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


FIRST, NOON, NEWEST = at("2026-11-23"), at("2026-11-23T12:00"), at("2026-11-24T12:00")
DATA = Window(FIRST, NEWEST)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (Asked(), DATA),
        (Asked(since="2026-11-23T12:00:00Z"), Window(NOON, NEWEST)),
        (Asked(since="2026-11-23T12:00"), Window(NOON, NEWEST)),
        (Asked(since="2026-11-23T14:00:00+02:00"), Window(NOON, NEWEST)),
        (Asked(since="2026-11-24"), Window(at("2026-11-24"), NEWEST)),
        (Asked(until="2026-11-23T12:00:00Z"), Window(FIRST, NOON)),
        (Asked(since="2020-01-01", until="2030-01-01T00:00:00Z"), Window(at("2020-01-01"), at("2030-01-01"))),
        (Asked(last="24h"), Window(NOON, NEWEST)),
        (Asked(last="1.5d", until="2026-11-25T00:00:00Z"), Window(NOON, at("2026-11-25"))),
        (Asked(last="99999999d"), Window(at("1970-01-01"), NEWEST)),
    ],
)
def test_what_is_not_said_of_the_window_is_taken_from_the_data(asked, expected):
    assert ondemand.window(asked, DATA) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (Asked(since="yesterday"), "since: yesterday is no moment like 2026-11-24T10:50:00Z."),
        (Asked(until="2026-13-01"), "until: 2026-13-01 is no moment like 2026-11-24T10:50:00Z."),
        (Asked(since="0001-01-01T00:00:00+14:00"), "since: 0001-01-01T00:00:00+14:00 lies outside 1970 to 2200."),
        (Asked(until="9999-12-31T23:59:59-14:00"), "until: 9999-12-31T23:59:59-14:00 lies outside 1970 to 2200."),
        (Asked(last="a while"), "last: a while is no timespan like 10m, 24h or 7d."),
        (Asked(last="-1h"), "last: -1h is no timespan like 10m, 24h or 7d."),
        (Asked(last="9999999999999d"), "last: 9999999999999d is too long."),
        (Asked(last="1h", since="2026-11-23"), "--last and --since both name the start of the window: give one."),
        (
            Asked(since="2026-11-24", until="2026-11-24"),
            "the window is empty: it begins at 2026-11-24T00:00:00+00:00 and ends at 2026-11-24T00:00:00+00:00.",
        ),
        (
            Asked(last="0s"),
            "the window is empty: it begins at 2026-11-24T12:00:00+00:00 and ends at 2026-11-24T12:00:00+00:00.",
        ),
    ],
)
def test_a_window_that_is_none_is_refused(asked, expected):
    with pytest.raises(ParameterError) as caught:
        ondemand.window(asked, DATA)
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (Asked(), {}),
        (Asked(parameters={"minimum": "3", "window": "90s"}), {"minimum": 3, "window": timedelta(seconds=90)}),
        (Asked(parameters={"minimum": 3}), {"minimum": 3}),
        (Asked(devices=("ws01", "ws02")), {"devices": ("ws01", "ws02")}),
        (Asked(parameters={"devices": "ws01,ws02"}), {"devices": ("ws01", "ws02")}),
    ],
)
def test_values_are_typed(asked, expected):
    assert ondemand.values(HUNT, asked) == expected


@pytest.mark.parametrize(
    ("hunt", "asked", "expected"),
    [
        (
            HUNT,
            Asked(parameters={"minimun": "3"}),
            "minimun is no parameter of two-questions. Did you mean minimum?",
        ),
        (
            HUNT,
            Asked(parameters={"colour": "red"}),
            "colour is no parameter of two-questions. Known: devices, minimum, repeats, window.",
        ),
        (HUNT, Asked(parameters={"minimum": "one"}), "minimum: 'one' is no int. It takes an int from 2 to 20."),
        (HUNT, Asked(parameters={"minimum": "1"}), "minimum: out of bounds. It takes an int from 2 to 20."),
        (HUNT, Asked(parameters={"minimum": True}), "minimum: True is no int. It takes an int from 2 to 20."),
        (HUNT, Asked(parameters={"window": "2h"}), "window: out of bounds. It takes a timespan from 1m to 1h."),
        (
            HUNT,
            Asked(parameters={"repeats": "never"}),
            "repeats: 'never' is none of its choices. It takes a string of each | all.",
        ),
        (
            HUNT,
            Asked(devices=('ws"01',)),
            "devices: 'ws\"01' does not match. It takes a string list matching [\\w.-]+.",
        ),
        (
            HUNT,
            Asked(devices=tuple("abcdefghijk")),
            "devices: 11 items, at most 10. It takes a string list matching [\\w.-]+.",
        ),
        (
            HUNT,
            Asked(devices=("a",), parameters={"devices": "b"}),
            "--device and the parameter devices name the same: give one.",
        ),
        (
            SINCE,
            Asked(parameters={"since": "2026-11-24"}),
            "since is the start of the run's window: give --since or --last.",
        ),
        (SINCE, Asked(parameters={"device_slices": 2}), "device_slices is set by the engine alone."),
        (SINCE, Asked(parameters={"minimum": 3, "device_slice": "0"}), "device_slice is set by the engine alone."),
        (SINCE, Asked(parameters={"routine": "a,b"}), "routine is set by the engine alone."),
    ],
)
def test_values_that_a_hunt_does_not_take_are_refused(hunt, asked, expected):
    with pytest.raises(ParameterError) as caught:
        ondemand.values(hunt, asked)
    assert str(caught.value) == expected


def test_a_run_on_demand_is_recorded_but_moves_no_watermark_and_writes_no_finding():
    store = Memory()
    launches = [
        {
            "Timestamp": f"2026-11-24T10:00:0{number}.0000000Z",
            "DeviceId": "d",
            "ReportId": number,
            "FileName": f"{program}.exe",
            "ProcessCommandLine": program,
            "InitiatingProcessFileName": "tool.exe",
            "InitiatingProcessId": 7,
        }
        for number, program in enumerate(("whoami", "ipconfig"))
    ]
    with Recorded(tables={"DeviceProcessEvents": launches}) as source:
        outcome = ondemand.run(HUNT, Asked(), source=source, whole=DATA, store=store)
    assert (outcome.run.status, outcome.run.window, outcome.run.events) == ("succeeded", DATA, 2)
    assert [finding.device.id for finding in outcome.findings] == ["d"]
    assert store.runs() == (outcome.run,)
    assert store.watermark("default", HUNT.id) is None
    assert store.finding(outcome.findings[0].fingerprint) is None
