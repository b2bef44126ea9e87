"""Parquet files, and Parquet beside text, make the same tables as text alone."""

from __future__ import annotations

import duckdb
import pytest

from engine.errors import UnreadableFile
from tests.engine.sources.launches import LAUNCHES, SORTED, ask, ndjson, parquet


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
