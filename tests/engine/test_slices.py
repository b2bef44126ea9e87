"""A question too large for one answer is asked in parts, and nobody can tell from the rows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import loader, runner
from engine.errors import TooManyRows
from engine.model.run import Window
from engine.record import Request
from engine.slices import Answers, Ask, Slice
from engine.sources.interface import place
from engine.sources.recorded import Recorded
from engine.stores.memory import Memory
from tests.engine.sources.tenant import asked
from tests.proof import examples
from tests.tree import ROOT

START = datetime(2026, 11, 24, 10, tzinfo=UTC)
HOURS = Window(START, START + timedelta(hours=3))
QUERY = """
let window = 10m;
let minimum = 3;
let since = datetime(1970-01-01);
let device_slices = 1;
let device_slice = 0;
let launches = DeviceProcessEvents
| where Timestamp >= since and FileName != "cmd.exe" and hash(DeviceId, device_slices) == device_slice
| extend half = bin(Timestamp, window);
let kept = launches
| distinct DeviceId, half, ProcessCommandLine
| mv-expand slot = pack_array(half, half - window) to typeof(datetime)
| distinct DeviceId, slot, ProcessCommandLine
| summarize commands = count() by DeviceId, slot
| where commands >= minimum
| mv-expand half = pack_array(slot, slot + window) to typeof(datetime)
| distinct DeviceId, half;
let burst = launches | join kind=leftsemi kept on DeviceId, half | project-away half | extend Role = "launch";
let launchers = burst
| distinct DeviceId, ProcessId = InitiatingProcessId, ProcessCreationTime = InitiatingProcessCreationTime;
let shells = DeviceProcessEvents
| where FileName == "cmd.exe"
| join kind=leftsemi launchers on DeviceId, ProcessId, ProcessCreationTime
| extend Role = "shell";
union burst, shells
| project Timestamp, DeviceId, ReportId, Role, FileName, ProcessId, ProcessCommandLine, InitiatingProcessId
"""
SMALL = loader.load(ROOT / "tests" / "engine" / "hunts" / "two-questions")
DEFAULTS = {
    "window": timedelta(minutes=10),
    "minimum": 3,
    "since": datetime(1970, 1, 1, tzinfo=UTC),
    "device_slices": 1,
    "device_slice": 0,
}


def hunt(*, without=(), query=QUERY, reach="24h"):
    """A hunt with that query, and with the parameters that it is not told to be without."""
    schedule = msgspec.structs.replace(SMALL.definition.schedule, reach=reach)
    defaults = {name: value for name, value in DEFAULTS.items() if name not in without}
    return replace(
        SMALL, query=query, defaults=defaults, definition=msgspec.structs.replace(SMALL.definition, schedule=schedule)
    )


def ask(*, window=HOURS, **changes):
    changed = hunt(**changes)
    return Ask(hunt=changed, values=changed.defaults, window=window)


class Limited:
    """A source that gives no answer of `limit` rows or more; `asked` holds the windows, `given` the rows."""

    notes = ()

    def __init__(self, source, limit):
        self.source = source
        self.limit = limit
        self.asked = []
        self.given = []

    def rows(self, query, window):
        found = [event for batch in self.source.rows(query, window) for event in batch]
        self.asked.append(window)
        if len(found) >= self.limit:
            raise TooManyRows(f"more than {self.limit} rows.")
        self.given.append(len(found))
        yield from ([found] if found else [])


def stamp(seconds, number=0):
    return f"{START + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{number:07}Z"


def launch(device, seconds, number, command, *, by=1, born=-80_000):
    """A launch by the process `by` that was created at `born`, in seconds after the start."""
    return {
        "Timestamp": stamp(seconds, number),
        "DeviceId": f"device-{device}",
        "ReportId": number,
        "FileName": "tool.exe",
        "ProcessId": 1_000 + number,
        "ProcessCommandLine": f"command {command}",
        "InitiatingProcessId": by,
        "InitiatingProcessCreationTime": stamp(born),
    }


def shell(device, seconds, number, *, by=1):
    created = {"ProcessCreationTime": stamp(seconds), "Timestamp": stamp(seconds)}
    return launch(device, seconds, number, "shell") | {"FileName": "cmd.exe", "ProcessId": by} | created


def rows(batches):
    return [event for batch in batches for event in batch]


def tool_rows(*, devices, each):
    """Launches that a prefilter keeps whole, evenly over the window, each device's from one shell of yesterday."""
    number = 0
    for device in range(devices):
        yield shell(device, -80_000, number, by=device)
        for step in range(each):
            number += 1
            yield launch(device, step * 10_800 / each, number, step % 5, by=device)


