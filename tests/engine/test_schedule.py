"""What is due follows from the last window recorded, not from the timer's own state."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from engine import loader, schedule
from engine.model.baseline import Day
from engine.model.run import Window
from engine.stores.memory import Memory

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR, DAY = 60, 24 * 60


@pytest.fixture(scope="module")
def hunt():
    return loader.load(loader.HUNTS / "discovery-burst")


def minute(number):
    return NOON + timedelta(minutes=number)


def window(start, end):
    return Window(minute(start), minute(end))


def asked(hunt, now, **marks):
    store = Memory()
    for mark, number in marks.items():
        store.move_watermark("t", hunt.id, minute(number), mark)
    due = schedule.due(hunt, tenant="t", store=store, now=minute(now))
    return [(task.kind, task.window) for task in due.tasks], due.gap


@pytest.mark.parametrize(
    ("now", "watermark", "expected"),
    [
        (0, -20, (-40, -5)),  # overlap 20 minutes, settle 5
        (7, -5, None),  # between two firings there is nothing to do
        (15, -5, (-25, 10)),
        (15, -65, (-85, 10)),  # after an outage the window reaches back to the watermark
        (15, 10, None),  # a second trigger in the same minute
    ],
)
def test_the_window_reaches_from_the_watermark_to_the_last_firing(hunt, now, watermark, expected):
    assert asked(hunt, now, window=watermark) == ([("window", window(*expected))] if expected else [], None)


def test_the_first_run_looks_back_as_far_as_a_run_on_demand(hunt):
    assert asked(hunt, 0) == ([("window", window(-5 - DAY, -5))], None)


def test_after_a_long_outage_the_present_comes_first_and_then_the_past_in_slices(hunt):
    present, past = window(-5 - 6 * HOUR - 20, -5), window(-DAY - 20, -DAY + 6 * HOUR)
    assert asked(hunt, 0, window=-DAY) == ([("present", present), ("window", past)], None)
    # the present is read once; at the next firing, on from there
    assert asked(hunt, 1, window=-DAY, present=-5) == ([("window", past)], None)
    assert asked(hunt, 15, window=-DAY, present=-5) == ([("present", window(-25, 10)), ("window", past)], None)
    # what is left of the past fits into one run
    assert asked(hunt, 15, window=-5 * HOUR, present=10) == ([("window", window(-5 * HOUR - 20, 10))], None)


def test_what_is_older_than_defender_keeps_is_a_gap(hunt):
    tasks, gap = asked(hunt, 0, window=-40 * DAY)
    assert (tasks, gap) == ([], window(-40 * DAY, -29 * DAY + 6 * HOUR))
    tasks, gap = asked(hunt, 1, window=-29 * DAY + 6 * HOUR)
    assert ([kind for kind, _ in tasks], gap) == (["present", "window"], None)


def test_the_same_window_has_the_same_id(hunt):
    due = [schedule.due(hunt, tenant="t", store=Memory(), now=NOON + timedelta(seconds=s)) for s in (0, 1, 59)]
    assert {task.id for each in due for task in each.tasks} == {"t.discovery-burst.window.20261124T115500Z"}


@pytest.mark.parametrize(
    ("marks", "now", "expected"),
    [
        ({}, 0, None),  # before the first run there is nothing that could have come late
        ({"window": -30}, 0, None),
        ({"window": -60}, 0, (-60, 0)),
        ({"window": 50, "late": 0}, 59, None),
        ({"window": 50, "late": 0}, 61, (0, 61)),
        ({"window": -9 * DAY}, 0, (-7 * DAY, 0)),  # Defender is asked for seven days of arrivals at most
    ],
)
def test_each_hour_rows_that_came_late_are_looked_for(hunt, marks, now, expected):
    store = Memory()
    for mark, number in marks.items():
        store.move_watermark("t", hunt.id, minute(number), mark)
    task = schedule.late(replace(hunt, late_query="T"), tenant="t", store=store, now=minute(now))
    assert (task and task.window) == (expected and window(*expected))
    assert schedule.late(replace(hunt, late_query=None), tenant="t", store=store, now=minute(now)) is None


def test_days_are_learned_one_at_a_time_the_newest_first(hunt):
    store, learned = Memory(), []
    while task := schedule.lesson(hunt, tenant="t", store=store, now=NOON):
        learned.append(task.window.start.date())
        store.record_day("t", hunt.id, Day(learned[-1], 1, (), (), ()))
    assert [learned[0].isoformat(), learned[-1].isoformat(), len(learned)] == ["2026-11-23", "2026-10-27", 28]


def test_a_day_is_learned_when_it_has_been_over_for_an_hour(hunt):
    midnight = NOON.replace(hour=0)
    for passed, day in ((59, 22), (60, 23)):
        task = schedule.lesson(hunt, tenant="t", store=Memory(), now=midnight + timedelta(minutes=passed))
        assert task.window.start.day == day


def test_a_hunt_without_a_baseline_query_learns_nothing():
    hunt = loader.load(loader.HUNTS / "discovery-by-parent")
    assert schedule.lesson(hunt, tenant="t", store=Memory(), now=NOON) is None
