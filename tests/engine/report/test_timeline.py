"""Where things stand in the drawings."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.model.event import TICKS_PER_SECOND, ticks
from engine.model.run import Window
from engine.report.timeline import MOST_DEVICES, MOST_LANES, Chart, Mark, Scale, Tick, axis, fit, fleet, lanes
from tests.engine.report.example import FINDINGS, RUN

SECOND = TICKS_PER_SECOND
FIRST = FINDINGS[0]
INSTANTS = st.integers(0, ticks("2100-01-01T00:00:00Z"))


def between(start: str, end: str) -> Scale:
    return Scale(ticks(start), ticks(end))


@pytest.mark.parametrize(
    ("instants", "scale"),
    [
        ([1_000 * SECOND, 1_100 * SECOND], Scale(997 * SECOND, 1_103 * SECOND)),
        ([1_100 * SECOND, 1_050 * SECOND, 1_000 * SECOND], Scale(997 * SECOND, 1_103 * SECOND)),
        ([1_000 * SECOND], Scale(999 * SECOND, 1_001 * SECOND)),
        ([1_000 * SECOND, 1_001 * SECOND], Scale(int(999.5 * SECOND), int(1_001.5 * SECOND))),
    ],
)
def test_a_scale_holds_every_instant_with_room_on_both_sides(instants, scale) -> None:
    assert fit(instants) == scale


@pytest.mark.parametrize(
    ("scale", "labels"),
    [
        (
            between("2026-11-23T12:00:00Z", "2026-11-24T12:00:00Z"),
            ["12:00", "18:00", "24 Nov", "06:00", "12:00"],
        ),
        (between("2026-11-24T09:44:00Z", "2026-11-24T09:49:30Z"), [f"09:{minute}" for minute in range(44, 50)]),
        (between("2026-11-24T02:12:03Z", "2026-11-24T02:12:44Z"), ["02:12:10", "02:12:20", "02:12:30", "02:12:40"]),
        (
            between("2026-11-24T10:00:00Z", "2026-11-24T10:00:02Z"),
            ["10:00:00.0", "10:00:00.5", "10:00:01.0", "10:00:01.5", "10:00:02.0"],
        ),
        (
            between("2026-11-20T08:00:00Z", "2026-11-23T08:00:00Z"),
            ["12:00", "21 Nov", "12:00", "22 Nov", "12:00", "23 Nov"],
        ),
        (
            between("2026-10-31T00:00:00Z", "2026-11-05T00:00:00Z"),
            ["31 Oct", "1 Nov", "2 Nov", "3 Nov", "4 Nov", "5 Nov"],
        ),
    ],
)
def test_the_axis_is_labelled_at_round_times(scale, labels) -> None:
    assert [tick.label for tick in axis(scale)] == labels


def test_every_second_label_may_be_left_out() -> None:
    assert axis(between("2026-11-24T10:00:00Z", "2026-11-24T12:00:00Z"), most=4) == (
        Tick(0.0, "10:00", minor=False),
        Tick(50.0, "11:00", minor=True),
        Tick(100.0, "12:00", minor=False),
    )


@given(st.lists(INSTANTS, min_size=1))
def test_everything_stands_within_the_drawing(instants) -> None:
    scale = fit(instants)
    assert all(0 <= scale.at(instant) <= 100 for instant in instants)
    labels = axis(scale)
    assert len(labels) <= 8
    assert all(0 <= tick.at <= 100 for tick in labels)


def test_a_device_has_one_row_in_the_order_of_its_worst_finding() -> None:
    chart = fleet(FINDINGS, RUN.window)
    assert [(row.label, row.y, [mark.index for mark in row.marks]) for row in chart.rows] == [
        ("fin-ws-0142.contoso.example", 11, [0, 4]),
        ("hr-lt-0031.contoso.example", 33, [1]),
        ("srv-file-02.contoso.example", 55, [2]),
        ("dc-01.contoso.example", 77, [3]),
        ("kiosk-11.contoso.example", 99, [5]),
    ]
    assert (chart.height, chart.day, chart.left_out) == (110, "2026-11-23", 0)


def test_a_bar_spans_its_burst() -> None:
    hour = Window(datetime(2026, 11, 24, 9, 30, tzinfo=UTC), datetime(2026, 11, 24, 10, 30, tzinfo=UTC))
    (row,) = fleet([FIRST], hour).rows
    (bar,) = row.marks
    assert bar == Mark(25.11, 33.53, 0)


def test_a_finding_outside_the_window_widens_the_drawing() -> None:
    hour = Window(datetime(2026, 11, 24, 11, tzinfo=UTC), datetime(2026, 11, 24, 12, tzinfo=UTC))
    ((bar,),) = (row.marks for row in fleet([FIRST], hour).rows)
    assert 0 < bar.start < bar.end < 100


def test_more_devices_than_there_is_room_for_are_counted() -> None:
    many = [replace(FIRST, device=replace(FIRST.device, id=f"d{number}")) for number in range(MOST_DEVICES + 7)]
    chart = fleet(many, RUN.window)
    assert (len(chart.rows), chart.left_out) == (MOST_DEVICES, 7)


def test_a_lane_is_an_intent_and_a_dot_a_launch() -> None:
    chart = lanes(FIRST.commands)
    assert [(row.label, [mark.index for mark in row.marks]) for row in chart.rows][4:7] == [
        ("Domain controllers", [4]),
        ("Domain administrators", [5, 6]),
        ("Hosts in the network", [7]),
    ]
    assert chart.rows[0].marks == (Mark(2.83, 2.83, 0),)


def test_intents_that_find_no_lane_share_the_last() -> None:
    many = [replace(FIRST.commands[0], intent=f"i{number}", title="") for number in range(MOST_LANES + 3)]
    rows = lanes(many).rows
    assert [row.label for row in rows] == [*(f"i{number}" for number in range(MOST_LANES - 1)), "4 other intents"]
    assert [mark.index for mark in rows[-1].marks] == [11, 12, 13, 14]


def test_no_commands_are_no_drawing() -> None:
    assert lanes(()) == Chart((), (), "")