THOUSAND = list(tool_rows(devices=5, each=199))


@pytest.fixture(scope="module")
def thousand():
    with Recorded(tables={"DeviceProcessEvents": THOUSAND}) as source:
        yield source


def test_a_question_that_fits_is_asked_once_and_its_answer_passed_on(thousand):
    limited = Limited(thousand, 10_000)
    answers = Answers(ask(), limited)
    assert rows(answers.rows()) == rows(thousand.rows(QUERY, None))
    assert (answers.slices, limited.asked) == (1, [Window(START - timedelta(hours=24), HOURS.end)])


@pytest.mark.parametrize("limit", [1_000, 501, 300])
def test_in_parts_by_time_and_device_the_answer_is_the_same(thousand, limit):
    limited = Limited(thousand, limit)
    answers = Answers(ask(), limited)
    found = rows(answers.rows())
    assert found == rows(thousand.rows(QUERY, None))
    assert len(found) == 1_000
    assert answers.slices == len(limited.given) > 1_000 // limit
    assert max(limited.given) < limit


def test_in_parts_by_time_alone_the_answer_is_the_same(thousand):
    limited, window = Limited(thousand, 150), Window(START, START + timedelta(minutes=90))
    query = QUERY.replace(" and hash(DeviceId, device_slices) == device_slice", "")
    asking = ask(without=("device_slices", "device_slice"), query=query, window=window)
    found = rows(Answers(asking, limited).rows())
    assert found == rows(thousand.rows(QUERY, Window(START - timedelta(hours=24), window.end)))
    assert len(found) > 3 * 150
    shortest = min(part.end for part in limited.asked) - START
    assert shortest == timedelta(minutes=21, seconds=15), "an eighth of the window, and ten minutes that it shares"


def test_contract_a_thousand_rows_over_a_limit_of_a_hundred_come_back_over_http(thousand, monkeypatch):
    limit = {"VIZSLA_ROW_LIMIT": "100", "VIZSLA_CALLS_A_MINUTE": "10000", "VIZSLA_CALLS_AN_HOUR": "10000"}
    with asked(thousand, monkeypatch, row_limit=100, environment=limit) as (graph, source):
        answers = Answers(ask(), source)
        assert rows(answers.rows()) == rows(thousand.rows(QUERY, None))
        assert len(graph.calls) > answers.slices > 10
        assert {call.status for call in graph.calls} == {200}


def test_contract_an_answer_too_long_in_bytes_is_asked_in_parts_as_well(thousand, monkeypatch):
    limit = {"VIZSLA_CALLS_A_MINUTE": "10000", "VIZSLA_CALLS_AN_HOUR": "10000"}
    with asked(thousand, monkeypatch, most_bytes=50_000, environment=limit) as (graph, source):
        assert rows(Answers(ask(), source).rows()) == rows(thousand.rows(QUERY, None))
        assert {call.status for call in graph.calls} == {200, 400}


HOURS_REACHED = Window(HOURS.start - timedelta(hours=24), HOURS.end)
# Three different commands each, the least that is kept: around where the window is cut in halves and quarters, or
# anywhere, and how long before each its shell was created.
APART = st.integers(-599, 599)
BURSTS = st.lists(
    st.tuples(
        st.sampled_from([2_700, 5_400, 8_100]) | st.integers(0, 10_799),
        st.tuples(APART, APART, APART),
        st.sampled_from([0, 1, 2_000, 75_000]),
    ),
    min_size=2,
    max_size=6,
)


@pytest.mark.property
@settings(max_examples=examples(quick=8, full=150))
@given(BURSTS, st.integers(8, 16))
def test_wherever_a_burst_lies_the_parts_lose_and_add_nothing(bursts, limit):
    drawn = [
        (device, min(max(around + each, 0), 10_799), command, age)
        for device, (around, apart, age) in enumerate(bursts)
        for command, each in enumerate(apart)
    ]
    made = [
        row
        for number, (device, seconds, command, age) in enumerate(drawn)
        for row in (
            launch(device, seconds, number, command, by=number, born=seconds - age),
            shell(device, seconds - age, 1_000 + number, by=number),
        )
    ]
    with Recorded(tables={"DeviceProcessEvents": made}) as source:
        whole = rows(source.rows(QUERY.replace("1970-01-01", "2026-11-24T10:00:00Z"), HOURS_REACHED))
        try:
            found = rows(Answers(ask(), Limited(source, limit)).rows())
        except TooManyRows:
            assert len(whole) >= limit
        else:
            assert found == whole


