"""Known-good that is out of force, no identity, or about nothing is told with its place and its cure."""

import shutil
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import msgspec
import pytest

from engine import loader
from engine.lints import kusto
from engine.lints.check import check
from engine.lints.interface import Subject
from engine.lints.known_good import KnownGoodIsAnIdentity, KnownGoodIsInForce, KnownGoodNamesWhatThereIs
from engine.model.known_good import KnownGood

SMALL = Path(__file__).parent.parent / "hunts"
HUNT = loader.load(SMALL / "two-questions")
CATALOGUE = HUNT.steps[0].fields["catalogue"]
HASH = "da39a3ee5e6b4b0d3255bfef95601890afd80709"


def told(lint, *entries):
    """What a lint says of a list with these entries, each as a person reads it."""
    plain = {
        "id": "agent",
        "file_name": "agent.exe",
        "folder_paths": ["C:\\Program Files\\Vendor\\Agent"],
        "owner": "endpoint-management",
        "reason": "It asks every hour.",
        "added": "2026-01-01",
        "expires": "2027-01-01",
    }
    known_good = msgspec.convert({"entries": [{**plain, **each} for each in entries]}, KnownGood)
    given = {"known_good": known_good, "catalogue": CATALOGUE}
    steps = tuple(replace(step, fields=given) if step.name == "drop_known_good" else step for step in HUNT.steps)
    return [str(fault) for fault in lint(Subject(replace(HUNT, steps=steps), {}))]


@pytest.mark.parametrize("lint", [KnownGoodIsInForce(), KnownGoodIsAnIdentity(), KnownGoodNamesWhatThereIs()])
def test_the_shipped_list_is_clean(lint):
    faults = [fault for hunt in loader.load_all().hunts.values() for fault in lint(Subject(hunt, {}))]
    assert faults == []


def test_an_expired_entry_is_told_with_its_owner():
    later = {"id": "later", "expires": "2027-02-01"}
    cure = "Renew it with its owner, endpoint-management, or take it out."
    fault = f"_lists/excused.yaml: entries[0].expires: agent expired on 2027-01-01. {cure}"
    in_force = [told(KnownGoodIsInForce(today=date(*day)), {}, later) for day in [(2026, 12, 31), (2027, 1, 1)]]
    assert in_force == [[], [fault]]


@pytest.mark.parametrize(
    ("added", "expires", "sound"),
    [
        ("2026-01-01", "2026-01-02", True),
        ("2026-01-01", "2027-02-05", True),
        ("2026-01-01", "2027-02-06", False),
        ("2026-01-01", "2026-01-01", False),
        ("2026-01-02", "2026-01-01", False),
    ],
)
def test_an_entry_ends_within_a_year_or_so(added, expires, sound):
    runs = f"agent runs from {added} to {expires}. An entry ends within 400 days of being added."
    expected = [] if sound else [f"_lists/excused.yaml: entries[0].expires: {runs}"]
    assert told(KnownGoodIsInForce(today=date(2025, 1, 1)), {"added": added, "expires": expires}) == expected


NO_PATH = "is no full path with a drive or a share, in backslashes"
TOO_SHORT = "does not name two folders or more"
TOO_OPEN = "leaves the first two folders open"


@pytest.mark.parametrize(
    ("folder", "flaw"),
    [
        ("Program Files\\Vendor", NO_PATH),
        ("\\Program Files\\Vendor", NO_PATH),
        ("%ProgramFiles%\\Vendor\\Agent", NO_PATH),
        ("*\\Program Files\\Vendor", NO_PATH),
        ("?:\\Program Files\\Vendor", NO_PATH),
        ("C:/Program Files/Vendor", NO_PATH),
        ("C:\\Program Files/Vendor", NO_PATH),
        ("\\\\server\\*\\a\\b", NO_PATH),
        ("C:\\", TOO_SHORT),
        ("C:\\Windows", TOO_SHORT),
        ("C:\\Windows\\", TOO_SHORT),
        ("C:\\Windows\\\\CCM", TOO_SHORT),
        ("C:\\Program Files\\..\\Users", TOO_SHORT),
        ("C:\\*\\Vendor\\Agent", TOO_OPEN),
        ("C:\\Prog*\\Vendor", TOO_OPEN),
        ("C:\\Program Files\\*", TOO_OPEN),
        ("C:\\Program Files\\*\\Agent", TOO_OPEN),
        ("C:\\Program Files\\Vendor\\*", ""),
        ("C:\\Program Files\\Vendor_*\\bin\\", ""),
    ],
)
def test_a_folder_is_full(folder, flaw):
    expected = f"_lists/excused.yaml: entries[0].folder_paths[0]: {folder} {flaw}. As in "
    assert [fault[: len(expected)] for fault in told(KnownGoodIsAnIdentity(), {"folder_paths": [folder]})] == (
        [expected] if flaw else []
    )


