"""The queries fetch little and lose nothing: the KQL on DuckDB against a plain count in Python."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import loader
from engine.model.event import ticks, timestamp
from engine.sources.recorded import Recorded
from engine.steps.classify import CMDLET, SEARCH, intent_of
from tests.proof import examples

START = ticks(datetime(2026, 11, 24, 12, tzinfo=UTC).isoformat())
SECOND = 10_000_000
COMMANDS = (
    ("whoami.exe", "whoami"),
    ("WHOAMI.EXE", "whoami  /USER"),
    ("whoami.exe", "whoami /all"),
    ("ipconfig.exe", "ipconfig /all"),
    ("ipconfig.exe", "ipconfig /renew"),
    ("net.exe", 'net group "Domain Admins" /domain'),
    ("net1.exe", 'net1 group "domain admins" /do'),
    ("net.exe", "net use x: \\\\srv\\share"),
    ("systeminfo.exe", None),
    ("hostname.exe", None),
    ("qq.exe", "qq.exe -f objectcategory=computer"),
    ("cmd.exe", "cmd.exe /c set"),
    ("cmd.exe", 'C:\\Windows\\system32\\cmd.exe /d /c "e^cho %username%"'),
    ("cmd.exe", "cmd.exe /c whoami"),
    ("ping.exe", "ping 127.0.0.1 -n 30"),
    ("notepad.exe", "notepad.exe"),
)
ORIGINALS = {"qq.exe": "AdFind.exe"}
ASKED = (
    (CMDLET, "Get-NetTCPConnection"),
    (CMDLET, "get-nettcpconnection -State Listen"),
    (CMDLET, "Get-Ad`User -Filter *"),
    (CMDLET, "Import-Module ActiveDirectory\n$all = ActiveDirectory\\Get-ADComputer -Filter *"),
    (CMDLET, "Get-Process | Out-String"),
    (CMDLET, "Get-Process -Name tray"),
    (CMDLET, "Get-CimInstance"),
    (CMDLET, "gcim Win32_Product"),
    (CMDLET, "Get-Command"),
    (SEARCH, "(&(objectCategory=person)(objectClass=user))"),
    (SEARCH, "( & ( objectClass = group ) ( cn = Domain Admins ) )"),
    (SEARCH, "(&(objectClass=user)(sAMAccountName=bob))"),
    (SEARCH, "(&(samAccountType=805306368)(servicePrincipalName=*)(!(samAccountName=krbtgt)))"),
    (SEARCH, "(objectClass=trustedDomain)"),
    (SEARCH, "(objectClass=*)"),
    (SEARCH, None),
)
# Moments crowd at the edges of the query's slots, where a window could be lost.
MOMENTS = st.builds(
    lambda slot, offset: slot * 300 * SECOND + offset,
    st.integers(0, 12),
    st.sampled_from([0, 1, -1, SECOND, 150 * SECOND, 299 * SECOND, 300 * SECOND - 1]),
)


def drawn_from(commands):
    return st.lists(
        st.tuples(st.sampled_from("abcd"), MOMENTS, st.sampled_from(commands), st.integers(1, 3)), max_size=40
    )


LAUNCHES = drawn_from(COMMANDS)


def row(number, device, moment, command, parent):
    name, line = command
    return {
        "Timestamp": timestamp(START + moment),
        "DeviceId": device,
        "DeviceName": f"{device}.contoso.com",
        "ReportId": number,
        "InitiatingProcessId": parent,
        "InitiatingProcessCreationTime": timestamp(START) if parent > 1 else None,
        "InitiatingProcessFileName": "agent.exe",
    } | (asked(name, line) if command in ASKED else launched(name, line, number, timestamp(START + moment)))


def launched(file_name, line, number, created):
    return {
        "FileName": file_name,
        "ProcessVersionInfoOriginalFileName": ORIGINALS.get(file_name),
        "ProcessCommandLine": line,
        "ProcessId": number,
        "ProcessCreationTime": created,
    }


def asked(action, text):
    fields = {"SearchFilter" if action == SEARCH else "Command": text}
    return {"ActionType": action, "AdditionalFields": json.dumps(fields)}


def intent_in(catalogue, each):
    action = each.get("ActionType", "")
    if action:
        (asked_for,) = json.loads(each["AdditionalFields"]).values()
        return intent_of(catalogue, action=action, command_line=asked_for or "")
    names = {"file_name": each["FileName"], "original_file_name": each["ProcessVersionInfoOriginalFileName"] or ""}
    return intent_of(catalogue, **names, command_line=each["ProcessCommandLine"] or "")


def fetched(hunt, rows):
    """The ReportIds of the launches that the hunt's query returns."""
    tables = {
        "DeviceProcessEvents": [each for each in rows if "FileName" in each],
        "DeviceEvents": [each for each in rows if "AdditionalFields" in each],
    }
    with Recorded(tables=tables) as source:
        return {
            event["ReportId"] for batch in source.rows(hunt.query, None) for event in batch if event["Role"] == "launch"
        }


def needed(hunt, rows, *, key, worth, least):
    """The ReportIds of all launches with an intent in a window that holds enough, by trying every window."""
    catalogue = hunt.steps[0].fields["catalogue"]
    width = int(hunt.defaults["window"].total_seconds()) * SECOND
    told = []
    for each in rows:
        intent = intent_in(catalogue, each)
        if intent:
            told.append((key(each), ticks(each["Timestamp"]), worth(each, intent.id), each["ReportId"]))
    wanted = set()
    for group, start, _, _ in told:
        window = [event for event in told if event[0] == group and start <= event[1] <= start + width]
        if len({value for _, _, value, _ in window}) >= least:
            wanted |= {report for _, _, _, report in window}
    return wanted


@pytest.mark.property
@settings(max_examples=examples(quick=15, full=300))
@given(drawn_from(COMMANDS + ASKED))
def test_no_burst_of_intents_is_lost(drawn):
    hunt = loader.load(loader.HUNTS / "discovery-burst")
    rows = [row(number, *each) for number, each in enumerate(drawn)]
    wanted = needed(hunt, rows, key=lambda each: each["DeviceId"], worth=lambda _, intent: intent, least=3)
    assert wanted <= fetched(hunt, rows)


GROUPS = {
    "discovery-by-device": lambda each: each["DeviceId"],
    "discovery-by-parent": lambda each: (
        each["DeviceId"],
        each["InitiatingProcessId"],
        each["InitiatingProcessCreationTime"],
    ),
}


@pytest.mark.property
@pytest.mark.parametrize("hunt_id", GROUPS)
@settings(max_examples=examples(quick=8, full=150))
@given(LAUNCHES)
def test_no_burst_of_launches_is_lost(hunt_id, drawn):
    hunt = loader.load(loader.HUNTS / hunt_id)
    rows = [row(number, *each) for number, each in enumerate(drawn)]
    wanted = needed(hunt, rows, key=GROUPS[hunt_id], worth=lambda each, _: each["ReportId"], least=6)
    assert wanted <= fetched(hunt, rows)
