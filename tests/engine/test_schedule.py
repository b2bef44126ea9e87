"""What is due follows from the last window recorded, not from the timer's own state."""

from datetime import UTC, datetime, timedelta

import pytest

from engine import loader, schedule
from engine.model.run import Window

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def hunt():
    return loader.load(loader.HUNTS / "discovery-burst")


def window(start, end):
    return Window(NOON + timedelta(minutes=start), NOON + timedelta(minutes=end))


@pytest.mark.parametrize(
    ("now", "watermark", "expected"),
    [
        (0, None, (-5 - 24 * 60, -5)),  # the first run looks back as far as a run on demand
        (0, -20, (-40, -5)),  # overlap 20 minutes, settle 5
        (7, -5, None),  # between two firings there is nothing to do
        (15, -5, (-25, 10)),
        (15, -65, (-85, 10)),  # after an outage the window reaches back to the watermark
        (15, 10, None),  # a second trigger in the same minute
    ],
)
def test_the_window_reaches_from_the_watermark_to_the_last_firing(hunt, now, watermark, expected):
    mark = None if watermark is None else NOON + timedelta(minutes=watermark)
    task = schedule.due(hunt, tenant="t", watermark=mark, now=NOON + timedelta(minutes=now))
    assert (task and task.window) == (expected and window(*expected))


def test_the_same_window_has_the_same_id(hunt):
    ids = {schedule.due(hunt, tenant="t", watermark=None, now=NOON + timedelta(seconds=s)).id for s in (0, 1, 59)}
    assert ids == {"t.discovery-burst.20261124T115500Z"}
