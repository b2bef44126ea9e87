"""A run sees the rows that had arrived when it began."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from engine.sources.local import Local
from tests.evaluation.days import day_of, ends_of, part_by_arrival, write

DAY = day_of(1)
QUERY = "DeviceProcessEvents | project Timestamp, DeviceId, ReportId"


def row(report: int, arrival: str) -> dict[str, object]:
    return {
        "Timestamp": f"2026-11-17T00:{report:02}:00.1234567Z",
        "DeviceId": "d1",
        "ReportId": report,
        "FileName": "whoami.exe",
        "_ArrivalTime": f"2026-11-17T{arrival}.0000000Z",
    }


def test_windows_end_on_the_hour_behind_that_of_the_day_before() -> None:
    ends = ends_of(DAY, 24)

    assert (ends[0], ends[1], ends[-1], len(ends)) == (DAY.start, DAY.start + timedelta(hours=1), DAY.end, 25)


@pytest.mark.parametrize(
    ("run", "reports"), [(0, [1, 2]), (1, [1, 2, 3, 4]), (2, [1, 2, 3, 4, 5])], ids=["yesterday", "first", "second"]
)
def test_a_run_sees_what_had_arrived(tmp_path: Path, run: int, reports: list[int]) -> None:
    arrivals = ["00:01:00", "00:05:00", "00:05:01", "12:05:00", "12:05:01"]
    write((row(report, arrival) for report, arrival in enumerate(arrivals, 1)), tmp_path / "day.parquet")
    parts = part_by_arrival([tmp_path / "day.parquet"], tmp_path, ends=ends_of(DAY, 2), settle=timedelta(minutes=5))

    with Local(paths=[str(part) for part in parts[: run + 1]]) as source:
        seen = [event for batch in source.rows(QUERY, None) for event in batch]
    assert [event["ReportId"] for event in seen] == reports
    assert seen[0]["Timestamp"] == "2026-11-17T00:01:00.1234567Z"
