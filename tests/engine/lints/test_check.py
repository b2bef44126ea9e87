"""`vizsla check` passes the shipped hunts, and each lint tells the mistake it looks for. Microsoft's parser is run."""

import re
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import pytest

from engine import loader
from engine.lints import kusto
from engine.lints.cases import CasesPass
from engine.lints.check import LINTS, Checked, check
from engine.lints.interface import Subject, texts
from engine.model import tables
from engine.model.hunt import Expectation

SMALL = Path(__file__).parent.parent / "hunts"
HUNT = "two-questions"
NEEDS_NODE = ("kql-is-clean", "no-control-commands", "tables-are-declared", "columns-are-returned")


@pytest.fixture(scope="module")
def shipped():
    """The whole check once: it runs every case of every hunt."""
    return check(loader.HUNTS)


def edited(folder, edits):
    """The small hunt after the edits (file, old, new); where `old` is empty, the file is new."""
    hunts = shutil.copytree(SMALL, folder / "hunts")
    for name, old, new in edits:
        file = hunts / HUNT / name
        text = file.read_text("utf-8") if old else ""
        assert not old or text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        file.write_text(text.replace(old, new) if old else new, "utf-8")
    return loader.load(hunts / HUNT)


def test_the_shipped_hunts_are_clean_and_every_lint_ran(shipped):
    hunts = loader.load_all().hunts
    cases = sum(len(hunt.cases) for hunt in hunts.values())
    assert shipped == Checked(hunts=len(hunts), lints=len(LINTS), cases=cases, faults=(), not_run=())


def test_each_lint_has_a_name_of_its_own_and_says_what_to_do():
    names = [lint.name for lint in LINTS]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z]+(-[a-z]+)*", name)] == []
    assert [lint.name for lint in LINTS if not re.fullmatch(r"[A-Z].*\.", lint.recommendation)] == []
    assert tuple(lint.name for lint in LINTS if lint.needs == "node") == NEEDS_NODE


