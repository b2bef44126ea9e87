"""What all hunts' queries have in common: they can be cut, and see the same shells wherever a run begins."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine import loader, parameters
from engine.lints.kusto import analyse
from engine.model import tables
from engine.model.run import Window
from engine.slices import Ask, Slice
from engine.sources.local import Local
from engine.sources.recorded import Recorded

HUNTS = loader.load_all().hunts
SAMPLES = Path(__file__).parents[2] / "samples"
QUERIES = {
    f"{hunt.id}/{file}": (hunt, text)
    for hunt in HUNTS.values()
    for file, text in (("query", hunt.query), ("baseline", hunt.baseline_query), ("late", hunt.late_query))
    if text
}
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
COMMANDS = ("whoami", "ipconfig /all", "systeminfo", "tasklist", "netstat -ano", "net user /domain", "quser")


@pytest.fixture(scope="module")
def samples():
    with Local(paths=[str(SAMPLES)]) as source:
        yield source


@pytest.mark.parametrize("hunt", HUNTS.values(), ids=lambda hunt: hunt.id)
def test_devices_can_be_shared_out(hunt, samples):
    ask = Ask(hunt=hunt, values=hunt.defaults, window=samples.whole)
    whole, *shares = (
        [row for batch in samples.rows(*ask.part(Slice(samples.whole, shares=shares, share=share))) for row in batch]
        for shares, share in ((1, 0), (3, 0), (3, 1), (3, 2))
    )
    assert sum(map(len, shares)) == len(whole)
    devices = [{row["DeviceId"] for row in rows} for rows in shares]
    assert all(len(each) > 5 for each in devices)
    assert len(set.union(*devices)) == sum(map(len, devices)), "no device is in two"


@pytest.mark.parametrize("name", QUERIES)
def test_a_shell_is_looked_for_as_far_back_as_its_rows_are_asked_for(name):
    hunt, text = QUERIES[name]
    reach = [let.text for let in parameters.lets(text) if let.name == "reach"]
    assert reach == [hunt.definition.schedule.reach]


def process(number, name, line, hours, launcher=None):
    """The creation of a process so many hours before noon; `launcher` is the row of the one that launched it."""
    created = f"{NOON - timedelta(hours=hours):%Y-%m-%dT%H:%M:%S}.0000000Z"
    above = launcher or {"FileName": "agent.exe", "ProcessId": 1, "ProcessCreationTime": "2026-11-20T00:00:00.0000000Z"}
    return {
        "Timestamp": created,
        "DeviceId": "d",
        "ReportId": number,
        "FileName": name,
        "ProcessId": number,
        "ProcessCreationTime": created,
        "ProcessCommandLine": line,
        "InitiatingProcessFileName": above["FileName"],
        "InitiatingProcessId": above["ProcessId"],
        "InitiatingProcessCreationTime": above["ProcessCreationTime"],
    }


SECOND = 1 / 3600


@pytest.mark.parametrize("hunt", HUNTS.values(), ids=lambda hunt: hunt.id)
@pytest.mark.parametrize(
    ("upper", "lower", "found"),
    [
        (2, 1, {"upper", "lower"}),
        (24, 24, {"upper", "lower"}),
        (24 + SECOND, 24, {"lower"}),
        (40, 23, {"lower"}),
        (40, 24 + SECOND, set()),
        (24 + 2 * SECOND, 24 + SECOND, set()),
    ],
)
@pytest.mark.parametrize("earlier", [0, 1, 20, 100])
def test_a_launch_has_the_same_shells_wherever_the_run_begins(hunt, upper, lower, found, earlier):
    outer = process(2, "powershell.exe", "powershell", upper)
    inner = process(3, "cmd.exe", "cmd /k", lower, outer)
    launches = [process(10 + place, line.split()[0] + ".exe", line, 0, inner) for place, line in enumerate(COMMANDS)]
    ask = Ask(
        hunt=hunt, values=hunt.defaults, window=Window(NOON - timedelta(hours=earlier), NOON + timedelta(hours=1))
    )
    with Recorded(tables={"DeviceProcessEvents": [outer, inner, *launches]}) as source:
        rows = [row for batch in source.rows(*ask.part(Slice(ask.window))) for row in batch]
    assert [row["ReportId"] for row in rows if row["Role"] == "launch"] == [
        10 + place for place in range(len(COMMANDS))
    ]
    assert {{2: "upper", 3: "lower"}[row["ReportId"]] for row in rows if row["Role"] == "shell"} == found


def test_what_is_late_is_one_row_a_device():
    known = {table: tables.columns(table) for table in tables.names()}
    late = {name: text for name, (_, text) in QUERIES.items() if name.endswith("/late")}
    assert len(late) == len(HUNTS)
    for analysis in analyse(late, known).values():
        assert [(column.name, column.type) for column in analysis.columns] == [
            ("DeviceId", "string"),
            ("Start", "datetime"),
            ("End", "datetime"),
        ]
        assert analysis.diagnostics == ()
