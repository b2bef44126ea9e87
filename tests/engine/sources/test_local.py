"""The local source as the runner sees it: windows, batches, progress, and nothing left behind."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.errors import UnreadableFile
from engine.model.event import Event
from engine.model.run import Window
from engine.sources.interface import BATCH_ROWS, Source
from engine.sources.local import Local
from tests.engine.sources.launches import LAUNCHES, QUERY, SORTED, ask, ndjson

TELEMETRY = Path(__file__).parents[4] / "shared" / "telemetry"


def test_the_window_holds_its_start_and_not_its_end(tmp_path):
    start = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
    stamps = ["09:59:59.9999999", "10:00:00.0000000", "10:59:59.9999999", "11:00:00.0000000"]
    rows = [LAUNCHES[0] | {"Timestamp": f"2026-11-24T{stamp}Z"} for stamp in stamps]
    (tmp_path / "x.ndjson").write_bytes(ndjson(rows))
    window = Window(start, start + timedelta(hours=1))
    assert [event["Timestamp"][11:27] for event in ask(tmp_path, window=window)] == stamps[1:3]


def test_the_whole_window_holds_every_row(tmp_path):
    (tmp_path / "x.ndjson").write_bytes(ndjson(LAUNCHES))
    with Local(paths=[str(tmp_path)]) as source:
        assert [event for batch in source.rows(QUERY, source.whole) for event in batch] == SORTED
        assert (source.oldest, source.newest) == (
            datetime(2026, 11, 24, 10, 49, tzinfo=UTC),
            datetime(2026, 11, 24, 10, 50, 1, 123456, tzinfo=UTC),
        )


def test_batches_are_bounded_and_ordered_across_their_borders(tmp_path):
    rows = [LAUNCHES[0] | {"DeviceId": f"d{number % 7}", "ReportId": number} for number in range(BATCH_ROWS * 2 + 1)]
    (tmp_path / "x.ndjson").write_bytes(ndjson(rows))
    with Local(paths=[str(tmp_path)]) as source:
        batches = list(source.rows("DeviceProcessEvents | project DeviceId, Timestamp, ReportId", None))
    events: list[Event] = [event for batch in batches for event in batch]
    assert [len(batch) for batch in batches] == [BATCH_ROWS, BATCH_ROWS, 1]
    assert events == sorted(events, key=lambda event: (event["DeviceId"], event["Timestamp"], event["ReportId"]))


def test_two_queries_may_be_read_at_once(tmp_path):
    (tmp_path / "x.ndjson").write_bytes(ndjson(LAUNCHES))
    with Local(paths=[str(tmp_path)]) as source:
        first, second = source.rows(QUERY, None), source.rows("DeviceProcessEvents | count", source.whole)
        assert (next(first), next(second)) == (SORTED, [{"Count": 3}])
        assert isinstance(source, Source)


def test_progress_goes_from_nothing_to_all(tmp_path):
    for name in ("a.ndjson", "b.ndjson"):
        (tmp_path / name).write_bytes(ndjson(LAUNCHES))
    size, told = len(ndjson(LAUNCHES)), []
    Local(paths=[str(tmp_path)], progress=lambda *values: told.append(values)).close()
    assert told == [
        (0, 2 * size, f"{tmp_path}/a.ndjson"),
        (size, 2 * size, f"{tmp_path}/b.ndjson"),
        (2 * size, 2 * size, ""),
    ]


def test_closing_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    (tmp_path / "x.json").write_bytes(json.dumps(LAUNCHES).encode())
    source = Local(paths=[str(tmp_path / "x.json")])
    assert [path.stat().st_mode & 0o77 for path in (tmp_path / "temporary").iterdir()] == [0]
    source.close()
    source.close()
    (tmp_path / "x.json").write_bytes(b'[{"FileName": "a", "DeviceId": "b", "ProcessId": 1}]')
    with pytest.raises(UnreadableFile):
        Local(paths=[str(tmp_path / "x.json")])
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.skipif(not TELEMETRY.is_dir(), reason="the telemetry folder is not beside this repository")
def test_the_folder_of_real_telemetry_is_read_whole():
    with Local(paths=[str(TELEMETRY)]) as source:
        assert source.counts["DeviceProcessEvents"] == 6_555
        assert source.notes == (
            "passed over, no telemetry by its columns: bursts.json",
            "passed over, no telemetry by its name: README.md, acceptance.bin",
        )
        late = "DeviceProcessEvents | where ingestion_time() > Timestamp + 1h | count"
        assert list(source.rows(late, None)) == [[{"Count": 7}]]


BURSTS = """
let window = 10m;
let shells = dynamic(["cmd.exe", "powershell.exe"]);
let launches = DeviceProcessEvents
| where FileName in~ ("whoami.exe", "ipconfig.exe", "net.exe", "systeminfo.exe")
| extend half = bin(Timestamp, window);
let kept = launches
| distinct DeviceId, half, ProcessCommandLine
| mv-expand slot = pack_array(half, half - window) to typeof(datetime)
| distinct DeviceId, slot, ProcessCommandLine
| summarize commands = count() by DeviceId, slot
| where commands >= 3
| mv-expand half = pack_array(slot, slot + window) to typeof(datetime)
| distinct DeviceId, half;
let burst = launches | join kind=leftsemi kept on DeviceId, half | project-away half | extend Role = "launch";
let parents = burst
| where InitiatingProcessFileName in~ (shells)
| distinct DeviceId, ProcessId = InitiatingProcessId, ProcessCreationTime = InitiatingProcessCreationTime;
let stitched = DeviceProcessEvents
| where FileName in~ (shells)
| join kind=leftsemi parents on DeviceId, ProcessId, ProcessCreationTime
| extend Role = "shell";
union burst, stitched | project Timestamp, DeviceId, Role, FileName
"""


def test_a_burst_across_a_bin_comes_with_the_shell_that_launched_it(tmp_path):
    born = "2026-11-24T09:00:00.1234567Z"
    shell = {"Timestamp": born, "DeviceId": "a", "FileName": "cmd.exe", "ProcessId": 7, "ProcessCreationTime": born}
    commands = [
        ("whoami.exe", "10:59:59.9999999"),
        ("net.exe", "11:02:00.0000000"),
        ("ipconfig.exe", "11:09:59.9999999"),
    ]
    launches = [
        {
            "Timestamp": f"2026-11-24T{time}Z",
            "DeviceId": "a",
            "FileName": name,
            "ProcessCommandLine": name,
            "InitiatingProcessFileName": "CMD.EXE",
            "InitiatingProcessId": 7,
            "InitiatingProcessCreationTime": born,
        }
        for name, time in commands
    ]
    other = [shell | {"ProcessCreationTime": "2026-11-24T09:00:00.1234568Z"}, launches[0] | {"DeviceId": "b"}]
    (tmp_path / "x.ndjson").write_bytes(ndjson([*launches, *other, shell]))
    assert [(event["Role"], event["FileName"]) for event in ask(tmp_path, query=BURSTS)] == [
        ("shell", "cmd.exe"),
        ("launch", "whoami.exe"),
        ("launch", "net.exe"),
        ("launch", "ipconfig.exe"),
    ]
