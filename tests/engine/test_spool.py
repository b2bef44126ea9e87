"""Parts go to disk in order, and come back as one."""

import pytest

from engine.spool import Spool


def event(device, second, number, **more):
    return {"DeviceId": device, "Timestamp": f"2026-11-24T10:00:{second:02}Z", "ReportId": number, **more}


def test_parts_are_merged_by_device_and_time_and_tell_whose_an_event_is():
    first = [event("a", 1, 1), event("a", 3, 3), event("b", 1, 9)]
    second = [event("a", 2, 2), event("a", 3, 3), event("c", 0, 4)]
    with Spool() as spool:
        spool.add([first[:2], first[2:]])
        spool.add([second])
        spool.add([])
        assert list(spool.merged()) == [
            (0, first[0]),
            (1, second[0]),
            (0, first[1]),
            (1, second[1]),
            (0, first[2]),
            (1, second[2]),
        ]


def test_values_come_back_as_they_went():
    odd = event(
        "\u00fc \U00010348", 1, 2**53 + 1, none=None, yes=True, real=1.5, nested={"a": [1, {"b": ""}]}, big=2**70
    )
    with Spool() as spool:
        spool.add([[odd]])
        assert list(spool.merged()) == [(0, odd)]


def test_a_part_of_many_batches_is_whole():
    rows = [event("a", number % 60, number) for number in range(2_000)]
    rows.sort(key=lambda row: (row["Timestamp"], row["ReportId"]))
    with Spool() as spool:
        spool.add(rows[start : start + 700] for start in range(0, 2_000, 700))
        assert [found for _, found in spool.merged()] == rows


def test_a_part_that_breaks_off_leaves_nothing():
    def broken():
        yield [event("a", 1, 1)]
        raise RuntimeError("gone")

    with Spool() as spool:
        with pytest.raises(RuntimeError):
            spool.add(broken())
        assert list(spool.merged()) == []
