"""What `make bench` tells, and where it writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import rows
from tests.bench.__main__ import judged, put
from tests.bench.measure import Measured, local, plain
from tests.evaluation.days import write
from tests.evaluation.prose import SPEED


@pytest.mark.parametrize(
    ("seconds", "megabytes", "verdicts"),
    [(0.8, 150.0, ["met", "met"]), (1.25, 301.0, ["missed by 0.25", "missed by 1.00"])],
)
def test_figures_stand_beside_their_targets(seconds: float, megabytes: float, verdicts: list[str]) -> None:
    measured = Measured(seconds=seconds, megabytes=megabytes, rows=1000, parts={"decode": 0.5}, findings=3)
    told = list(judged(measured))

    assert "| decode | 0.50 | 2,000 |" in told
    assert [line.rpartition(": ")[2] for line in told if line.startswith("- ")] == verdicts


def test_the_figures_take_the_place_of_those_before(tmp_path: Path) -> None:
    page = tmp_path / "evaluation.md"
    page.write_text(f"# Page\n\n{SPEED}\n\nold figures\n\n## Behind\n\nstays\n", "utf-8")
    put(page, "new figures")
    text = page.read_text("utf-8")

    assert "old figures" not in text
    assert "\n\nnew figures\n\n## Behind\n\nstays\n" in text


def test_a_page_without_the_section_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "evaluation.md"
    page.write_text("# Page\n", "utf-8")

    with pytest.raises(SystemExit, match="make evaluate"):
        put(page, "new figures")
    assert page.read_text("utf-8") == "# Page\n"


def test_rows_are_written_over_and_over_until_there_are_enough(tmp_path: Path) -> None:
    row = {"DeviceId": "d1", "Timestamp": "2026-11-17T00:00:00.1234567Z", "FileName": "whoami.exe", "ReportId": 1}
    write([row, {**row, "ReportId": 2}], tmp_path / "day.parquet")
    rows.lines(tmp_path / "DeviceProcessEvents.ndjson", [tmp_path / "day.parquet"], 5)

    assert local(tmp_path / "DeviceProcessEvents.ndjson").rows == 5
    assert plain(tmp_path / "DeviceProcessEvents.ndjson").rows == 5
