"""The contract of the live source, over HTTP with the real azure-identity: it answers as files do, or says why not."""

import logging
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from engine.errors import NotPermitted, Refused, SourceError, TooManyRows, UnsupportedQuery
from engine.model.run import Window
from engine.sources.interface import Source
from engine.sources.recorded import Recorded
from tests.engine.sources.tenant import asked, rows
from tests.fakes.graph import TOO_LARGE, BrokenOff, Graph, Refusal, Spelling, Words
from tests.fakes.identity import Identity

START = datetime(2026, 11, 24, 10, tzinfo=UTC)
HOUR = Window(START, START + timedelta(hours=1))
QUERY = (
    "DeviceProcessEvents | project Timestamp, DeviceId, ReportId, ProcessId, ProcessCommandLine, ProcessCreationTime, "
    "LogonId, IsProcessRemoteSession, Extra = parse_json(AdditionalFields)"
)


def launch(number):
    return {
        "Timestamp": f"2026-11-24T10:{number % 60:02}:{number * 7 % 60:02}.{number:07}Z",
        "DeviceId": f"{number * 13 % 5:040x}",
        "ReportId": number,
        "ProcessId": number % 9,
        "ProcessCommandLine": f'cmd /c "echo {number}" \u00fc \U00010348\t\'',
        "ProcessCreationTime": f"2026-11-24T10:{number % 60:02}:00.0000000Z" if number % 4 else None,
        "LogonId": 9_007_199_254_740_993 + number if number % 3 else None,
        "IsProcessRemoteSession": (True, False, None)[number % 3],
        "AdditionalFields": f'{{"a": [{number}]}}',
    }


LAUNCHES = [launch(number) for number in range(200)]


@pytest.fixture(scope="module")
def recorded():
    with Recorded(tables={"DeviceProcessEvents": LAUNCHES}) as source:
        yield source


@pytest.mark.parametrize(
    "spelling",
    [
        Spelling(),
        Spelling(bools="number", longs="text", dynamics="text"),
        Spelling(bools="text", keys=("Name", "Type")),
        Spelling(types={"bool": "Boolean", "long": "long", "dynamic": "dynamic", "datetime": "datetime"}),
        Spelling(parts=("Schema", "Results"), annotated=True),
    ],
)
def test_contract_the_answer_is_what_files_would_answer(recorded, monkeypatch, spelling):
    with asked(recorded, monkeypatch, spelling=spelling) as (graph, source):
        assert rows(source, QUERY, HOUR) == rows(recorded, QUERY, HOUR)
        assert isinstance(source, Source)
        assert source.notes == ()
    (call,) = graph.calls
    assert (call.query, call.timespan) == (QUERY, "2026-11-24T10:00:00.000000Z/2026-11-24T11:00:00.000000Z")


def test_contract_the_window_holds_its_start_and_not_its_end(monkeypatch):
    stamps = [
        f"2026-11-24T{each}Z"
        for each in ("09:59:59.9999999", "10:00:00.0000000", "10:59:59.9999999", "11:00:00.0000000")
    ]
    recorded = Recorded(tables={"DeviceProcessEvents": [LAUNCHES[0] | {"Timestamp": stamp} for stamp in stamps]})
    with recorded, asked(recorded, monkeypatch) as (graph, source):
        assert [event["Timestamp"] for event in rows(source, QUERY, HOUR)] == stamps[1:3]
        assert [event["Timestamp"] for event in rows(source, QUERY)] == stamps
        assert [call.timespan for call in graph.calls] == [
            "2026-11-24T10:00:00.000000Z/2026-11-24T11:00:00.000000Z",
            "",
        ]


def test_contract_a_timestamp_that_the_query_rounds_down_is_kept(recorded, monkeypatch):
    query = "DeviceProcessEvents | summarize Launches = count() by Timestamp = bin(Timestamp, 1d)"
    with asked(recorded, monkeypatch) as (_, source):
        assert rows(source, query, HOUR) == [{"Timestamp": "2026-11-24T00:00:00.0000000Z", "Launches": 200}]


@pytest.mark.parametrize(("limit", "fits"), [(201, True), (200, False), (100, False)])
def test_contract_an_answer_as_long_as_the_limit_may_have_been_cut_off(recorded, monkeypatch, limit, fits):
    with asked(recorded, monkeypatch, row_limit=limit, environment={"VIZSLA_ROW_LIMIT": str(limit)}) as (_, source):
        batches = source.rows(QUERY, HOUR)
        if fits:
            assert len(next(batches)) == 200
        else:
            with pytest.raises(TooManyRows, match=f"Defender gives {limit} rows at most, and 2026-11-24T10:00:00"):
                next(batches)


