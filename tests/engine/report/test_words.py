"""How figures, times and names are worded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from msgspec.structs import replace

from engine.model.event import TICKS_PER_SECOND
from engine.model.finding import Account, Process
from engine.model.run import Window
from engine.report import words
from tests.engine.report.example import FINDINGS, RUN


@pytest.mark.parametrize(
    ("seconds", "wording"),
    [
        (0, "0.0 s"),
        (2.68, "2.7 s"),
        (38.417, "38 s"),
        (59.7, "1 min"),
        (321.3, "5 min 21 s"),
        (3_600, "1 h"),
        (3_605, "1 h"),
        (14_460, "4 h 1 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds, wording) -> None:
    assert words.duration(int(seconds * TICKS_PER_SECOND)) == wording


@pytest.mark.parametrize(("number", "wording"), [(0, "0 findings"), (1, "1 finding"), (43_102, "43,102 findings")])
def test_a_count_agrees_with_its_noun(number, wording) -> None:
    assert words.count(number, "finding") == wording


@pytest.mark.parametrize(
    ("time", "wording"),
    [
        ("2026-11-24T10:50:01.1239999Z", "10:50:01.123"),
        ("2026-11-24T11:50:01+01:00", "10:50:01.000"),
        ("2026-11-25T00:00:00Z", "2026-11-25 00:00:00.000"),
    ],
)
def test_a_clock_shows_the_date_where_it_changes(time, wording) -> None:
    assert words.clock(time, beside="2026-11-24T10:00:00Z") == wording


@pytest.mark.parametrize(
    ("end", "wording"),
    [
        (datetime(2026, 11, 24, 12, tzinfo=UTC), "2026-11-24 11:00 to 12:00 UTC"),
        (datetime(2026, 11, 25, 12, tzinfo=UTC), "2026-11-24 11:00 to 2026-11-25 12:00 UTC"),
        (datetime(2026, 11, 24, 14, tzinfo=timezone(timedelta(hours=2))), "2026-11-24 11:00 to 12:00 UTC"),
    ],
)
def test_a_window_is_told_in_utc(end, wording) -> None:
    assert words.window(Window(datetime(2026, 11, 24, 11, tzinfo=UTC), end)) == wording


@pytest.mark.parametrize(
    ("account", "wording"),
    [
        (Account("anna", "CONTOSO", "S-1-5-21-1"), r"CONTOSO\anna"),
        (Account("anna", ""), "anna"),
        (Account("", "CONTOSO", "S-1-5-21-1"), "S-1-5-21-1"),
        (Account("", ""), "unknown account"),
    ],
)
def test_an_account_has_the_best_name_it_has(account, wording) -> None:
    assert words.account(account) == wording


@pytest.mark.parametrize(
    ("folder", "path"),
    [
        (r"C:\Windows\System32", r"C:\Windows\System32\net.exe"),
        (r"c:\windows\system32\NET.EXE", r"c:\windows\system32\NET.EXE"),
        ("C:\\", r"C:\net.exe"),
        ("", "net.exe"),
    ],
)
def test_a_path_ends_in_the_file_name_once(folder, path) -> None:
    assert words.path(Process(file_name="net.exe", folder_path=folder)) == path


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (r'"C:\Windows\NET.exe" user', True),
        (r"c:\windows\net.exe", True),
        ("net user", False),
        (r"evil C:\Windows\net.exe", False),
    ],
)
def test_a_path_need_not_be_told_twice(line, told) -> None:
    assert words.begins_with_path(Process(file_name="net.exe", folder_path=r"C:\Windows", command_line=line)) is told


@pytest.mark.parametrize(
    ("process", "wording"),
    [
        (
            Process(file_name="a", process_id=7, creation_time="2026-11-24T09:41:52.66Z"),
            "PID 7, started 2026-11-24 09:41:52",
        ),
        (Process(file_name="a", process_id=0, signature_status="Valid"), "PID 0, signature Valid"),
        (Process(file_name="a"), ""),
    ],
)
def test_an_origin_holds_what_is_known(process, wording) -> None:
    assert words.origin(process) == wording


def test_the_worst_come_first_and_the_earlier_of_equals() -> None:
    low, high, late = FINDINGS[5], FINDINGS[0], replace(FINDINGS[0], start="2026-11-24T09:44:11Z")
    assert words.worst_first([low, late, high]) == [high, late, low]


def test_severities_are_counted_with_their_zeros() -> None:
    assert words.by_severity(FINDINGS) == {"high": 2, "medium": 3, "low": 1, "informational": 0}


def test_reasons_to_set_aside_come_by_their_weight() -> None:
    assert words.set_aside(replace(RUN, dropped={"b": 1, "a": 1, "c": 9})) == [("c", 9), ("a", 1), ("b", 1)]


def test_titles_are_told_once_in_order() -> None:
    assert words.titles(FINDINGS[2]) == [
        "Sessions of others",
        "Local administrators",
        "Shares",
        "Network connections",
        "Way to the internet",
    ]
