"""Files in every shape give the same events, and nothing that is lost is lost in silence."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from engine.errors import NothingToRead, UnreadableFile
from engine.model.event import Event
from engine.model.run import Window
from engine.sources.interface import BATCH_ROWS, Source
from engine.sources.local import Local
from tests.engine.sources.launches import LAUNCHES, QUERY, SORTED, ask, count, ndjson, notes

TELEMETRY = Path(__file__).parents[4] / "shared" / "telemetry"


def comma_separated(rows: list[dict[str, object]], delimiter: str = ",") -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def parquet(rows: list[dict[str, object]], path: Path, *, types: str = "VARCHAR") -> None:
    with duckdb.connect() as database:
        names = ", ".join(f"{name}: 'VARCHAR'" for name in rows[0])
        lines = path.with_suffix(".rows")
        lines.write_bytes(ndjson(rows))
        chosen = {
            "VARCHAR": "*",
            "typed": "* REPLACE (Timestamp::TIMESTAMP_NS AS Timestamp, ProcessId::INTEGER AS ProcessId, "
            "LogonId::UBIGINT AS LogonId, ProcessCreationTime::TIMESTAMP_NS AS ProcessCreationTime, "
            "CreatedProcessSessionId::BIGINT AS CreatedProcessSessionId)",
        }[types]
        database.execute(
            f"COPY (SELECT {chosen} FROM read_json(?, columns={{{names}}}, format='newline_delimited')) "  # noqa: S608 - ours
            "TO ? (FORMAT PARQUET)",
            [str(lines), str(path)],
        )
        lines.unlink()


SHAPES: dict[str, Callable[[], bytes]] = {
    "launches.ndjson": lambda: ndjson(LAUNCHES),
    "launches.jsonl": lambda: ndjson(LAUNCHES).replace(b"\n", b"\r\n"),
    "blank-lines.ndjson": lambda: ndjson(LAUNCHES).replace(b"\n", b"\n\n  \n"),
    "launches.ndjson.gz": lambda: gzip.compress(ndjson(LAUNCHES)),
    "two-members.ndjson.gz": lambda: gzip.compress(ndjson(LAUNCHES[:1])) + gzip.compress(ndjson(LAUNCHES[1:])),
    "not-zipped-after-all.ndjson.gz": lambda: ndjson(LAUNCHES),
    "zipped-unsaid.ndjson": lambda: gzip.compress(ndjson(LAUNCHES)),
    "marked.ndjson": lambda: codecs.BOM_UTF8 + ndjson(LAUNCHES),
    "powershell.ndjson": lambda: ndjson(LAUNCHES).decode().encode("utf-16"),
    "array.json": lambda: json.dumps(LAUNCHES).encode(),
    "indented-array.json": lambda: json.dumps(LAUNCHES, indent=2).encode(),
    "indented-objects.json": lambda: b"\n".join(json.dumps(row, indent=2).encode() for row in LAUNCHES),
    "graph.json": lambda: json.dumps({"schema": [{"name": "Timestamp"}], "results": LAUNCHES}).encode(),
    "indented-graph.json": lambda: json.dumps(
        {"schema": [{"name": "Timestamp"}], "results": LAUNCHES}, indent=1
    ).encode(),
    "legacy.json.gz": lambda: gzip.compress(json.dumps({"Stats": {}, "Schema": [], "Results": LAUNCHES}).encode()),
    "launches.csv": lambda: comma_separated(LAUNCHES),
    "portal.csv": lambda: codecs.BOM_UTF8 + comma_separated(LAUNCHES),
    "excel.csv": lambda: comma_separated(LAUNCHES, ";"),
    "launches.csv.gz": lambda: gzip.compress(comma_separated(LAUNCHES)),
    "lower.ndjson": lambda: ndjson([{name.lower(): value for name, value in row.items()} for row in LAUNCHES]),
    "upper.csv": lambda: comma_separated([{name.upper(): value for name, value in row.items()} for row in LAUNCHES]),
    "duplicate-key.ndjson": lambda: ndjson(LAUNCHES).replace(b'{"Timestamp"', b'{"DeviceId": "x", "Timestamp"'),
    "other-columns.ndjson": lambda: ndjson([row | {"New": {"a": [1]}, "_x": 1, "two words": 2} for row in LAUNCHES]),
}


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_of_text_gives_the_same_events(tmp_path, name):
    (tmp_path / name).write_bytes(SHAPES[name]())
    assert (ask(tmp_path / name), notes(tmp_path / name)) == (SORTED, ())


@pytest.mark.parametrize("types", ["VARCHAR", "typed"])
def test_parquet_gives_the_same_events(tmp_path, types):
    parquet(LAUNCHES, tmp_path / "launches.parquet", types=types)
    assert ask(tmp_path / "launches.parquet") == SORTED


def test_parquet_with_a_zone_is_read_as_that_instant(tmp_path):
    path = tmp_path / "zoned.parquet"
    with duckdb.connect() as database:
        database.execute(
            "COPY (SELECT '2026-11-24 12:50:01.123456+02'::TIMESTAMPTZ AS Timestamp, 'a' AS DeviceId, [1] AS FileName"
            ") TO ? (FORMAT PARQUET)",
            [str(path)],
        )
    assert ask(path, query="DeviceProcessEvents | project Timestamp, FileName") == [
        {"Timestamp": "2026-11-24T10:50:01.1234560Z", "FileName": "[1]"}
    ]


def test_files_of_different_columns_and_types_make_one_table(tmp_path):
    parquet(LAUNCHES[:1], tmp_path / "a.parquet", types="typed")
    parquet(LAUNCHES[1:2], tmp_path / "b.parquet")
    (tmp_path / "c.ndjson").write_bytes(ndjson(LAUNCHES[2:]))
    (tmp_path / "d.csv").write_bytes(b"Timestamp,DeviceId,FileName\n2026-11-24T11:00:00Z,c,net.exe\n")
    assert ask(tmp_path) == [
        *SORTED,
        {
            "Timestamp": "2026-11-24T11:00:00.0000000Z",
            "DeviceId": "c",
            "FileName": "net.exe",
            "ProcessId": None,
            "ProcessCommandLine": "",
            "LogonId": None,
            "ProcessCreationTime": None,
            "CreatedProcessSessionId": None,
        },
    ]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Nov 24, 2026 10:50:01 AM", "2026-11-24T10:50:01.0000000Z"),
        ("Nov 4, 2026 1:05:09 PM", "2026-11-04T13:05:09.0000000Z"),
        ("Nov 4, 2026 12:05:09\N{NARROW NO-BREAK SPACE}AM", "2026-11-04T00:05:09.0000000Z"),
        ("Nov 24, 2026 10:50:01.123 AM", "2026-11-24T10:50:01.1230000Z"),
        ("2026-11-24T10:50:01Z", "2026-11-24T10:50:01.0000000Z"),
        ("2026-11-24T10:50:01.1Z", "2026-11-24T10:50:01.1000000Z"),
        ("2026-11-24 10:50:01.1234567", "2026-11-24T10:50:01.1234567Z"),
        ("2026-11-24T10:50:01.123456789Z", "2026-11-24T10:50:01.1234567Z"),
        ("2026-11-24T10:50:01.1234567+02:00", "2026-11-24T08:50:01.1234567Z"),
        ("2026-11-24T10:50:01-05:30", "2026-11-24T16:20:01.0000000Z"),
        ("2026-11-24", "2026-11-24T00:00:00.0000000Z"),
        ("0001-01-01T00:00:00Z", None),
        ("2026-02-30T00:00:00Z", None),
        ("2026-11-24T10:50:01 PM", None),
        ("2026-11-24 10:50:01 Europe/Berlin", None),
        ("24.11.2026 10:50", None),
        ("infinity", None),
        ("1795517401", None),
    ],
)
def test_dates_are_read_right_or_not_at_all(tmp_path, written, read):
    (tmp_path / "dates.ndjson").write_bytes(ndjson([LAUNCHES[0] | {"ProcessCreationTime": written}]))
    assert [event["ProcessCreationTime"] for event in ask(tmp_path)] == [read]


def test_a_folder_is_read_with_all_below_it_and_tells_what_it_passes_over(tmp_path):
    inner = tmp_path / "2026" / "a=1"
    inner.mkdir(parents=True)
    (inner / "launches.ndjson").write_bytes(ndjson(LAUNCHES))
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "launches.ndjson").write_bytes(ndjson(LAUNCHES))
    (tmp_path / "README.md").write_text("telemetry")
    (tmp_path / "acceptance.bin").write_bytes(os.urandom(64))
    (tmp_path / "bursts.json").write_text('{"note": "labels", "bursts": [{"id": 1, "label": "benign"}]}')
    (tmp_path / "none.ndjson").write_bytes(b"")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no more")
    (tmp_path / "DeviceNetworkEvents.ndjson").write_bytes(ndjson(LAUNCHES))
    assert count(tmp_path) == len(LAUNCHES)
    assert [note.partition(":")[0] for note in notes(tmp_path)] == [
        "passed over, cannot be read",
        "passed over, empty",
        "passed over, no telemetry by its columns",
        "passed over, no telemetry by its name",
        "passed over, of DeviceNetworkEvents, a table whose columns are not declared here",
    ]
    assert notes(tmp_path)[3] == "passed over, no telemetry by its name: README.md, acceptance.bin"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("README.md", b"x", "cannot tell its format by its name"),
        ("bursts.json", b'{"note": "x", "bursts": []}', "no telemetry by its columns"),
        ("DeviceNetworkEvents.ndjson", ndjson(LAUNCHES), "of DeviceNetworkEvents"),
        ("broken.parquet", b"PAR1", "cannot be read"),
        ("noise.ndjson", bytes(range(256)), "no row in it"),
        ("cut.ndjson.gz", gzip.compress(ndjson(LAUNCHES))[:12], "no row in it: 1 x gzip cut short"),
    ],
)
def test_a_named_file_that_is_no_telemetry_is_an_error(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableFile, match=message):
        ask(tmp_path / name)


def test_nothing_to_read_says_where_and_what_was_there(tmp_path):
    (tmp_path / "README.md").write_text("x")
    with pytest.raises(NothingToRead, match=r"no telemetry \(passed over, no telemetry by its name: README.md\)"):
        ask(tmp_path)
    with pytest.raises(NothingToRead, match="no file matches"):
        ask(tmp_path / "*.ndjson")
    with pytest.raises(UnreadableFile, match="no such file or folder"):
        ask(tmp_path / "gone.ndjson")


def test_a_file_named_twice_counts_once(tmp_path):
    path = tmp_path / "launches.ndjson"
    path.write_bytes(ndjson(LAUNCHES))
    (tmp_path / "link.ndjson").symlink_to(path)
    assert count(path, tmp_path, tmp_path / "*.ndjson", tmp_path / ".." / tmp_path.name / path.name) == len(LAUNCHES)


@pytest.mark.parametrize("ending", ["ndjson", "csv", "parquet"])
def test_file_names_are_never_patterns_nor_sql(tmp_path, ending):
    folder = tmp_path / "a'b=1; DROP TABLE x --"
    folder.mkdir()
    path = folder / f'o\'dd "name" [1-9]* ü语 %s ?.{ending}'
    if ending == "parquet":
        parquet(LAUNCHES, tmp_path / "plain.parquet")
        (tmp_path / "plain.parquet").rename(path)
    else:
        path.write_bytes(ndjson(LAUNCHES) if ending == "ndjson" else comma_separated(LAUNCHES))
    assert (ask(path), ask(folder)) == (SORTED, SORTED)


def test_rows_without_a_timestamp_are_counted_and_named(tmp_path):
    bad = [LAUNCHES[0] | {"Timestamp": stamp} for stamp in (None, "", "yesterday", "2026-13-01T00:00:00Z")]
    (tmp_path / "bad.ndjson").write_bytes(
        ndjson([*LAUNCHES, *bad, LAUNCHES[0] | {"DeviceId": "", "ProcessId": "many"}])
    )
    parquet([*LAUNCHES, *bad], tmp_path / "bad.parquet")
    assert count(tmp_path) == 2 * len(LAUNCHES) + 1
    assert notes(tmp_path) == (
        f"{tmp_path}/bad.ndjson: 1 of 8 rows have no DeviceId",
        f"{tmp_path}/bad.ndjson: 1 of 8 rows have a ProcessId that is none of its kind and reads as null",
        f"{tmp_path}/bad.ndjson: 4 of 8 rows have no Timestamp that can be read and are left out",
        f"{tmp_path}/bad.parquet: 4 of 7 rows have no Timestamp that can be read and are left out",
    )


@pytest.mark.parametrize("lost", ["Timestamp", "DeviceId"])
def test_a_column_that_a_table_needs_and_no_file_has_is_an_error(tmp_path, lost):
    rows = [{name: value for name, value in row.items() if name != lost} for row in LAUNCHES]
    (tmp_path / "a.ndjson").write_bytes(ndjson(rows))
    (tmp_path / "b.csv").write_bytes(comma_separated(rows))
    with pytest.raises(UnreadableFile, match=f"a.ndjson, .*b.csv: no row has a {lost} that can be read"):
        ask(tmp_path)


DAMAGED: list[tuple[str, bytes, int, str]] = [
    (
        "x.ndjson",
        ndjson(LAUNCHES) + b'{"Timestamp": "2026',
        3,
        "1 x line that is no JSON object, passed over (first at line 4)",
    ),
    (
        "x.ndjson",
        b"oops\n42\n[]\n" + ndjson(LAUNCHES),
        3,
        "3 x line that is no JSON object, passed over (first at line 1)",
    ),
    (
        "x.ndjson",
        ndjson(LAUNCHES) + b"[" * 100_000,
        3,
        "1 x line that is no JSON object, passed over (first at line 4)",
    ),
    (
        "x.json",
        json.dumps(LAUNCHES).encode()[:-1],
        3,
        "1 x JSON broken or without its end, what follows is lost (first at element 4)",
    ),
    (
        "x.json",
        json.dumps(LAUNCHES).encode()[:-20],
        2,
        "1 x JSON broken or without its end, what follows is lost (first at element 3)",
    ),
    (
        "x.json",
        json.dumps([*LAUNCHES, 7]).encode(),
        3,
        "1 x element that is no JSON object, passed over (first at element 4)",
    ),
    (
        "x.csv",
        comma_separated(LAUNCHES) + b"2026-11-24T10:50:01Z,a\n",
        3,
        "1 x record with more or fewer fields than the header, passed over (first at line 6)",
    ),
    (
        "x.csv",
        comma_separated(LAUNCHES) + b'2026-11-24T10:50:01Z,"' + b"a" * 200_000 + b"\n",
        3,
        "1 x record that is no CSV, passed over (first at line 6)",
    ),
]


@pytest.mark.parametrize(("name", "content", "rows", "flaw"), DAMAGED)
def test_damage_is_passed_over_and_named(tmp_path, name, content, rows, flaw):
    (tmp_path / name).write_bytes(content)
    assert (count(tmp_path / name), notes(tmp_path / name)) == (rows, (f"{tmp_path / name}: {flaw}",))


def test_an_array_is_read_in_pieces_of_any_size(tmp_path, monkeypatch):
    (tmp_path / "x.json").write_bytes(json.dumps(LAUNCHES, indent=1).encode())
    for size in (1, 7, 64, 1_000):
        monkeypatch.setattr("engine.sources.text._CHUNK", size)
        assert (ask(tmp_path), notes(tmp_path)) == (SORTED, ())


@pytest.mark.parametrize(
    "kind",
    [
        "BIGINT",
        "DOUBLE",
        "BOOLEAN",
        "DATE",
        "TIMESTAMP",
        "TIMESTAMPTZ",
        "BLOB",
        "UUID",
        "TIME",
        "INTEGER[]",
        "INTERVAL",
    ],
)
def test_parquet_columns_of_unfit_types_read_as_null_or_text(tmp_path, kind):
    path = tmp_path / "x.parquet"
    with duckdb.connect() as database:
        cells = ", ".join(f"NULL::{kind} AS {name}" for name in ("FileName", "ProcessId", "ProcessCreationTime"))
        database.execute(
            f"COPY (SELECT '2026-11-24'::DATE AS Timestamp, 'a' AS DeviceId, {cells}) TO ? (FORMAT PARQUET)",
            [str(path)],
        )
    assert ask(path, query="DeviceProcessEvents | project Timestamp, FileName, ProcessId, ProcessCreationTime") == [
        {"Timestamp": "2026-11-24T00:00:00.0000000Z", "FileName": "", "ProcessId": None, "ProcessCreationTime": None}
    ]


def test_parquet_damaged_in_the_middle_is_an_error(tmp_path):
    path = tmp_path / "x.parquet"
    parquet(LAUNCHES * 200, path)
    content = bytearray(path.read_bytes())
    content[4:200] = b"\xff" * 196
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match="DeviceProcessEvents: one of its Parquet files cannot be read"):
        ask(path)


def test_an_array_with_something_behind_it_says_so(tmp_path):
    (tmp_path / "x.json").write_bytes(json.dumps(LAUNCHES).encode() + b"\n" + ndjson(LAUNCHES))
    flaw = "1 x text behind the end of an array, lost (first at element 4)"
    assert (ask(tmp_path), notes(tmp_path)) == (SORTED, (f"{tmp_path}/x.json: {flaw}",))


def test_a_gzip_cut_short_gives_the_rows_before_the_cut(tmp_path):
    many = [LAUNCHES[0] | {"ReportId": number, "SHA1": os.urandom(20).hex()} for number in range(5_000)]
    path = tmp_path / "cut.ndjson.gz"
    path.write_bytes(gzip.compress(ndjson(many))[:-2_000])
    found = count(path)
    assert 4_000 < found < 5_000
    assert notes(path) == (f"{path}: 1 x gzip cut short or damaged, what follows is lost (first at row {found + 1:,})",)


def test_bytes_and_halves_that_are_no_text_hide_no_row(tmp_path):
    hostile = ndjson(LAUNCHES).replace(b"whoami.exe", b"who\xffami.exe").replace(b"cmd.exe", b"c\\ud800md.exe")
    (tmp_path / "x.ndjson").write_bytes(
        hostile + b'{"Timestamp":"2026-11-24T10:50:02Z","DeviceId":"z","LogonId":NaN}\n'
    )
    assert [event["FileName"] for event in ask(tmp_path / "x.ndjson")] == [
        "who\ufffdami.exe",
        "o'brien\".exe",
        "c?md.exe",
        "",
    ]


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