UNKNOWN = "The name 'FileNam' does not refer to any known column, table, variable or function."
SEE = "Run it in the portal, or see what the message says."
NAME = "Let `tables` name what the query reads, and no more."
PROJECT = "Project it at the query's end, or put the step that adds it before."
ADD = "Add it to the list in the query: what is not fetched is not found."
BASELINE = (
    'let programs = dynamic(["whoami.exe", "ipconfig.exe"]);\nDeviceProcessEvents\n| where FileName in~ (programs)\n'
)
LAST = "or DeviceName in~ (devices)\n"
EDITS = {
    "an unknown column, with its line and column": (
        [("query.kql", "| where FileName in~ (programs)", "| where FileNam in~ (programs)")],
        [
            f"query.kql:8: column 9: A value of type string or dynamic expected. (KS107). {SEE}",
            f"query.kql:8: column 9: {UNKNOWN} (KS142). {SEE}",
        ],
    ),
    "a table that is read but not declared": (
        [("query.kql", LAST, f"{LAST}| join kind=leftouter (DeviceInfo) on DeviceId\n")],
        [f"hunt.yaml: tables: lacks DeviceInfo, which the query reads. {NAME}"],
    ),
    "a table that is declared but not read": (
        [("hunt.yaml", "tables: [DeviceProcessEvents]", "tables: [DeviceProcessEvents, DeviceInfo]")],
        [f"hunt.yaml: tables: names DeviceInfo, which the query does not read. {NAME}"],
    ),
    "a column that a step reads and the query does not return": (
        [("query.kql", LAST, f"{LAST}| project-away LogonId\n")],
        [f"hunt.yaml: steps[1].name_actors: reads LogonId, which is not there. {PROJECT}"],
    ),
    "a step before the one that adds what it reads": (
        [
            ("hunt.yaml", "  - drop_known_good: {known_good: excused}\n", ""),
            ("hunt.yaml", "  - name_actors:", "  - drop_known_good: {known_good: excused}\n  - name_actors:"),
        ],
        [f"hunt.yaml: steps[1].drop_known_good: reads Actor, which is not there. {PROJECT}"],
    ),
    "a program of the catalogue that the query does not ask for": (
        [("query.kql", 'dynamic(["whoami.exe", "ipconfig.exe"])', 'dynamic(["whoami.exe", "ipconfig.ex"])')],
        [f"query.kql: does not ask for ipconfig.exe. {ADD}"],
    ),
    "a parameter that is not snake_case": (
        [
            ("hunt.yaml", "  repeats: {type", "  whatRepeats: {type"),
            ("hunt.yaml", "{form: $repeats}", "{form: $whatRepeats}"),
            ("query.kql", "let repeats =", "let whatRepeats ="),
        ],
        ["hunt.yaml: parameters.whatRepeats: is no snake_case name. Parameters are snake_case words: burst_window."],
    ),
    "a mistake in the KQL that learns": (
        [("baseline.kql", "", BASELINE.replace("FileName", "FileNam"))],
        [
            f"baseline.kql:3: column 9: A value of type string or dynamic expected. (KS107). {SEE}",
            f"baseline.kql:3: column 9: {UNKNOWN} (KS142). {SEE}",
        ],
    ),
    "a program that the KQL that learns does not ask for": (
        [("baseline.kql", "", BASELINE.replace('"whoami.exe", ', ""))],
        [f"baseline.kql: does not ask for whoami.exe. {ADD}"],
    ),
    "a control command": (
        [("query.kql", "// Launches of two programs.\n", ".show tables;\n")],
        ["query.kql: holds a control command. Take it out: hunts only read."],
    ),
}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Edit -> what every lint but the cases tells of the hunt. One process of Node serves them all."""
    hunts = {name: edited(tmp_path_factory.mktemp("edited"), edits) for name, (edits, _) in EDITS.items()}
    known = {table: tables.columns(table) for table in tables.names()}
    queries = {f"{name}/{file}": text for name, hunt in hunts.items() for file, text in texts(hunt).items()}
    analyses = kusto.analyse(queries, known)
    subjects = {
        name: Subject(hunt, {file: analyses[f"{name}/{file}"] for file in texts(hunt)}) for name, hunt in hunts.items()
    }
    able = [lint for lint in LINTS if lint.needs != "local"]
    return {name: [str(fault) for lint in able for fault in lint(subject)] for name, subject in subjects.items()}


@pytest.mark.parametrize("name", EDITS)
def test_a_planted_mistake_is_told(told, name):
    assert told[name] == [f"{HUNT}/{line}" for line in EDITS[name][1]]


CASES = [
    (
        {"expect": (Expectation(device="ws01", intents=("who",)),)},
        "expected ws01: who; found ws01.contoso.com: where, who (2 commands, low)",
    ),
    (
        {"expect": (Expectation(device="ws02", intents=("who", "where")),)},
        "expected ws02: where, who; found ws01.contoso.com: where, who (2 commands, low)",
    ),
    (
        {"expect": (Expectation(device="ws01", intents=("who", "where"), commands=3),)},
        "expected ws01: where, who, 3 commands; found ws01.contoso.com: where, who (2 commands, low)",
    ),
    (
        {"expect": (Expectation(device="ws01", intents=("who", "where"), severity="high"),)},
        "expected ws01: where, who, high; found ws01.contoso.com: where, who (2 commands, low)",
    ),
    ({"expect": ()}, "found what no one expects: ws01.contoso.com: where, who (2 commands, low)"),
    ({"events": ()}, "expected ws01: where, who, 2 commands; found nothing"),
    ({"events": ({"FileNam": "x.exe"},)}, "cannot be run: DeviceProcessEvents has no column FileNam, perhaps FileName"),
    ({"events": ({"by": "nobody"},)}, "cannot be run: events[0].by: nobody labels no event above it. There is none"),
]


@pytest.mark.parametrize(("changes", "expected"), CASES)
def test_a_case_that_fails_tells_what_was_found(changes, expected):
    hunt = loader.load(SMALL / HUNT)
    case = msgspec.structs.replace(hunt.cases[0], **changes)
    faults = list(CasesPass()(Subject(replace(hunt, cases=(case,)), {})))
    told = f"{HUNT}/cases.yaml: cases[0] two questions: {expected}. Correct the case, the query or the steps."
    assert [str(fault) for fault in faults] == [told]


def test_without_the_parser_its_lints_are_named_and_the_others_run(tmp_path):
    missing = f"Microsoft's KQL parser is not installed in {tmp_path}. Run `make dev`."
    checked = check(SMALL, only=HUNT, analyse=partial(kusto.analyse, folder=tmp_path))
    assert checked == Checked(
        hunts=1,
        lints=len(LINTS) - len(NEEDS_NODE),
        cases=3,
        faults=(),
        not_run=(f"{', '.join(NEEDS_NODE)} were not run. {missing}",),
    )


def test_a_hunt_that_does_not_load_counts_with_its_faults(tmp_path):
    hunts = shutil.copytree(SMALL, tmp_path / "hunts")
    (hunts / "one-device" / "query.kql").unlink()
    checked = check(hunts, only="one-device")
    assert (checked.hunts, [str(fault) for fault in checked.faults]) == (
        0,
        ["one-device/query.kql: cannot be read: No such file or directory"],
    )