def test_contract_an_answer_too_long_in_bytes_is_told_alike(recorded, monkeypatch):
    with asked(recorded, monkeypatch, most_bytes=10_000) as (_, source):
        with pytest.raises(TooManyRows, match=TOO_LARGE):
            rows(source, QUERY, HOUR)
        assert len(rows(source, f"{QUERY} | where ReportId < 9", HOUR)) == 9


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            "DeviceProcessEvents | where NoSuchColumn == 1",
            r"no column NoSuchColumn: read it with column_ifexists\('NoSuch",
        ),
        (
            "NoSuchTable | count",
            r"cannot run the query\. Microsoft Graph answers 400, BadRequest: .* table or column .* 'NoSuchTable'",
        ),
        ("DeviceProcessEvents | fly", r"Defender cannot run the query\. .*client-request-id"),
    ],
)
def test_contract_a_query_at_fault_is_told_in_defenders_words(recorded, monkeypatch, query, expected):
    with asked(recorded, monkeypatch) as (_, source), pytest.raises(UnsupportedQuery, match=expected):
        rows(source, query, HOUR)


def test_contract_another_refusal_stays_what_it_is(recorded, monkeypatch):
    with asked(recorded, monkeypatch) as (graph, source):
        graph.faults.append(Refusal(404, "ResourceNotFound", "not in this cloud"))
        with pytest.raises(Refused, match="answers 404, ResourceNotFound: not in this cloud"):
            rows(source, QUERY, HOUR)


def test_contract_without_the_permission_nothing_is_read_and_the_cure_is_told(recorded, monkeypatch):
    with asked(recorded, monkeypatch, roles=["SecurityAlert.Read.All"]) as (graph, source):
        with pytest.raises(
            NotPermitted, match=r"answers 403, .* needs the application permission ThreatHunting\.Read\.All"
        ):
            rows(source, QUERY, HOUR)
        assert [call.status for call in graph.calls] == [403]


def test_contract_a_connection_that_breaks_off_loses_and_doubles_nothing(recorded, monkeypatch):
    with asked(recorded, monkeypatch) as (graph, source):
        graph.faults.append(BrokenOff())
        assert rows(source, QUERY, HOUR) == rows(recorded, QUERY, HOUR)
        assert len(graph.calls) == 2


def test_contract_what_cannot_be_read_is_noted(recorded, monkeypatch):
    body = {
        "schema": [{"name": "X", "type": "Int64"}, {"name": "Y", "type": "SByte"}],
        "results": [{"X": "many", "Y": 1}] * 3,
    }
    with asked(recorded, monkeypatch) as (graph, source):
        graph.faults.append(Words(msgspec.json.encode(body)))
        assert rows(source, QUERY, HOUR) == [{"X": None, "Y": True}] * 3
        assert source.notes == ("3 values of X are none of its kind and left empty",)


def test_contract_a_page_that_is_no_answer_is_a_failure(recorded, monkeypatch):
    with asked(recorded, monkeypatch) as (graph, source):
        graph.faults.append(Words(b"<html>maintenance</html>"))
        with pytest.raises(SourceError, match="Defender's answer is no JSON object"):
            rows(source, QUERY, HOUR)


def test_contract_the_log_never_has_the_query(recorded, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    with asked(recorded, monkeypatch) as (_, source):
        rows(source, 'DeviceProcessEvents | where DeviceName == "very private"', HOUR)
    assert [record.name for record in caplog.records if "private" in record.getMessage()] == []


WIDE = 30
CLIENT = """
import os
from engine import bootstrap, settings
from engine.stores.memory import Memory
with bootstrap.tenant(settings.read(os.environ).live, "contoso", Memory()) as source:
    counted = sum(map(len, source.rows("T", None)))
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(counted, int(peak.split()[1]) // 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from /proc")
def test_contract_a_hundred_thousand_rows_take_less_than_400_mb():
    columns = ["Timestamp", "DeviceId", *(f"Column{number:02}" for number in range(WIDE))]
    text = {name: f"{name} holds some forty characters of text" for name in columns[2:]}
    given = [
        {**text, "Timestamp": f"2026-11-24T10:00:{n % 60:02}.{n:07}Z", "DeviceId": f"{n % 997:040x}"}
        for n in range(99_999)
    ]
    schema = [{"name": name, "type": "DateTime" if name == "Timestamp" else "String"} for name in columns]
    body = msgspec.json.encode({"schema": schema, "results": given})
    assert len(body) > 150_000_000, "three times what Defender sends at most"
    with Graph(None) as graph, Identity() as identity:
        graph.faults.append(Words(body))
        environment = os.environ | identity.environment | {"VIZSLA_GRAPH_URL": graph.url}
        done = subprocess.run(
            [sys.executable, "-c", CLIENT], env=environment, capture_output=True, text=True, check=True
        )
    counted, peak = map(int, done.stdout.split())
    assert (counted, peak < 400) == (99_999, True), f"{peak} MB"
