"""One hunt, start to finish: what is delivered once, what a failure leaves behind, and what is nobody's to catch."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import loader, runner
from engine.errors import SinkError, SourceError, Throttled
from engine.model.run import HuntRun, Window
from engine.record import Request
from engine.sinks.memory import Memory as Sink
from engine.sources.recorded import Recorded
from engine.stores.memory import Memory as Store
from tests.proof import examples

HUNTS = Path(__file__).parent / "hunts"
HUNT = loader.load(HUNTS / "two-questions")
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
WINDOW = Window(NOON - timedelta(hours=1), NOON)


def launch(device, number, program):
    return {
        "Timestamp": f"2026-11-24T11:00:{number:02}.0000000Z",
        "DeviceId": device,
        "DeviceName": f"{device}.contoso.com",
        "ReportId": number,
        "FileName": f"{program}.exe",
        "ProcessCommandLine": program,
        "InitiatingProcessFileName": "tool.exe",
        "InitiatingProcessId": 7,
    }


def burst(device, *, commands=2):
    return [launch(device, number, ("whoami", "ipconfig")[number % 2]) for number in range(commands)]


class Rows:
    """A source that holds its rows ready, and ends as it is told to."""

    notes = ("a note",)

    def __init__(self, *batches, ends=None):
        self.batches = batches
        self.ends = ends
        self.asked = []

    def rows(self, query, window):
        self.asked.append((query, window))
        yield from self.batches
        if self.ends:
            raise self.ends


class Ledger(Sink):
    """A Memory that also counts deliveries, and refuses a device."""

    def __init__(self, *, refuses=""):
        super().__init__()
        self.refuses = refuses
        self.delivered = []

    def deliver(self, notice):
        finding = notice.finding
        if finding.device.id == self.refuses:
            raise SinkError(f"{finding.device.id} is refused")
        self.delivered.append((finding.device.id, len(finding.commands)))
        return super().deliver(notice)


def scheduled(source, *, sink, store, hunt=HUNT, **asked):
    request = Request(id="r", tenant="t", window=WINDOW, now=NOON, scheduled=True, kind="window", **asked)
    return runner.run(hunt, request, source=source, sinks={"memory": sink}, store=store)


ROWS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 99))).map(
    lambda drawn: [{"DeviceId": str(device), "n": number} for device, number in sorted(drawn)]
)


@pytest.mark.property
@settings(max_examples=examples(quick=200, full=5_000))
@given(ROWS, st.lists(st.integers(0, 60)), st.integers(1, 8))
def test_devices_stay_whole_however_rows_were_split(rows, cuts, size):
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    batches = [rows[start:end] for start, end in pairwise(edges)]
    whole = list(runner.whole_devices(batches, size))
    assert [row for batch in whole for row in batch] == rows
    assert whole == list(runner.whole_devices([rows], size))
    seen = Counter(device for batch in whole for device in {row["DeviceId"] for row in batch})
    assert set(seen.values()) <= {1}
    largest = max((len(list(held)) for _, held in groupby(rows, key=lambda row: row["DeviceId"])), default=0)
    assert all(0 < len(batch) < size + largest for batch in whole)


def test_a_scheduled_run_delivers_records_and_moves_the_watermark():
    sink, store = Ledger(), Store()
    with Recorded(tables={"DeviceProcessEvents": [*burst("a"), launch("b", 3, "whoami")]}) as source:
        outcome = scheduled(source, sink=sink, store=store)
    (finding,) = outcome.findings
    assert outcome.run == HuntRun(
        id="r",
        tenant="t",
        hunt="two-questions",
        status="succeeded",
        window=WINDOW,
        began=NOON,
        newest="2026-11-24T11:00:03.0000000Z",
        events=3,
        findings=1,
        dropped={"in no burst": 1},
        seconds=outcome.run.seconds,
    )
    assert (finding.hunt, finding.device.id, len(finding.commands)) == ("two-questions", "a", 2)
    assert sink.findings == (finding,)
    assert store.finding(finding.fingerprint) == finding
    assert store.runs() == (outcome.run,)
    assert store.watermark("t", "two-questions") == NOON


def test_what_was_delivered_is_delivered_again_only_when_it_has_grown():
    sink, store = Ledger(), Store()
    for commands in (2, 2, 4, 3):
        scheduled(Rows(burst("a", commands=commands)), sink=sink, store=store)
    assert sink.delivered == [("a", 2), ("a", 4)]


def test_what_a_sink_refuses_is_told_with_the_next_run_and_to_that_sink_alone():
    store, rows = Store(), [*burst("a"), *burst("b")]
    refusing = Ledger(refuses="b")
    first = scheduled(Rows(rows), sink=refusing, store=store).run
    assert (first.status, first.findings) == ("succeeded", 2)
    assert [note.partition(" was not")[0] for note in first.notes] == ["a note", "memory"]
    assert store.watermark("t", "two-questions") == NOON
    mended = Ledger()
    assert scheduled(Rows(), sink=mended, store=store).run.status == "succeeded"
    assert (refusing.delivered, mended.delivered) == ([("a", 2)], [("b", 2)])


def test_while_it_observes_only_what_is_high_is_told():
    sink, store = Ledger(), Store()
    outcome = scheduled(Rows(burst("a")), sink=sink, store=store, observing=True)
    assert ([finding.severity for finding in outcome.findings], sink.delivered) == (["low"], [])
    assert store.finding(outcome.findings[0].fingerprint) == outcome.findings[0]
    scheduled(Rows(burst("a")), sink=sink, store=store)
    assert sink.delivered == [("a", 2)]


def test_a_burst_that_began_before_the_window_is_one_finding_with_all_of_it():
    sink, store = Ledger(), Store()
    crowd = [launch("a", second, ("whoami", "ipconfig")[second % 2]) for second in range(50)]
    with Recorded(tables={"DeviceProcessEvents": crowd}) as source:
        for start, end in ((0, 30), (20, 50)):
            window = Window(*(NOON - timedelta(hours=1) + timedelta(seconds=second) for second in (start, end)))
            request = Request(id=f"{end}", tenant="t", window=window, now=NOON, scheduled=True, kind="window")
            outcome = runner.run(HUNT, request, source=source, sinks={"memory": sink}, store=store)
    (finding,) = outcome.findings
    assert (len(finding.commands), sink.raised, sink.updated) == (50, 1, 1)


def test_a_throttled_run_says_until_when_and_leaves_the_watermark():
    store = Store()
    outcome = scheduled(Rows(ends=Throttled("busy", until=NOON + timedelta(minutes=15))), sink=Ledger(), store=store)
    assert (outcome.run.status, outcome.run.error, outcome.until) == ("throttled", "busy", NOON + timedelta(minutes=15))
    assert store.watermark("t", "two-questions") is None


def test_a_source_that_fails_half_way_is_a_failed_run_with_its_counts():
    sink, store = Ledger(), Store()
    crowd = [launch("a", number % 60, "whoami") for number in range(6_000)]
    run = scheduled(Rows(crowd, [launch("b", 1, "whoami")], ends=SourceError("gone")), sink=sink, store=store).run
    assert (run.status, run.error, run.events, run.dropped, run.findings) == (
        "failed",
        "gone",
        6_000,
        {"in no burst": 6_000},
        0,
    )
    assert store.runs() == (run,)
    assert store.watermark("t", "two-questions") is None


def test_a_bug_is_not_caught():
    store = Store()
    with pytest.raises(RuntimeError, match="a bug"):
        scheduled(Rows(ends=RuntimeError("a bug")), sink=Ledger(), store=store)
    assert (store.runs(), store.watermark("t", "two-questions")) == ((), None)


def test_a_run_on_demand_delivers_nothing_and_moves_nothing():
    sink, store = Ledger(), Store()
    request = Request(id="r", tenant="t", window=WINDOW, now=NOON)
    outcome = runner.run(HUNT, request, source=Rows(burst("a")), sinks={"memory": sink}, store=store)
    assert len(outcome.findings) == 1
    assert (sink.delivered, store.finding(outcome.findings[0].fingerprint)) == ([], None)
    assert (store.runs(), store.watermark("t", "two-questions")) == ((outcome.run,), None)


def test_the_query_is_bound_and_looks_back_as_far_as_the_hunt_reaches():
    hunt = loader.load(loader.HUNTS / "discovery-burst")
    source = Rows()
    request = Request(id="r", tenant="t", window=WINDOW, now=NOON, values={"minimum": 4})
    runner.run(hunt, request, source=source, sinks={}, store=Store())
    query, window = source.asked[-1]
    assert "\nlet minimum = 4;\n" in query
    assert "\nlet since = datetime(2026-11-24T11:00:00.000000Z);\n" in query
    assert window == Window(WINDOW.start - timedelta(hours=24), WINDOW.end)
