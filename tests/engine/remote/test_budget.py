"""When one more call keeps every limit."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.remote.budget import LIMITS, Budget, Limit, next_free
from engine.stores.memory import Memory
from tests.proof import examples

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def ago(*seconds):
    return [NOON - timedelta(seconds=each) for each in seconds]


@pytest.mark.parametrize(
    ("booked", "limits", "expected"),
    [
        (ago(), LIMITS, NOON),
        (ago(1), [], NOON),
        (ago(1, 2), [Limit(3, MINUTE)], NOON),
        (ago(1, 2, 3), [Limit(3, MINUTE)], NOON + timedelta(seconds=57)),
        (ago(3, 1, 2), [Limit(3, MINUTE)], NOON + timedelta(seconds=57)),
        (ago(1, 2, 3, 4), [Limit(3, MINUTE)], NOON + timedelta(seconds=57)),
        (ago(1, 2, 60), [Limit(3, MINUTE)], NOON),
        (ago(1, 2, 59.9), [Limit(3, MINUTE)], NOON + timedelta(seconds=0.1)),
        (ago(1, 2, 1800), [Limit(2, MINUTE), Limit(3, HOUR)], NOON + timedelta(minutes=30)),
        (ago(-7200), [Limit(1, MINUTE)], NOON + MINUTE),
    ],
)
def test_a_call_waits_until_enough_others_are_long_ago(booked, limits, expected):
    assert next_free(booked, NOON, limits) == expected


@pytest.mark.property
@settings(max_examples=examples(quick=100, full=5_000))
@given(st.lists(st.integers(0, 90), max_size=80), st.integers(1, 4), st.integers(1, 9))
def test_whatever_the_pace_no_span_holds_more_calls_than_its_limit(pauses, short, long):
    limits = (Limit(short, timedelta(seconds=30)), Limit(long, timedelta(seconds=200)))
    budget, now, booked = Budget(quota=Memory(), tenant="t", limits=limits), NOON, []
    for pause in pauses:
        now += timedelta(seconds=pause)
        free = budget.take(now)
        assert now <= free <= now + timedelta(seconds=200)
        booked += [now] * (free == now)
        if free > now:
            assert budget.take(free - timedelta(microseconds=1)) == free, "nothing was booked, and the moment stands"
    for calls, within in limits:
        assert all(sum(start <= each < start + within for each in booked) <= calls for start in booked)


def test_a_budget_says_what_it_is():
    assert str(Budget(quota=Memory(), tenant="t")) == "15 calls in 0:01:00 and 500 calls in 1:00:00"
