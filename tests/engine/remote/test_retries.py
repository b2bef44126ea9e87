"""What is slept through, what is put off, and what is given up."""

from datetime import UTC, datetime, timedelta

import pytest

from engine.errors import RemoteError, Throttled
from engine.remote.retries import AskAgain, Retries, retry_after, until_next_quarter
from tests.fakes.clock import Clock

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def asking(clock, *outcomes):
    """Calls an attempt that ends as told, one after the other; the text it gives at last."""
    waiting = list(outcomes)

    def attempt():
        outcome = waiting.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return Retries(now=clock.now, sleep=clock.sleep).call(attempt)


def seconds(number):
    return timedelta(seconds=number)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("0", seconds(0)),
        (" 17 ", seconds(17)),
        ("99999999999999999999", timedelta(days=1)),
        ("Tue, 24 Nov 2026 12:00:30 GMT", seconds(30)),
        ("Tue, 24 Nov 2026 11:00:00 GMT", seconds(0)),
        ("Tue, 24 Nov 2099 11:00:00 GMT", timedelta(days=1)),
    ],
)
def test_retry_after_is_read_in_seconds_or_as_a_date(header, expected):
    assert retry_after(header, NOON) == expected


@pytest.mark.parametrize(
    ("minute", "second", "expected"), [(0, 0, 900), (14, 59, 1), (3, 0, 720), (59, 30, 30), (45, 1, 899)]
)
def test_the_next_quarter_of_an_hour_is_at_most_fifteen_minutes_away(minute, second, expected):
    assert until_next_quarter(NOON.replace(minute=minute, second=second)) == seconds(expected)


def test_a_wait_that_was_asked_for_is_slept_through():
    clock = Clock()
    assert (
        asking(clock, AskAgain("busy", wait=seconds(7), busy=True), AskAgain("busy", wait=seconds(60)), "done")
        == "done"
    )
    assert clock.slept == [7, 60]


def test_without_a_word_each_wait_is_longer_and_none_is_the_same_for_all():
    clock = Clock()
    assert asking(clock, AskAgain("gone"), AskAgain("gone"), AskAgain("gone"), "done") == "done"
    assert [round(least) <= slept <= least + 1 for least, slept in zip((1, 2, 4), clock.slept, strict=True)] == [
        True
    ] * 3


@pytest.mark.parametrize("busy", [True, False])
def test_a_wait_over_a_minute_is_not_slept_through(busy):
    clock = Clock(NOON)
    with pytest.raises(Throttled, match="busy") as caught:
        asking(clock, AskAgain("busy", wait=seconds(61), busy=busy))
    assert (caught.value.until, clock.slept) == (NOON + seconds(61), [])


def test_who_is_busy_to_the_last_is_asked_again_later():
    clock = Clock(NOON)
    with pytest.raises(Throttled) as caught:
        asking(clock, *[AskAgain("busy", wait=seconds(10), busy=True)] * 4)
    assert (caught.value.until, clock.slept) == (NOON + seconds(40), [10, 10, 10])


def test_who_fails_to_the_last_is_given_up():
    clock = Clock()
    with pytest.raises(RemoteError, match="gone, 4 times in a row") as caught:
        asking(clock, *[AskAgain("gone")] * 4)
    assert (type(caught.value), len(clock.slept)) == (RemoteError, 3)


def test_a_bug_is_not_repeated():
    clock = Clock()
    with pytest.raises(KeyError):
        asking(clock, KeyError("a bug"), "never")
    assert clock.slept == []


@pytest.mark.parametrize(("wait", "slept"), [(60, [60]), (0, [0]), (-5, [0])])
def test_a_pause_lasts_until_its_moment(wait, slept):
    clock = Clock(NOON)
    Retries(now=clock.now, sleep=clock.sleep).pause_until(NOON + seconds(wait), "the budget")
    assert clock.slept == slept


def test_a_long_pause_is_put_off():
    clock = Clock(NOON)
    with pytest.raises(Throttled, match="the budget") as caught:
        Retries(now=clock.now, sleep=clock.sleep).pause_until(NOON + seconds(61), "the budget")
    assert (caught.value.until, clock.slept) == (NOON + seconds(61), [])
