"""Rows that came late: what they touch is judged again, in few runs, and what came in time is left alone."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from engine import late, loader
from engine.late import LateDevice
from engine.model.run import Window
from engine.sources.local import Local
from engine.sources.recorded import Recorded

HUNTS = loader.load_all().hunts
BURST = HUNTS["discovery-burst"]
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SWEEP = {"received_since": NOON, "settled": NOON + timedelta(minutes=55), "horizon": timedelta(days=7)}
WHOAMI = {"FileName": "whoami.exe"}
SHELL = {"FileName": "CMD.EXE"}


def stamp(hours):
    """So many hours after noon, as Defender writes it."""
    return f"{NOON + timedelta(hours=hours):%Y-%m-%dT%H:%M:%S}.1234560Z"


def row(device, hours, received, **columns):
    return {"DeviceId": device, "Timestamp": stamp(hours), "_ArrivalTime": stamp(received), **columns}


def asked(command):
    return {"ActionType": "PowerShellCommand", "AdditionalFields": json.dumps({"Command": command})}


def found(*processes, events=(), hunt=BURST):
    tables = {"DeviceProcessEvents": processes, "DeviceEvents": events}
    with Recorded(tables={table: rows for table, rows in tables.items() if rows}) as source:
        return late.late_devices(hunt, source, **SWEEP)


def around(device, start, end):
    """What is judged again for rows from `start` to `end`, with twenty minutes that the flagship's runs overlap."""
    moments = [datetime.fromisoformat(stamp(hours)) for hours in (start, end)]
    overlap = timedelta(minutes=20)
    return LateDevice(
        device,
        Window(moments[0] - overlap, min(moments[1] + timedelta(microseconds=1) + overlap, SWEEP["settled"])),
    )


@pytest.mark.parametrize(
    ("hours", "received", "columns", "late"),
    [
        (-3, 0.1, WHOAMI, [(-3, -3)]),
        (-3, 0.1, {"FileName": "q.exe", "ProcessVersionInfoOriginalFileName": "WHOAMI.EXE"}, [(-3, -3)]),
        (-3, 0.1, {"FileName": "notepad.exe"}, []),
        (-30, 0.1, SHELL, [(-30, -6)]),
        (-3, 0.1, SHELL, [(-3, 21)]),
        (-3, -0.1, WHOAMI, []),  # the sweep before has seen it
        (0.5, 0.5 + 4.9 / 60, WHOAMI, []),  # a run has waited for it
        (0.5, 0.5 + 5.1 / 60, WHOAMI, [(0.5, 0.5)]),
        (0.95, 1.5, WHOAMI, []),  # no run has looked at it yet
        (-7 * 24 + 1, 0.1, WHOAMI, [(-7 * 24 + 1, -7 * 24 + 1)]),
        (-7 * 24 - 1, 0.1, WHOAMI, []),
    ],
)
def test_a_row_that_a_run_has_waited_for_in_vain_is_late(hours, received, columns, late):
    assert found(row("d", hours, received, **columns)) == tuple(around("d", *span) for span in late)


def test_a_device_has_one_window_for_all_its_late_rows():
    rows = [row("a", -3, 1, **WHOAMI), row("b", -9, 1, **WHOAMI), row("a", -1, 1, **WHOAMI), row("a", -2, -1, **WHOAMI)]
    assert found(*rows) == (around("a", -3, -1), around("b", -9, -9))


def test_cmdlets_are_looked_for_where_the_hunt_counts_them():
    events = [row("a", -3, 1, **asked("Get-NetTCPConnection")), row("b", -3, 1, **asked("Out-String"))]
    assert found(events=events) == (around("a", -3, -3),)
    without = replace(BURST, defaults={**BURST.defaults, "include_cmdlets": False})
    assert found(events=events, hunt=without) == ()


def test_how_long_a_run_waits_is_the_hunts_to_say():
    schedule = msgspec.structs.replace(BURST.definition.schedule, settle="2h")
    patient = replace(BURST, definition=msgspec.structs.replace(BURST.definition, schedule=schedule))
    rows = [row("a", -1, 0.9, **WHOAMI), row("b", -1, 1.1, **WHOAMI)]
    assert [device.id for device in found(*rows, hunt=patient)] == ["b"]


def test_a_hunt_without_late_kql_sweeps_nothing():
    assert found(row("d", -3, 1, **WHOAMI), hunt=replace(BURST, late_query=None)) == ()


def test_over_files_the_column_ingestion_time_says_when_a_row_arrived(tmp_path):
    late_row = {"DeviceId": "d", "Timestamp": stamp(-3), "IngestionTime": stamp(0.1), "FileName": "whoami.exe"}
    (tmp_path / "DeviceProcessEvents.json").write_text(json.dumps([late_row, late_row | {"IngestionTime": stamp(-3)}]))
    with Local(paths=[str(tmp_path)]) as source:
        for hunt in HUNTS.values():
            assert [device.id for device in late.late_devices(hunt, source, **SWEEP)] == ["d"]


def window(start, end):
    return Window(NOON + timedelta(hours=start), NOON + timedelta(hours=end))


def grouped(*spans, **bounds):
    """The shared windows of devices a, b, c... that have those spans, each with its devices."""
    devices = [LateDevice(name, window(*span)) for name, span in zip("abcdefgh", spans, strict=False)]
    return [(shared, "".join(ids)) for shared, ids in late.windows(devices, **bounds)]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], []),
        ([(0, 1)], [((0, 1), "a")]),
        ([(1, 2), (0, 1), (2.5, 3)], [((0, 3), "bac")]),
        ([(0, 1), (2.5, 3)], [((0, 1), "a"), ((2.5, 3), "b")]),  # more than an hour apart
        ([(0, 1), (0, 160), (5, 6), (150, 170)], [((0, 160), "abc"), ((150, 170), "d")]),  # no longer than its longest
        ([(hour, hour + 1) for hour in (0, 1, 2)], [((0, 3), "abc")]),
        ([(6 * step, 6 * step + 6) for step in range(6)], [((0, 24), "abcd"), ((24, 36), "ef")]),  # a day at most
    ],
)
def test_devices_whose_windows_are_near_share_a_run(spans, expected):
    assert grouped(*spans) == [(window(*span), ids) for span, ids in expected]


def test_a_run_has_no_more_devices_than_are_asked_for():
    assert grouped(*[(0, 1)] * 5, most=2) == [(window(0, 1), "ab"), (window(0, 1), "cd"), (window(0, 1), "e")]