@pytest.mark.parametrize(
    ("proof", "sound"),
    [
        ({}, False),
        ({"account_sids": ["S-1-5-18"]}, False),
        ({"signature_statuses": ["Valid", "Unknown"]}, False),
        ({"signature_statuses": ["Unsigned"]}, False),
        ({"signature_statuses": ["Valid"]}, True),
        ({"sha1s": [HASH]}, True),
    ],
)
@pytest.mark.parametrize(
    "folder",
    [
        "C:\\Users\\bob\\Agent",
        "C:\\ProgramData\\Vendor\\*",
        "C:\\Windows\\Temp\\Agent",
        "C:\\Tools\\Agent",
        "\\\\s\\c\\a\\b",
    ],
)
def test_where_users_write_an_entry_needs_proof(folder, proof, sound):
    fault = (
        f"_lists/excused.yaml: entries[0].folder_paths[1]: users can write to {folder}, so that it proves nothing. "
        "Add sha1s, or signature_statuses: [Valid]."
    )
    given = {"folder_paths": ["C:\\Windows\\CCM", folder], **proof}
    assert told(KnownGoodIsAnIdentity(), given) == ([] if sound else [fault])


@pytest.mark.parametrize(
    "name",
    ["cmd.exe", "PowerShell.exe", "svchost.exe", "rundll32.exe", "explorer.exe", "WmiPrvSE.exe", "cscript.exe",
     "python3.exe", "python3.11.exe", "java.exe", "net1.exe"],
)  # fmt: skip
def test_a_host_is_known_by_what_it_is_told_to_run(name):
    fault = (
        f"_lists/excused.yaml: entries[0].file_name: {name} runs whatever it is told to. "
        "Name what starts it, or add command_lines."
    )
    narrow = {"command_lines": ["//b //nologo c:\\\\windows\\\\ccm\\\\inventory\\.vbs"]}
    assert told(KnownGoodIsAnIdentity(), {"file_name": name}) == [fault]
    assert told(KnownGoodIsAnIdentity(), {"file_name": name, **narrow}) == []


@pytest.mark.parametrize("name", ["agent.exe", "myjava.exe", "cmd.exe.exe", "nessus-service.exe"])
def test_a_program_of_its_own_needs_no_command_lines(name):
    assert told(KnownGoodIsAnIdentity(), {"file_name": name}) == []


@pytest.mark.parametrize("pattern", [".*", ".+", "(?:x)?", "/c .*"])
def test_a_pattern_that_matches_anything_narrows_nothing(pattern):
    fault = f"{pattern} matches anything. Write out what the program is told to run."
    given = {"command_lines": ["/run daily", pattern]}
    assert told(KnownGoodIsAnIdentity(), given) == [f"_lists/excused.yaml: entries[0].command_lines[1]: {fault}"]


def test_intents_are_those_of_the_catalogue():
    fault = "_lists/excused.yaml: entries[0].intents[1]: were is no intent. Did you mean where?"
    assert told(KnownGoodNamesWhatThereIs(), {"intents": ["who", "were"]}) == [fault]


def test_ids_are_one_of_a_kind():
    fault = "_lists/excused.yaml: entries[2].id: agent stands here twice. Give each entry an id of its own."
    assert told(KnownGoodNamesWhatThereIs(), {}, {"id": "other"}, {}) == [fault]


def test_a_list_that_hunts_share_is_told_of_once(tmp_path):
    hunts = shutil.copytree(SMALL, tmp_path / "hunts")
    entry = "{id: agent, file_name: cmd.exe, folder_paths: ['C:\\Windows\\System32'], owner: me, reason: none, "
    dates = "added: 2026-01-01, expires: 2026-01-02}"
    (hunts / "_lists" / "excused.yaml").write_text(f"entries:\n  - {entry}{dates}\n")
    checked = check(hunts, analyse=partial(kusto.analyse, folder=tmp_path))
    assert [(fault.file, fault.path) for fault in checked.faults] == [
        ("_lists/excused.yaml", "entries[0].expires"),
        ("_lists/excused.yaml", "entries[0].file_name"),
    ]
