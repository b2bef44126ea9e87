"""What intrusions add to a day, and what their labels say."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime

import pytest

from engine.model.event import ticks
from tests.estate import Estate, Row
from tests.estate.intrusions import STYLES, actors, sequences
from tests.estate.processes import initiator

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def _event(row: Row) -> tuple[str, str, int]:
    return row["DeviceId"], row["Timestamp"], row["ReportId"]


def test_intrusions_change_no_other_row(estate: Estate, monday: list[Row]) -> None:
    added, _ = estate.intrusions(0, 8)
    with_intrusions = list(estate.day(0, intrusions=8))
    attacks = {_event(row) for row in added}

    assert [row for row in with_intrusions if _event(row) not in attacks] == monday
    assert [row for row in with_intrusions if _event(row) in attacks] == added


def test_more_intrusions_leave_the_first_as_they_are(estate: Estate) -> None:
    assert estate.intrusions(1, 9)[1][:4] == estate.intrusions(1, 4)[1]


def test_labels_point_at_the_rows_of_their_commands(estate: Estate) -> None:
    rows, labels = estate.intrusions(0, 3 * len(actors()))
    by_report = {(row["DeviceId"], row["ReportId"]): row for row in rows}

    assert {label.style for label in labels} == set(STYLES)
    assert {label.actor for label in labels} == {actor.name for actor in actors()}
    assert {label.sequence for label in labels} == {sequence.name for sequence in sequences()}
    for label in labels:
        own = [by_report[label.device_id, report] for report in label.report_ids]
        assert tuple(row["ProcessCommandLine"] for row in own) == label.commands
        assert (own[0]["Timestamp"], own[-1]["Timestamp"]) == (label.start, label.end)
        assert {(row["DeviceName"], row["AccountName"]) for row in own} == {(label.device_name, label.account)}
        assert len(own) >= 3


@pytest.mark.parametrize(
    ("style", "launchers", "shortest", "longest"),
    [
        ("beacon", "each its own", 1, 13),
        ("slow", "each its own", 40, 111),
        ("interactive", "one", 4, 41),
        ("two_shells", "two", 4, 41),
        ("script", "one", 0.05, 2.1),
    ],
)
def test_a_style_has_its_pace_and_its_shells(style: str, launchers: str, shortest: float, longest: float) -> None:
    rows, labels = Estate(seed=3, devices=100, start=MONDAY).intrusions(0, 48)
    by_report = {(row["DeviceId"], row["ReportId"]): row for row in rows}
    # What a shell within starts follows at once: those sequences are left out.
    plain = [label for label in labels if label.style == style and not _holds_a_shell(label.commands)]

    assert plain
    for label in plain:
        own = [by_report[label.device_id, report] for report in label.report_ids]
        expected = {"one": 1, "two": 2, "each its own": len(own)}[launchers]
        gaps = [
            (ticks(later["Timestamp"]) - ticks(earlier["Timestamp"])) / 10_000_000
            for earlier, later in itertools.pairwise(own)
        ]
        assert len({initiator(row) for row in own}) == expected
        assert shortest <= min(gaps)
        assert max(gaps) <= longest


def _holds_a_shell(commands: tuple[str, ...]) -> bool:
    return any(re.search(r"\bset\b|chcp|findstr", command) for command in commands)


def test_an_impostor_lies_elsewhere_and_has_no_signature(estate: Estate) -> None:
    rows, _ = estate.intrusions(0, 2 * len(actors()))
    impostors = [row for row in rows if row["InitiatingProcessFileName"] == "SenseIR.exe"]

    assert len(impostors) > 3
    assert {row["InitiatingProcessSignatureStatus"] for row in impostors} <= {"Unsigned", "Unknown"}
    assert not [row for row in impostors if "program files" in row["InitiatingProcessFolderPath"].lower()]


def test_renamed_adfind_keeps_its_original_name(estate: Estate) -> None:
    rows, _ = estate.intrusions(0, len(actors()))

    assert {row["ProcessVersionInfoOriginalFileName"] for row in rows if row["FileName"] == "qq.exe"} == {"AdFind.exe"}
