"""How figures and tables are written."""

from __future__ import annotations

import pytest

from tests.evaluation.tables import ninetieth, percent, spread, table


@pytest.mark.parametrize(
    ("figures", "written"), [([1, 2, 3], "2.0 (1.0-3.0)"), ([97.25], "97.2"), ([5, 5], "5.0"), ([0.01, 0.04], "0.0")]
)
def test_a_mean_comes_with_its_range_where_there_is_one(figures: list[float], written: str) -> None:
    assert spread(figures) == written


@pytest.mark.parametrize(("part", "of", "share"), [(1, 4, 25.0), (0, 3, 0.0), (0, 0, 100.0)])
def test_none_of_nothing_is_all_of_it(part: int, of: int, share: float) -> None:
    assert percent(part, of) == share


@pytest.mark.parametrize(("figures", "value"), [([7.0], 7.0), ([0.0, 10.0], 9.0), (list(map(float, range(11))), 9.0)])
def test_the_ninetieth_percentile(figures: list[float], value: float) -> None:
    assert ninetieth(figures) == value


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    assert table(("a", "b"), [(1, "x|y")]) == "| a | b |\n| --- | --- |\n| 1 | x&#124;y |\n"


def test_a_table_without_rows_says_so() -> None:
    assert table(("a",), []) == "None.\n"
