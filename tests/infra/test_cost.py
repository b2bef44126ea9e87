"""docs/cost.md has the tables that are made of what was measured, and these follow from the hunts' own schedules."""

import msgspec
import pytest

from engine.remote.budget import LIMITS
from tests.infra import cost
from tests.infra.bicep import MAIN, MODULES, read
from tests.tree import ROOT

PAGE = (ROOT / "docs" / "cost.md").read_text("utf-8")
MEASURED = msgspec.json.decode(cost.MEASURED.read_bytes(), type=cost.Measured)


@pytest.mark.parametrize("table", [cost.table, cost.inputs])
def test_the_page_has_the_tables_that_are_made(table):
    """`python -m tests.infra.cost` prints them."""
    assert table(MEASURED) in PAGE


@pytest.mark.parametrize(("cron", "times"), [("*/15 * * * *", 2_920), ("0 * * * *", 730), ("5 0 * * *", 31)])
def test_a_schedule_fires_so_often_a_month(cron, times):
    assert cost.firings(cron) == times


def test_a_larger_estate_waits_longer_and_asks_no_more_often():
    small, large = (cost.month(MEASURED, devices) for devices in cost.ESTATES)
    assert (small.executions, small.calls) == (large.executions, large.calls)
    assert small.seconds < large.seconds
    assert large.rows == pytest.approx(50 * small.rows, rel=0.01)


def test_an_answer_that_is_too_long_is_asked_for_in_parts():
    rows = dict.fromkeys(MEASURED.rows, 500.0)
    some = cost.month(msgspec.structs.replace(MEASURED, devices=200, rows=rows), 50_000)
    whole = cost.month(MEASURED, 50_000)
    assert some.calls == pytest.approx(whole.calls + len(rows) * 4)


def test_what_the_page_takes_from_elsewhere_is_there_still():
    (alerts,) = [path for path in MODULES if path.name == "alerts.bicep"]
    every = [rule["every"] for rule in read(alerts).variable["rules"].value.values()]
    assert sorted(every) == ["PT15M"] * 5 + ["PT1H"]
    assert read(MAIN).parameter["memory"].value == 2_048
    assert [3 * limit.calls for limit in LIMITS] == [45, cost.TENANT_CALLS]
