"""The body of an answer becomes events whatever way its values are written, and what cannot be read is counted."""

import msgspec
import pytest

from engine.errors import SourceError
from engine.model.event import ticks
from engine.sources.interface import BATCH_ROWS
from engine.sources.rows import Answer


def body(kinds, rows, *, keys=("name", "type"), parts=("schema", "results")):
    schema = [dict(zip(keys, column, strict=True)) for column in kinds.items()]
    return bytearray(msgspec.json.encode({"@odata.context": "x", parts[0]: schema, parts[1]: rows}))


def events(answer, before=None):
    return [event for batch in answer.batches(before=before) for event in batch]


def value(kind, written):
    answer = Answer(body({"X": kind}, [{"X": written}]))
    (event,) = events(answer)
    return event["X"], answer.faults["X"]


@pytest.mark.parametrize(
    ("kind", "written", "expected"),
    [
        *(("SByte", written, True) for written in (True, 1, 1.0, "1", "True", "true", "TRUE")),
        *(("Boolean", written, False) for written in (False, 0, 0.0, "0", "False", "false")),
        *(("bool", written, None) for written in (None, "")),
        ("Int64", 9_007_199_254_740_993, 9_007_199_254_740_993),
        ("Int64", "9007199254740993", 9_007_199_254_740_993),
        ("long", "-7", -7),
        ("INT32", 7.0, 7),
        ("Int64", "", None),
        ("Int64", None, None),
        ("Double", 1, 1.0),
        ("real", "1.5", 1.5),
        ("Double", "", None),
        ("String", "text", "text"),
        ("String", "", ""),
        ("String", 7, "7"),
        ("string", {"a": [1]}, '{"a":[1]}'),
        ("Guid", "d-d", "d-d"),
        ("TimeSpan", "00:05:00", "00:05:00"),
        ("Object", {"a": [1, None]}, {"a": [1, None]}),
        ("Object", '{"a": [1, null]}', {"a": [1, None]}),
        ("dynamic", "[1]", [1]),
        ("dynamic", "plain", "plain"),
        ("dynamic", "{no JSON", "{no JSON"),
        ("dynamic", 7, 7),
        ("DateTime", "2026-11-24T10:50:01.1234567Z", "2026-11-24T10:50:01.1234567Z"),
        ("DateTime", "2026-11-24T10:50:01.123Z", "2026-11-24T10:50:01.1230000Z"),
        ("datetime", "2026-11-24T10:50:01Z", "2026-11-24T10:50:01.0000000Z"),
        ("DateTime", "2026-11-24T12:50:01+02:00", "2026-11-24T10:50:01.0000000Z"),
        ("DateTime", "0001-01-01T00:00:00Z", None),
        ("DateTime", "0001-01-01T00:00:00.0000000Z", None),
        ("DateTime", "", None),
        ("Shape", {"round": True}, {"round": True}),
    ],
)
def test_values_are_read_however_they_are_written(kind, written, expected):
    found, faults = value(kind, written)
    assert (found, type(found), faults) == (expected, type(expected), 0)


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("SByte", "perhaps"),
        ("SByte", 2),
        ("Int64", "seven"),
        ("Int64", "1_000"),
        ("Int64", 1.5),
        ("Int64", {}),
        ("Double", "much"),
        ("DateTime", "yesterday"),
        ("DateTime", 7),
    ],
)
def test_what_its_type_cannot_hold_is_null_and_counted(kind, written):
    assert value(kind, written) == (None, 1)


@pytest.mark.parametrize(
    "written", ["2026-11-24T10:50:01.1234567Z", "2026-11-24T10:50:01.123Z", "2026-11-24T10:50:01Z"]
)
def test_the_timestamp_keeps_its_own_text(written):
    (event,) = events(Answer(body({"Timestamp": "DateTime"}, [{"Timestamp": written}])))
    assert event == {"Timestamp": written}


