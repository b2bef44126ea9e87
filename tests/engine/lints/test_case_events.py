"""A case says what matters; all else is derived, and a slip of the pen is told with its event."""

import pytest

from engine.errors import UnreadableFile
from engine.lints.case_events import rows
from engine.model.hunt import Case


def case(*events, **common):
    return Case(name="a case", common=common, events=events, expect=())


def test_an_event_is_filled_up_with_what_defender_would_say():
    assert rows(case({"ProcessCommandLine": "whoami /all", "at": "1m"})) == {
        "DeviceProcessEvents": [
            {
                "Timestamp": "2026-01-05T09:01:00.0000000Z",
                "DeviceId": "e5a2d08ea02fbee53f812d14521ea5a90f07357a",
                "DeviceName": "ws01.contoso.com",
                "ActionType": "ProcessCreated",
                "ReportId": 1,
                "FileName": "whoami.exe",
                "FolderPath": "C:\\Windows\\System32\\whoami.exe",
                "ProcessId": 1000,
                "ProcessCreationTime": "2026-01-05T09:01:00.0000000Z",
                "InitiatingProcessFileName": None,
                "InitiatingProcessFolderPath": None,
                "InitiatingProcessId": None,
                "InitiatingProcessCreationTime": None,
                "InitiatingProcessCommandLine": None,
                "InitiatingProcessAccountName": None,
                "InitiatingProcessAccountDomain": None,
                "InitiatingProcessAccountSid": None,
                "InitiatingProcessSHA1": None,
                "InitiatingProcessParentFileName": None,
                "InitiatingProcessParentId": None,
                "InitiatingProcessParentCreationTime": None,
                "ProcessCommandLine": "whoami /all",
            }
        ]
    }


def test_by_fills_the_launcher_and_its_launcher():
    agent = {"as": "agent", "ProcessCommandLine": "C:\\Agent\\agent.exe", "FolderPath": "C:\\Agent\\agent.exe"}
    shell = {"at": "1s", "as": "shell", "by": "agent", "ProcessCommandLine": "cmd.exe"}
    (*_, row) = rows(
        case(agent, shell, {"at": "2s", "by": "shell", "ProcessCommandLine": "whoami"}, AccountName="eve")
    )["DeviceProcessEvents"]
    assert {column: value for column, value in row.items() if column.startswith("Initiating") and value} == {
        "InitiatingProcessFileName": "cmd.exe",
        "InitiatingProcessFolderPath": "C:\\Windows\\System32\\cmd.exe",
        "InitiatingProcessId": 1004,
        "InitiatingProcessCreationTime": "2026-01-05T09:00:01.0000000Z",
        "InitiatingProcessCommandLine": "cmd.exe",
        "InitiatingProcessAccountName": "eve",
        "InitiatingProcessParentFileName": "agent.exe",
        "InitiatingProcessParentId": 1000,
        "InitiatingProcessParentCreationTime": "2026-01-05T09:00:00.0000000Z",
    }


def test_an_unseen_process_launches_but_has_no_row_of_its_own():
    unseen = {"as": "agent", "unseen": True, "ProcessCommandLine": "agent.exe"}
    (row,) = rows(case(unseen, {"by": "agent", "ProcessCommandLine": "whoami"}))["DeviceProcessEvents"]
    assert (row["FileName"], row["InitiatingProcessFileName"]) == ("whoami.exe", "agent.exe")


def test_what_an_event_says_itself_wins_over_common_and_over_what_is_derived():
    said = {"FileName": "q.exe", "FolderPath": "C:\\q.exe", "ProcessId": 7, "AccountName": "eve", "table": "Other"}
    (row,) = rows(case(said, AccountName="anna"))["Other"]
    assert {name: row[name] for name in ("FileName", "FolderPath", "ProcessId", "AccountName")} == {
        "FileName": "q.exe",
        "FolderPath": "C:\\q.exe",
        "ProcessId": 7,
        "AccountName": "eve",
    }
    assert "table" not in row


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("whoami", "whoami.exe"),
        ("more.com file", "more.com"),
        ('"C:\\Program Files\\A b\\tool.exe" /x', "tool.exe"),
        ("C:\\Tools\\tool.exe /x", "tool.exe"),
    ],
)
def test_the_file_name_is_read_off_the_command_line(command, program):
    (row,) = rows(case({"ProcessCommandLine": command}))["DeviceProcessEvents"]
    assert row["FileName"] == program


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (
            [{"as": "agent"}, {"by": "agnet"}],
            "events[1].by: agnet labels no event above it. Did you mean agent?",
        ),
        ([{"by": "later"}, {"as": "later"}], "events[0].by: later labels no event above it. There is none."),
        ([{"at": "soon"}], "events[0].at: soon is no timespan like 10m, 24h or 7d."),
        ([{"at": 10}], "events[0].at: 10 is no timespan like 10m, 24h or 7d."),
    ],
)
def test_a_slip_of_the_pen_is_told_with_its_event(events, expected):
    with pytest.raises(UnreadableFile) as caught:
        rows(case(*events))
    assert str(caught.value) == expected
