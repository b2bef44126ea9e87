"""The catalogue of discovery intents keeps its own word: its examples, its near misses, and what telemetry shows."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import loader
from engine.decode import decode
from engine.lints.case_events import START
from engine.model.catalogue import Catalogue
from engine.model.event import ticks, timestamp
from engine.sources.recorded import Recorded
from engine.steps.classify import CMDLET, SEARCH, intents_of, program_of

HOUSE = Path(__file__).parents[2]
BURSTS = HOUSE.parent / "shared/telemetry/bursts.json"


def loaded():
    catalogue, faults = decode(HOUSE / "hunts/_lists/discovery-commands.yaml", Catalogue, name="discovery-commands")
    assert catalogue, faults
    return catalogue


CATALOGUE = loaded()
EXAMPLES = [(intent.id, line) for intent in CATALOGUE.intents for line in intent.examples]
NEAR_MISSES = [line for intent in CATALOGUE.intents for line in intent.near_misses]
ASKED = [
    *((intent.id, CMDLET, text) for intent in CATALOGUE.intents for text in intent.cmdlet_examples),
    *((intent.id, SEARCH, text) for intent in CATALOGUE.intents for text in intent.search_examples),
]
ASKED_NOTHING = [
    *((CMDLET, text) for intent in CATALOGUE.intents for text in intent.cmdlet_near_misses),
    *((SEARCH, text) for intent in CATALOGUE.intents for text in intent.search_near_misses),
]
FORMS = [form for intent in CATALOGUE.intents for form in intent.forms]


def found(line, file_name="", original_file_name="", action=""):
    known_as = {"file_name": file_name or program_of(line), "original_file_name": original_file_name}
    return [intent.id for intent in intents_of(CATALOGUE, **known_as, command_line=line, action=action)]


def test_ids_and_titles_are_one_of_a_kind():
    ids, titles = zip(*((intent.id, intent.title) for intent in CATALOGUE.intents), strict=True)
    assert [word for word, times in Counter(ids + titles).items() if times > 1] == []


def test_heavy_is_what_hardly_anyone_but_an_intruder_or_an_auditor_runs():
    assert {intent.id for intent in CATALOGUE.intents if intent.weight == 3} == {
        "attack-paths",
        "certificate-authorities",
        "directory-computers",
        "directory-export",
        "directory-groups",
        "directory-units",
        "directory-users",
        "domain-admins",
        "domain-subnets",
        "domain-trusts",
        "exchange-groups",
        "local-weaknesses",
        "port-scan",
        "saved-sessions",
        "service-principals",
        "stored-passwords",
        "wifi-passwords",
    }


def test_names_of_programs_and_cmdlets_are_lower_case():
    names = {name for form in FORMS for name in form.file_names + form.original_file_names + form.cmdlets}
    assert sorted(name for name in names if name != name.lower()) == []


def runs_ahead(pattern):
    """Whether a hostile line could make the pattern try again and again from the middle."""
    beside_lookaheads = pattern.count(".*") - pattern.count("(?=.*")
    return ".*" in pattern and (not pattern.startswith("^") or beside_lookaheads > 1)


def test_no_pattern_runs_ahead_twice_or_from_the_middle():
    patterns = [pattern for form in FORMS for pattern in (form.arguments, form.unless, form.search_filter)]
    assert [pattern for pattern in patterns if runs_ahead(pattern)] == []


@pytest.mark.parametrize(("intent", "line"), EXAMPLES)
def test_an_example_has_its_intent_and_no_other(intent, line):
    assert found(line) == [intent]


@pytest.mark.parametrize("line", NEAR_MISSES)
def test_a_near_miss_has_no_intent(line):
    assert found(line) == []


@pytest.mark.parametrize(("intent", "action", "text"), ASKED)
def test_an_example_of_a_cmdlet_or_a_filter_has_its_intent_and_no_other(intent, action, text):
    assert found(text, action=action) == [intent]


@pytest.mark.parametrize(("action", "text"), ASKED_NOTHING)
def test_a_near_miss_of_a_cmdlet_or_a_filter_has_no_intent(action, text):
    assert found(text, action=action) == []


@pytest.mark.parametrize("text", ["", "Get-Command", "Get-Member", "Out-String", "Get-ChildItem", "prompt", "a.ps1"])
def test_what_scripts_and_the_shell_itself_run_all_the_time_has_no_intent(text):
    assert found(text, action=CMDLET) == []


def test_every_way_by_cmdlets_or_a_filter_has_an_example():
    without = [
        intent.id
        for intent in CATALOGUE.intents
        for form, examples in (("cmdlets", intent.cmdlet_examples), ("search_filter", intent.search_examples))
        if any(getattr(each, form) for each in intent.forms) and not examples
    ]
    assert without == []


def fetched_by_the_flagship(told):
    """Those of (ActionType, text) that come back when all of them are asked on one device in one moment."""
    fields = {CMDLET: "Command", SEARCH: "SearchFilter"}
    rows = [
        {
            "Timestamp": timestamp(ticks(START.isoformat())),
            "DeviceId": "a",
            "ReportId": number,
            "ActionType": action,
            "AdditionalFields": json.dumps({fields[action]: text}),
        }
        for number, (action, text) in enumerate(told)
    ]
    hunt = loader.load(loader.HUNTS / "discovery-burst")
    with Recorded(tables={"DeviceEvents": rows}) as source:
        return [told[event["ReportId"]] for batch in source.rows(hunt.query, None) for event in batch]


def test_the_flagship_fetches_every_example_of_a_cmdlet_and_a_filter():
    told = [(action, text) for _, action, text in ASKED]
    assert sorted(fetched_by_the_flagship(told)) == sorted(told)


def test_the_flagship_fetches_every_cmdlet_of_the_catalogue():
    told = [(CMDLET, f"{name} -Verbose") for name in sorted({name for form in FORMS for name in form.cmdlets})]
    assert sorted(fetched_by_the_flagship(told)) == told


def test_the_flagship_leaves_out_what_every_script_runs_and_who_looks_one_object_up():
    everyday = [(CMDLET, name) for name in ("Get-ChildItem", "Get-Command", "Get-CimInstance", "Out-String", "a.ps1")]
    look_ups = [(SEARCH, "(&(objectClass=user)(sAMAccountName=bob))"), (SEARCH, "(objectClass=*)")]
    assert fetched_by_the_flagship(everyday + look_ups) == []


@pytest.mark.parametrize("shell", ["cmd /c {}", "cmd.exe /s /c {}", "cmd /k {}", "cmd /c set & {}", "cmd /c ver | {}"])
def test_a_shell_that_starts_a_program_has_no_intent(shell):
    started = [shell.format(line) for _, line in EXAMPLES if program_of(line) != "cmd.exe"]
    assert [line for line in started if found(line)] == []


@pytest.mark.parametrize(
    ("original_file_name", "line", "intent"),
    [
        ("AdFind.exe", "qq.exe -f objectcategory=computer", "directory-computers"),
        ("nltestrk.exe", "n.exe /domain_trusts", "domain-trusts"),
        ("NLTESTRK.EXE.MUI", "n.exe /dclist:corp", "domain-controllers"),
        ("sysinfo.exe", "s.exe", "system-summary"),
        ("net1.exe", r"C:\Users\Public\u.exe group /domain", "domain-groups"),
        ("whoami.exe", "svchost.exe /priv", "own-privileges"),
        ("Cmd.Exe", "x.exe /c set", "environment-variables"),
        ("gprslt.exe", "g.exe /r", "group-policies"),
        ("cmdkey.exe", "c.exe /list", "saved-credentials"),
    ],
)
def test_a_renamed_program_is_known_by_its_original_file_name(original_file_name, line, intent):
    assert (found(line), found(line, original_file_name=original_file_name)) == ([], [intent])


@pytest.mark.parametrize("program", ["systeminfo.exe", "hostname.exe", "quser.exe", "sharphound.exe"])
def test_an_unknown_command_line_has_the_intent_of_a_program_that_has_but_one(program):
    assert len(found("", file_name=program)) == 1


@pytest.mark.parametrize("program", ["net.exe", "nltest.exe", "cmd.exe", "reg.exe", "bcdedit.exe", "chcp.com"])
def test_an_unknown_command_line_of_any_other_program_has_none(program):
    assert found("", file_name=program) == []


@st.composite
def respelled(draw):
    """An intent, and one of its examples in a spelling that means the same to the program."""
    intent, line = draw(st.sampled_from(EXAMPLES))
    dice = draw(st.randoms(use_true_random=False))
    command, redirection = re.fullmatch(r"([^<>]*)(.*)", line).groups()
    parts = re.findall(r'"[^"]*"|[^\s"]+|[\s"]+', command)
    return intent, "".join(_respelled(part, dice) for part in parts) + redirection + dice.choice(["", "  ", "\t"])


def _respelled(part, dice):
    if part.isspace():
        return dice.choice([" ", "  ", "\t"])
    if part.startswith(("/", "-")):
        part = dice.choice("/-") + part.lstrip("/-")
    part = "".join(dice.choice([letter.lower(), letter.upper()]) for letter in part)
    if set(part.lstrip("/-")) & set('"&|%/'):
        return part
    at = dice.randrange(len(part))
    return dice.choice([part, f'"{part}"', f"{part[:at]}^{part[at:]}", f'{part[:at]}"{part[at:]}"'])


@settings(max_examples=500)
@given(respelled())
def test_spelling_does_not_change_the_intent(case):
    intent, line = case
    assert found(line) == [intent]


@pytest.mark.skipif(not BURSTS.exists(), reason="no telemetry in ../shared/telemetry")
def test_bursts_of_real_telemetry_have_the_intents_that_a_reader_counts():
    bursts = json.loads(BURSTS.read_text("utf-8"))["bursts"]
    counted = {
        burst["id"]: len({intent for command in burst["commands"] for intent in found(command["cmd"])})
        for burst in bursts
    }
    assert counted == {
        "msticpy_mde_cs1:002": 2,
        "dfir_artifact_museum:003": 5,
        "dfir_artifact_museum:004": 1,
        "eqllib:007": 20,
        "eqllib:008": 4,
        "otrf_security_datasets:016": 4,
        "otrf_security_datasets:017": 3,
        "otrf_security_datasets:023": 1,
        "otrf_security_datasets:026": 1,
        "msticpy_4688:027": 7,
        "otrf_security_datasets:047": 7,
        "otrf_security_datasets:048": 3,
        "msticpy_mde_cs1:053": 2,
        "omerbenamram_evtx:054": 0,
        "splunk_capattack:055": 3,
        "splunk_capattack:056": 3,
        "msticpy_4688:058": 0,
        "msticpy_4688:059": 0,
        "msticpy_4688:060": 0,
    }
