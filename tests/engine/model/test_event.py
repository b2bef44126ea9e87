"""The clock: 100 ns, exact."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.event import span_ticks, ticks, timestamp


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.0000001Z", 1),
        ("1970-01-01T00:00:01.5", 15_000_000),
        ("1970-01-01T01:00:00.25+01:00", 2_500_000),
        ("1969-12-31T23:59:59.9999999Z", -1),
        ("2026-11-24T10:50:01.12345678Z", 17_955_174_011_234_567),
    ],
)
def test_ticks_are_exact(text, instant):
    assert ticks(text) == instant


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z", "2026-11-24T10:50:01.12x4567Z"])
def test_what_is_no_timestamp_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        ticks(text)


@given(st.integers(min_value=-(10**17), max_value=10**18))
def test_writing_and_reading_is_the_identity(instant):
    assert ticks(timestamp(instant)) == instant


def test_spans_are_in_the_same_unit():
    assert span_ticks(timedelta(minutes=10, microseconds=1)) == 6_000_000_010
