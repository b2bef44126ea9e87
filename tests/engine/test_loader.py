"""hunts/ to Hunt: every kind of mistake is told with its place and its cure, all of a hunt's at once."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from engine import loader
from engine.errors import HuntError, SettingsError
from engine.sinks import SINKS
from engine.steps.find_bursts import FindBursts

SMALL = Path(__file__).parent / "hunts"
HUNT = "two-questions"


@pytest.fixture
def hunts(tmp_path):
    """A folder with two small sound hunts, to be broken."""
    return shutil.copytree(SMALL, tmp_path / "hunts")


def edit(file, old, new):
    text = file.read_text("utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file.name}"
    file.write_text(text.replace(old, new), "utf-8")


def told(folder):
    """Every fault of the hunt, as a person reads it."""
    with pytest.raises(HuntError) as caught:
        loader.load(folder)
    lines = [str(fault) for fault in caught.value.faults]
    assert str(caught.value) == "\n".join(lines)
    return lines


def test_the_shipped_hunts_load():
    loaded = loader.load_all()
    assert loaded.broken == ()
    assert tuple(loaded.hunts) == loader.names() == ("discovery-burst", "discovery-by-device", "discovery-by-parent")


def test_a_hunt_holds_its_defaults_its_steps_and_the_events_it_borrows():
    hunt = loader.load(SMALL / "one-device")
    assert hunt.defaults == {"window": timedelta(minutes=10), "minimum": 2, "repeats": "each", "devices": ()}
    bursts = next(step for step in hunt.steps if step.name == "find_bursts")
    built = bursts.build({**hunt.defaults, "minimum": 5})
    assert built == FindBursts(grouping="device", at_least=5, window=timedelta(minutes=10))
    lender = loader.load(SMALL / "two-questions")
    assert [case.events for case in hunt.cases] == [case.events for case in lender.cases[:2]]


CLASSIFY = "- classify: {catalogue: questions}"
SETTLE = "  settle: 5m\n"
MANY = "maximum: 20"
ONE_TWICE = "parameters: {minimum: 2}"
IN_HUNT_YAML = [
    (CLASSIFY, "- clasify: {catalogue: questions}", "hunt.yaml: steps[0].clasify: is no step. Did you mean classify?"),
    (
        CLASSIFY,
        "- classify: {catalog: questions}",
        (
            "hunt.yaml: steps[0].classify.catalog: is no key of classify. Did you mean catalogue?\n"
            "hunt.yaml: steps[0].classify: lacks the key catalogue. Add catalogue."
        ),
    ),
    (CLASSIFY, "- classify:", "hunt.yaml: steps[0].classify: lacks the key catalogue. Add catalogue."),
    ("title: Two questions", "title:", "hunt.yaml:1: title: is empty. It takes text."),
    (
        CLASSIFY,
        "- classify: {catalogue: question}",
        "hunt.yaml: steps[0].classify.catalogue: question is no list in _lists/. Did you mean questions?",
    ),
    (
        CLASSIFY,
        "- {classify: {catalogue: questions}, fold_repeats: {form: each}}",
        "hunt.yaml: steps[0]: names 2 steps. One step an item: `- classify: {catalogue: ...}`.",
    ),
    (
        "at_least: $minimum",
        "at_least: $minimun",
        "hunt.yaml: steps[4].find_bursts.at_least: $minimun is no parameter of this hunt. Did you mean minimum?",
    ),
    (
        "at_least: $minimum",
        "at_least: $window",
        "hunt.yaml: steps[4].find_bursts.at_least: $window is a timespan. The key takes another type.",
    ),
    (
        "window: $window",
        "window: 10m",
        "hunt.yaml: steps[4].find_bursts.window: repeats the parameter window. Write window: $window.",
    ),
    (", window: $window", "", "hunt.yaml: steps[4].find_bursts: lacks the key window. Add window."),
    (
        "grouping: actor",
        "grouping: acter",
        "hunt.yaml: steps[4].find_bursts.grouping: Invalid enum value 'acter'. Did you mean actor?",
    ),
    (
        "window: $window",
        "window: $window, longest: 4 hours",
        "hunt.yaml: steps[4].find_bursts.longest: 4 hours is no timespan like 10m, 24h or 7d",
    ),
    (
        "title:",
        "titel:",
        "hunt.yaml:1: titel: is no key here. Did you mean title?\nhunt.yaml:1: lacks the key title. Add title, text.",
    ),
    (SETTLE, SETTLE + SETTLE, "hunt.yaml:7: schedule.settle: stands here twice. Keep one."),
    (
        "DeviceProcessEvents",
        "DeviceProcesEvents",
        "hunt.yaml: tables: DeviceProcesEvents is no table known here. Did you mean DeviceProcessEvents?",
    ),
    (
        "*/15 * * * *",
        "*/15 25 * * *",
        "hunt.yaml: schedule.cron: */15 25 * * * is no schedule. Five fields in UTC, as in '*/15 * * * *'.",
    ),
    (
        "*/15 * * * *",
        "0 */15 * * * *",
        "hunt.yaml:5: schedule.cron: '0 */15 * * * *' is not of the form ^\\S+( \\S+){4}$",
    ),
    ("to: memory", "to: memry", "hunt.yaml: deliver[0].to: memry is no sink. Did you mean memory?"),
    (MANY, "maximum: 20m", "hunt.yaml: parameters.minimum.maximum: 20m bounds no int"),
    (
        "choices: [each, all]",
        "minimum: 1, choices: [each, all]",
        "hunt.yaml: parameters.repeats.minimum: 1 bounds no string",
    ),
    (
        r"'[\w.-]+'",
        "'*'",
        "hunt.yaml: parameters.devices.pattern: * is no regular expression: nothing to repeat at position 0",
    ),
]
IN_QUERY = [
    (
        "let minimum = 2;",
        "let minimun = 2;",
        "hunt.yaml: parameters.minimum: has no line `let minimum = ...;` in query.kql. Did you mean minimun?",
    ),
    (
        "let minimum = 2;",
        "let minimum = 1 + 1;",
        "query.kql:3: let minimum: 1 + 1 is no int. Write the default as one literal: 5.",
    ),
    ("let minimum = 2;", "let minimum = 1;", "query.kql:3: let minimum: out of bounds. It takes an int from 2 to 20."),
    (
        "let devices = dynamic([]);",
        "let devices = dynamic([1]);",
        (
            "query.kql:5: let devices: dynamic([1]) is no string list. "
            'Write the default as one literal: dynamic(["a", "b"]).'
        ),
    ),
    ('"each"', '"eech"', "query.kql:4: let repeats: 'eech' is none of its choices. It takes a string of each | all."),
]
IN_CASES = [
    (
        ONE_TWICE,
        "parameters: {minimun: 2}",
        "cases.yaml: cases[2].parameters.minimun: is no parameter of this hunt. Did you mean minimum?",
    ),
    (
        ONE_TWICE,
        "parameters: {minimum: many}",
        "cases.yaml: cases[2].parameters.minimum: 'many' is no int. It takes an int from 2 to 20.",
    ),
    (
        ONE_TWICE,
        "events_from: one-devise",
        "cases.yaml: cases[2].events_from: one-devise is no hunt with cases. Did you mean one-device?",
    ),
    (
        ONE_TWICE,
        "events_from: one-device",
        "cases.yaml: cases[2].events_from: one-device has no case 'one question, twice'. Did you mean two questions?",
    ),
    (
        ONE_TWICE,
        "events_from: one-device\n    events_of: nothing new",
        (
            "cases.yaml: cases[2].events_from: one-device has the events of 'nothing new' from elsewhere. "
            "Name two-questions."
        ),
    ),
]
EDITS = [
    (file, *row)
    for file, rows in (("hunt.yaml", IN_HUNT_YAML), ("query.kql", IN_QUERY), ("cases.yaml", IN_CASES))
    for row in rows
]


@pytest.mark.parametrize(("file", "old", "new", "expected"), EDITS)
def test_a_mistake_is_told_with_its_place_and_its_cure(hunts, file, old, new, expected):
    edit(hunts / HUNT / file, old, new)
    assert told(hunts / HUNT) == [f"{HUNT}/{line}" for line in expected.splitlines()]


HIT = "{name: hit, events: [], expect: [{device: ws01, intents: [who]}]}"
MISS = "{name: miss, events: [], expect: []}"


@pytest.mark.parametrize(
    ("cases", "expected"),
    [
        ([MISS, MISS], "cases: lacks a case that expects a finding. A hunt has at least one hit and one miss."),
        ([HIT, HIT], "cases: lacks a case that expects none. A hunt has at least one hit and one miss."),
        ([], "cases: has 0 items. It takes at least 2."),
        ([HIT], "cases: has 1 items. It takes at least 2."),
    ],
)
def test_a_hunt_has_a_hit_and_a_miss(hunts, cases, expected):
    (hunts / HUNT / "cases.yaml").write_text(f"cases: [{', '.join(cases)}]\n")
    assert [line.partition(" ")[2] for line in told(hunts / HUNT)] == [expected]


@pytest.mark.parametrize("file", ["hunt.yaml", "query.kql", "cases.yaml"])
@pytest.mark.parametrize(
    ("content", "expected"),
    [(None, "cannot be read: No such file or directory"), (b"\xff\xfe", "cannot be read: it is not UTF-8")],
)
def test_a_file_that_cannot_be_read_is_named(hunts, file, content, expected):
    path = hunts / HUNT / file
    path.unlink()
    if content:
        path.write_bytes(content)
    assert told(hunts / HUNT) == [f"{HUNT}/{file}: {expected}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cases: [\n", "cases.yaml:2: is no YAML: expected the node content, but found '<stream end>'"),
        ("cases: \x01\n", "cases.yaml: is no YAML: unacceptable character #x0001: special characters are not allowed"),
        (f"cases: [{{? [a] : b, {HIT[1:]}, {MISS}]\n", "cases.yaml:1: is no YAML: found unhashable key"),
        ("", "cases.yaml: is empty"),
    ],
)
def test_what_is_no_yaml_is_told(hunts, text, expected):
    (hunts / HUNT / "cases.yaml").write_text(text)
    assert told(hunts / HUNT) == [f"{HUNT}/{expected}"]


@pytest.mark.parametrize("name", ["Discovery-Burst", "discovery_burst", "discovery--burst", "2fa", "burst-", "käse"])
def test_the_name_of_a_hunt_is_kebab_case(tmp_path, name):
    shutil.copytree(SMALL, tmp_path / "hunts")
    folder = shutil.copytree(SMALL / HUNT, tmp_path / "hunts" / name)
    assert told(folder) == [f"{name}: is no name for a hunt. A hunt's folder is kebab-case: discovery-burst."]


def test_faults_of_all_files_are_told_at_once(hunts):
    edit(hunts / HUNT / "hunt.yaml", "to: memory", "to: pager")
    edit(hunts / HUNT / "query.kql", "let minimum = 2;", "let minimum = 0;")
    edit(hunts / HUNT / "cases.yaml", ONE_TWICE, "parameters: {minimum: many}")
    edit(hunts / "_lists" / "questions.yaml", "    title: Who am I\n", "")
    assert told(hunts / HUNT) == [
        f"{HUNT}/hunt.yaml: deliver[0].to: pager is no sink. Known: {', '.join(SINKS)}.",
        f"{HUNT}/query.kql:3: let minimum: out of bounds. It takes an int from 2 to 20.",
        "_lists/questions.yaml:2: intents[0]: lacks the key title. Add title, text.",
        f"{HUNT}/cases.yaml: cases[2].parameters.minimum: 'many' is no int. It takes an int from 2 to 20.",
    ]


def test_both_queries_have_one_default(hunts):
    (hunts / HUNT / "baseline.kql").write_text("// Learns.\nlet minimum = 3;\nDeviceProcessEvents\n")
    differs = "let minimum: differs from query.kql. Write the same default in both."
    assert told(hunts / HUNT) == [f"{HUNT}/baseline.kql:2: {differs}"]


LATE = "let received_since = datetime(1970-01-01);\nlet settled = datetime(2200-01-01);\nlet settle = 5m;\nDeviceInfo\n"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "let settled = datetime(2200-01-01);\n",
            "",
            "let settled: is no line with a datetime. A sweep binds it: `let settled = datetime(2026-11-24);`.",
        ),
        (
            "let settle = 5m",
            "let settle = 5 * 1m",
            "let settle: is no line with a timespan. A sweep binds it: `let settle = 10m;`.",
        ),
        ("DeviceInfo", "let minimum = 3;\nDeviceInfo", None),
    ],
)
def test_a_late_kql_has_what_a_sweep_binds_and_no_other_defaults(hunts, old, new, expected):
    path = hunts / HUNT / "late.kql"
    path.write_text(LATE)
    assert loader.load(hunts / HUNT).late_query == LATE
    edit(path, old, new)
    differs = "let minimum: differs from query.kql. Write the same default in both."
    assert told(hunts / HUNT) == [f"{HUNT}/late.kql: {expected}" if expected else f"{HUNT}/late.kql:4: {differs}"]


def test_a_broken_hunt_costs_itself_alone(hunts):
    (hunts / "one-device" / "query.kql").unlink()
    loaded = loader.load_all(hunts)
    assert list(loaded.hunts) == [HUNT]
    assert [(error.hunt, str(error)) for error in loaded.broken] == [
        ("one-device", "one-device/query.kql: cannot be read: No such file or directory")
    ]


def test_a_list_that_has_changed_is_read_anew(hunts):
    def intents():
        return [intent.id for intent in loader.load(hunts / HUNT).steps[0].fields["catalogue"].intents]

    assert intents() == ["who", "where"]
    edit(hunts / "_lists" / "questions.yaml", "id: where", "id: which")
    assert intents() == ["who", "which"]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"nowhere is no folder of hunts\.$"):
        loader.load_all(tmp_path / "nowhere")
