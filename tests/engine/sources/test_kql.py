"""What KQL the local engine runs, what it refuses and in which words, and what a query can never reach."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from engine.errors import SourceError, UnsupportedQuery
from engine.model.event import Event
from engine.model.run import Window
from engine.sources import kql
from engine.sources.recorded import Recorded
from tests.engine.sources.launches import LAUNCHES

ROWS = [
    LAUNCHES[0] | {"_ArrivalTime": "2026-11-24T12:00:00Z"},
    LAUNCHES[1] | {"ProcessCommandLine": 'column_ifexists("X", 1) // ingestion_time() 2 * window'},
    LAUNCHES[2] | {"Timestamp": "2026-11-24T10:59:59.9999999Z"},
]


@pytest.fixture(scope="module")
def source() -> Iterator[Recorded]:
    with Recorded(tables={"DeviceProcessEvents": ROWS}) as opened:
        yield opened


def answer(source: Recorded, query: str, window: Window | None = None) -> list[Event]:
    return [event for batch in source.rows(query, window) for event in batch]


def value(source: Recorded, expression: str) -> object:
    (event,) = answer(source, f"DeviceProcessEvents | where ProcessId == 41 | project Value = {expression}")
    return event["Value"]


@pytest.mark.parametrize(
    ("query", "events"),
    [
        ("print column_ifexists('FileName', 'none')", [{"print_0": "none"}]),
        (
            'DeviceProcessEvents | where column_ifexists("FileName", "") has "cmd" | project column_ifexists("No", 7)',
            [{"No": 7}],
        ),
        (
            'DeviceProcessEvents | distinct ProcessId | where column_ifexists("FileName", tostring(ProcessId)) == "41"',
            [{"ProcessId": 41}],
        ),
        (
            'let f = (d: string) { column_ifexists("AccountUpn", d) }; DeviceProcessEvents | summarize by upn = f("x")',
            [{"upn": ""}],
        ),
        (
            "DeviceProcessEvents | where ingestion_time() > Timestamp + 1h | project ProcessId, ingestion_time()",
            [{"ProcessId": 41, "$IngestionTime": "2026-11-24T12:00:00.0000000Z"}],
        ),
        ("DeviceProcessEvents | where ingestion_time() == Timestamp | count", [{"Count": 2}]),
        (
            "DeviceProcessEvents | where ProcessId == 43 | project ProcessCommandLine // 2 * 1h",
            [{"ProcessCommandLine": 'column_ifexists("X", 1) // ingestion_time() 2 * window'}],
        ),
        ("let DeviceProcessEvents = DeviceProcessEvents | take 1; DeviceProcessEvents | count", [{"Count": 1}]),
        ("union Device* | summarize n = count()", [{"n": 3}]),
        ("DeviceInfo | union AlertInfo | count", [{"Count": 0}]),
        ('DeviceProcessEvents | where FileName == "x\'); DROP VIEW whole.DeviceInfo; --"', []),
        ("AlertEvidence | where DeviceId in ((DeviceProcessEvents | project DeviceId))", []),
    ],
)
def test_what_the_translator_lacks_runs_unchanged(source, query, events):
    assert answer(source, query) == events


@pytest.mark.parametrize(
    ("lets", "size", "begin"),
    [
        ("let w = 10m;", "w", "10:50"),
        ("let w = 10m;", "2 * w", "10:40"),
        ("let w = 10m; let wide = w * 2;", "wide", "10:40"),
        ("let w = 10m; let wide = w * 2; let wider = wide * 1.5;", "wider", "10:30"),
        ("let w = 1h;", "w / 4", "10:45"),
        ("let w = 10m;", "w + 5m", "10:45"),
        ("let w = 10m; let n = 2;", "(w - 1m) * n", "10:48"),
    ],
)
def test_timespans_computed_from_constants_make_bins(source, lets, size, begin):
    (event,) = answer(
        source, f"{lets} DeviceProcessEvents | where ProcessId == 41 | project b = bin(Timestamp, {size})"
    )
    assert event["b"] == f"2026-11-24T{begin}:00.0000000Z"


def test_a_column_hides_a_let_of_its_name_in_arithmetic(source):
    query = "let ProcessId = 1h; DeviceProcessEvents | where FileName == 'cmd.exe' | project x = 2 * ProcessId"
    assert answer(source, query) == [{"x": 82}]


@pytest.mark.parametrize(
    ("condition", "pids"),
    [
        ("Timestamp == datetime(2026-11-24T10:50:01.1234567Z)", [41]),
        ("Timestamp >= datetime(2026-11-24T10:50:01.1234568Z)", [42]),
        ("Timestamp < datetime(2026-11-24T11:00:00Z) and Timestamp > datetime(2026-11-24 10:59:59.999999)", [42]),
        ("bin(Timestamp, 10m) == datetime(2026-11-24T10:50:00Z)", [42, 41]),
        ("Timestamp > ago(1m)", [42]),
        ('AccountUpn == "" and AccountSid !contains "x" and strlen(AccountSid) == 0', [43, 42, 41]),
        ("isnull(LogonId)", [42]),
        ("LogonId == 9007199254740993", [41]),
    ],
)
def test_conditions_are_exact_and_text_is_never_null(source, condition, pids):
    found = answer(source, f"DeviceProcessEvents | where {condition} | project DeviceId, Timestamp, ProcessId")
    assert [event["ProcessId"] for event in found] == pids


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Timestamp", "2026-11-24T10:50:01.1234567Z"),
        ("bin(Timestamp, 1d)", "2026-11-24T00:00:00.0000000Z"),
        ("LogonId", 9_007_199_254_740_993),
        ("CreatedProcessSessionId", None),
        ("ProcessId == 41", True),
        ("1.5", 1.5),
        ("decimal(1.5)", 1.5),
        ("1d + 2h + 3ms", "1.02:00:00.0030000"),
        ("-10m", "-00:10:00"),
        ('dynamic({"a": [1, null]})', {"a": [1, None]}),
        ('pack_array(ProcessId, "x")', [41, "x"]),
        ("guid(74be27de-1e4e-49d9-b579-fe0b331d3642)", "74be27de-1e4e-49d9-b579-fe0b331d3642"),
    ],
)
def test_values_come_out_as_advanced_hunting_gives_them(source, expression, expected):
    assert value(source, expression) == expected


def test_lists_and_answers_without_a_device_come_out_too(source):
    query = "DeviceProcessEvents | summarize pids = make_list(ProcessId), names = make_set(FileName), n = count()"
    (event,) = answer(source, query)
    assert (sorted(event["pids"]), len(event["names"]), event["n"]) == ([41, 42, 43], 3, 3)


def test_now_is_the_end_of_the_window(source):
    window = Window(datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 24, 12, tzinfo=UTC))
    assert answer(source, "print now()", window) == [{"print_0": "2026-11-24T12:00:00.0000000Z"}]


@pytest.mark.parametrize(
    ("query", "construct"),
    [
        ("DeviceProcessEvents | make-series n = count() on Timestamp step 1h", "`make-series` at line 1, column 23"),
        (
            "DeviceProcessEvents\n| scan declare (x: long = 0) with (step s: true => x = 1;)",
            "`scan` at line 2, column 3",
        ),
        ("DeviceProcessEvents | mv-apply p = FileName on (count)", "`mv-apply`"),
        ("DeviceProcessEvents | partition by DeviceId (take 1)", "`partition`"),
        ("DeviceProcessEvents | evaluate pivot(DeviceId)", "`evaluate`"),
        ("DeviceProcessEvents | extend n = row_number()", "`row_number`"),
        ("DeviceProcessEvents | wheree x", "could not parse KQL at 1:20"),
        ("DeviceProcessEvents | where Nope == 1", '"Nope" not found'),
        ("DeviceNetworkEvents | count", "no table `DeviceNetworkEvents` here; there are AlertEvidence"),
        ('database("x").DeviceInfo', "no table `x.DeviceInfo`"),
        ('cluster("c").database("x").DeviceInfo', "no table `c.x.DeviceInfo`"),
        ("", "could not parse KQL"),
    ],
)
def test_what_cannot_run_here_is_named_with_the_way_on(source, query, construct):
    with pytest.raises(UnsupportedQuery) as raised:
        answer(source, query)
    assert construct in str(raised.value)
    assert "vizsla check" in str(raised.value) or "there are" in str(raised.value)


@pytest.mark.parametrize(
    "query",
    [
        'externaldata(line: string)["{path}"]',
        'externaldata(line: string)["https://example.com/x.csv"]',
        '["{path}"]',
        "['{path}'] | count",
        'print read_text("{path}")',
        'print x = getenv("HOME")',
        ".set Stolen <| DeviceProcessEvents",
        ".show tables",
        ".create database x",
        "DeviceProcessEvents; DeviceInfo",
        "COPY held.\"DeviceProcessEvents\" TO '{path}'",
        "SET enable_external_access = true",
        'DeviceProcessEvents | evaluate http_request("https://example.com")',
        'DeviceProcessEvents | project ["a\\" from read_text(\'{path}\') --"] = 1 | project Nope',
        "duckdb_settings | count",
        "source | count",
    ],
)
def test_a_query_reads_and_writes_nothing_but_its_tables(source, tmp_path, query):
    secret = tmp_path / "secret.csv"
    secret.write_text("secret\n")
    before = sorted(Path(tmp_path).rglob("*"))
    with pytest.raises(UnsupportedQuery) as raised:
        answer(source, query.replace("{path}", str(secret)))
    assert "secret\n" not in str(raised.value)
    assert sorted(Path(tmp_path).rglob("*")) == before
    assert answer(source, "DeviceProcessEvents | count") == [{"Count": 3}]


def test_the_database_itself_is_shut(source, tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    for statement in (
        f"FROM read_csv('{secret}')",
        f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
        f"ATTACH '{tmp_path}/other.duckdb'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
    ):
        with pytest.raises(duckdb.Error, match=r"disabled|locked"):
            source._shelf._database.cursor().execute(statement)


def test_a_message_quotes_no_value_of_an_event(source):
    with pytest.raises(UnsupportedQuery) as raised:
        answer(source, "DeviceProcessEvents | where ProcessCommandLine == 5")
    assert "a value cannot be converted to the type that the query wants" in str(raised.value)
    assert "whoami" not in str(raised.value)


def test_another_version_of_the_translator_is_refused(source, monkeypatch):
    monkeypatch.setattr(kql, "PINNED", "0.0.0")
    with pytest.raises(SourceError, match=r"duckdb-kql 0.0.0 is needed, 1.1.2 is here"):
        answer(source, "DeviceProcessEvents | where 'never asked before' == FileName")


@pytest.mark.parametrize("shares", [1, 2, 7, 64])
def test_a_hash_shares_every_row_out_once(shares: int) -> None:
    rows: list[Event] = [
        {"Timestamp": "2026-11-24T10:00:00Z", "DeviceId": f"d{number}" if number else ""} for number in range(200)
    ]
    query = "let shares = {}; DeviceProcessEvents | where hash(DeviceId, shares) == {} | project DeviceId"
    with Recorded(tables={"DeviceProcessEvents": rows}) as opened:
        parts = [answer(opened, query.format(shares, share)) for share in range(shares)]
    assert sorted(row["DeviceId"] for part in parts for row in part) == sorted(row["DeviceId"] for row in rows)
    assert max(map(len, parts)) <= 200 / shares * 2 + 6