def test_an_event_that_is_launch_and_shell_stays_both_and_equal_rows_stay_as_many():
    query = "let since = datetime(1970-01-01);\nDeviceProcessEvents | where Timestamp >= since"
    double = [launch(0, 5_399, 1, "x") | {"Role": "launch"}, launch(0, 5_399, 1, "x") | {"Role": "shell"}]
    nameless = launch(0, 5_400, 2, "y") | {"ReportId": None}
    found = sorted([*double, double[0], nameless, nameless | {"ProcessId": 5}, launch(1, 0, 3, "z")], key=place)

    class Both:
        notes = ()

        def rows(self, _query, window):
            if window.end - window.start > timedelta(hours=2):
                raise TooManyRows("more than there are")
            lies = [each for each in found if window.start.isoformat() <= each["Timestamp"] < window.end.isoformat()]
            yield from ([lies] if lies else [])

    assert rows(Answers(ask(query=query, reach="0m", without=("since",)), Both()).rows()) == found


def test_counts_cannot_be_cut_and_are_told_so(thousand):
    query = (
        "let since = datetime(1970-01-01);\n"
        "DeviceProcessEvents | where Timestamp >= since | summarize by DeviceId, bin(Timestamp, 1m)"
    )
    with pytest.raises(
        TooManyRows, match=r"its rows have no ReportId\. Rows of a query that is to be cut keep DeviceId"
    ):
        rows(Answers(ask(query=query), Limited(thousand, 700)).rows())


@pytest.mark.parametrize(
    ("without", "cure"),
    [
        ((), "Narrow the hunt's parameters, or look at the devices that make so much."),
        (("device_slices",), "Give the hunt the parameters device_slices and device_slice"),
    ],
)
def test_what_no_cut_helps_is_a_named_error(without, cure):
    crowd = [launch(0, 600 + number % 10, number, number) for number in range(50)]
    with Recorded(tables={"DeviceProcessEvents": crowd}) as source, pytest.raises(TooManyRows, match=cure) as caught:
        rows(Answers(ask(without=without), Limited(source, 40)).rows())
    assert "two-questions cannot be asked for less at a time. more than 40 rows." in str(caught.value)


@pytest.mark.parametrize(
    ("window", "schedule", "expected"),
    [(10, "20m", 20), (60, "20m", 120), (1, "20m", 20), (None, "20m", 20), (10, "30m", 30)],
)
def test_parts_overlap_by_twice_what_is_judged_together(window, schedule, expected):
    found = hunt()
    planned = msgspec.structs.replace(found.definition.schedule, overlap=schedule)
    found = replace(found, definition=msgspec.structs.replace(found.definition, schedule=planned))
    values = {} if window is None else {"window": timedelta(minutes=window)}
    asking = Ask(hunt=found, values=values, window=HOURS)
    assert asking.overlap == timedelta(minutes=expected)


def test_a_part_binds_its_own_start_and_share_and_reaches_as_far_back_as_the_whole():
    middle = Window(START + timedelta(hours=1), START + timedelta(hours=2))
    query, reached = ask().part(Slice(middle, shares=8, share=5))
    assert "\nlet since = datetime(2026-11-24T10:50:00.000000Z);\n" in query
    assert "\nlet device_slices = 8;\nlet device_slice = 5;\n" in query
    assert reached == Window(START - timedelta(hours=24), START + timedelta(hours=2, minutes=10))
    query, reached = ask(without=("since",)).part(Slice(middle))
    assert reached == Window(START - timedelta(hours=23, minutes=10), START + timedelta(hours=2, minutes=10))


def test_a_run_says_in_how_many_parts_it_asked(thousand):
    request = Request(id="r", tenant="t", window=HOURS, now=HOURS.end)
    quiet = replace(hunt(), steps=())
    run = runner.run(quiet, request, source=Limited(thousand, 300), sinks={}, store=Memory()).run
    assert (run.status, run.events, run.notes) == (
        "succeeded",
        995,
        ("asked in 8 parts: one answer would have been too large",),
    )
