"""Files in every shape give the same events, and nothing that is lost is lost in silence."""

from __future__ import annotations

import codecs
import gzip
import json
import os
from collections.abc import Callable

import pytest

from engine.errors import UnreadableFile
from tests.engine.sources.launches import LAUNCHES, SORTED, ask, comma_separated, count, ndjson, notes, parquet

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