@pytest.mark.parametrize("keys", [("name", "type"), ("Name", "Type"), ("NAME", "TYPE")])
@pytest.mark.parametrize("parts", [("schema", "results"), ("Schema", "Results")])
def test_the_case_of_keys_does_not_matter(keys, parts):
    assert events(Answer(body({"X": "Int64"}, [{"X": "7"}], keys=keys, parts=parts))) == [{"X": 7}]


def test_a_row_has_the_columns_of_the_schema_and_no_annotations():
    rows = [{"@odata.type": "#row", "A@odata.type": "#Int64", "A": 1}]
    assert events(Answer(body({"A": "Int64", "B": "String"}, rows))) == [{"A": 1, "B": None}]
    assert events(Answer(body({}, rows))) == [{"A": 1}]


def test_rows_are_ordered_by_device_then_time_then_what_settles_ties():
    kinds = {"DeviceId": "String", "Timestamp": "DateTime", "ReportId": "Int64", "Role": "String"}
    rows = [
        ("b", "2026-11-24T10:00:00Z", 1, "launch"),
        ("a", "2026-11-24T10:00:00.5Z", 1, "launch"),
        ("a", "2026-11-24T10:00:00.45Z", "10", "launch"),
        ("a", "2026-11-24T10:00:00.4500000Z", 9, "shell"),
        ("a", "2026-11-24T10:00:00.450Z", 9, "launch"),
        (None, "2026-11-24T11:00:00Z", None, "launch"),
    ]
    found = events(Answer(body(kinds, [dict(zip(kinds, row, strict=True)) for row in rows])))
    assert [(event["DeviceId"], event["ReportId"], event["Role"]) for event in found] == [
        (None, None, "launch"),
        ("a", 9, "launch"),
        ("a", 9, "shell"),
        ("a", 10, "launch"),
        ("a", 1, "launch"),
        ("b", 1, "launch"),
    ]


def test_what_lies_at_the_end_of_the_window_or_beyond_is_left_out_and_nothing_else():
    stamps = [
        "2026-11-24T09:00:00Z",
        "2026-11-24T10:59:59.9999999Z",
        "2026-11-24T11:00:00.0000000Z",
        "2026-11-24T12:00:00Z",
    ]
    answer = Answer(body({"Timestamp": "DateTime"}, [{"Timestamp": each} for each in stamps]))
    assert [event["Timestamp"] for event in events(answer, ticks("2026-11-24T11:00:00Z"))] == stamps[:2]


def test_batches_are_bounded():
    answer = Answer(body({"X": "Int64"}, [{"X": number} for number in range(BATCH_ROWS + 1)]))
    assert ([len(batch) for batch in answer.batches(before=None)], len(answer)) == ([BATCH_ROWS, 1], BATCH_ROWS + 1)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (rb'"a\ud800b"', "a\ufffdb"),
        (rb'"\udc00\ud800"', "\ufffd\ufffd"),
        (rb'"\ud83d\ude00\uD83D"', "\U0001f600\ufffd"),
        (rb'"C:\\ud800 \ud800"', "C:\\ud800 \ufffd"),
        (b'"a\xffb"', "a\ufffdb"),
        (rb'"\u0000"', "\0"),
    ],
)
def test_one_hostile_command_line_spoils_no_answer(written, expected):
    raw = b'{"schema":[{"name":"X","type":"String"}],"results":[{"X":"before"},{"X":' + written + b'},{"X":"after"}]}'
    assert [event["X"] for event in events(Answer(bytearray(raw)))] == ["before", expected, "after"]


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"null", b"{}", b'{"schema": []}', b'{"results": []}', b'{"schema": [], "results": {}}', b"<html>",
     b'{"schema": [], "results": ['],
)  # fmt: skip
def test_what_is_no_answer_is_said_to_be_none(text):
    with pytest.raises(SourceError, match="Defender's answer"):
        Answer(bytearray(text))


def test_no_rows_and_null_are_answers_too():
    assert [len(Answer(bytearray(b'{"schema": null, "results": %s}' % each))) for each in (b"[]", b"null")] == [0, 0]
