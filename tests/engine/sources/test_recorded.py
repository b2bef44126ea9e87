"""Rows given in memory go through the query like any file, and mistakes in them are named."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.errors import UnreadableFile
from engine.model.run import Window
from engine.sources.recorded import Recorded
from tests.engine.sources.launches import LAUNCHES, QUERY, SORTED


def test_recorded_rows_answer_as_files_do():
    with Recorded(tables={"DeviceProcessEvents": LAUNCHES}) as source:
        assert list(source.rows(QUERY, None)) == [SORTED]
        assert source.notes == ()


def test_tables_join_and_the_window_holds_for_each():
    info = [
        {
            "Timestamp": f"2026-11-2{day}T00:00:00Z",
            "DeviceId": "a",
            "OSPlatform": f"Windows{day}",
            "IsAzureADJoined": True,
        }
        for day in (3, 4)
    ]
    query = (
        "DeviceProcessEvents | join kind=inner DeviceInfo on DeviceId | project ProcessId, OSPlatform, IsAzureADJoined"
    )
    window = Window(datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC))
    with Recorded(tables={"DeviceProcessEvents": LAUNCHES, "DeviceInfo": info}) as source:
        assert [event for batch in source.rows(query, window) for event in batch] == [
            {"ProcessId": 42, "OSPlatform": "Windows4", "IsAzureADJoined": True},
            {"ProcessId": 43, "OSPlatform": "Windows4", "IsAzureADJoined": True},
        ]


def test_no_rows_are_an_answer_too():
    with Recorded(tables={"DeviceProcessEvents": []}) as source:
        assert list(source.rows(QUERY, None)) == []


def test_dates_of_yaml_and_nested_values_are_taken():
    moment = datetime(2026, 11, 24, 10, 50, 1, 5, tzinfo=UTC)
    row = {"Timestamp": moment, "DeviceId": "a", "_note": "free", "ProcessCommandLine": {"a": 1}}
    with Recorded(tables={"DeviceProcessEvents": [row]}) as source:
        query = "DeviceProcessEvents | project Timestamp, ProcessCommandLine"
        assert list(source.rows(query, None)) == [
            [{"Timestamp": "2026-11-24T10:50:01.0000050Z", "ProcessCommandLine": '{"a":1}'}]
        ]


@pytest.mark.parametrize(
    ("table", "change", "message"),
    [
        ("DeviceProcesEvents", {}, "no table DeviceProcesEvents, perhaps DeviceProcessEvents"),
        ("DeviceProcessEvents", {"FileNmae": "x"}, "DeviceProcessEvents has no column FileNmae, perhaps FileName"),
        ("DeviceProcessEvents", {"Timestamp": "yesterday"}, "1 of 1 rows have no Timestamp"),
        ("DeviceProcessEvents", {"ProcessId": "four"}, "have a ProcessId that is none of its kind"),
    ],
)
def test_mistakes_are_named(table, change, message):
    with pytest.raises(UnreadableFile, match=message):
        Recorded(tables={table: [LAUNCHES[0] | change]})
