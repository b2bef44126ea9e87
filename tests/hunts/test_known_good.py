"""Every shipped entry of known-good excuses its product, and no impostor; and what it does to real telemetry."""

import gzip
import json
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path
from textwrap import indent

import pytest

from engine import loader
from engine.decode import decode
from engine.model.catalogue import Catalogue
from engine.model.known_good import KnownGood, is_closed
from engine.steps.classify import Classify
from engine.steps.drop_known_good import DropKnownGood
from engine.steps.interface import Batch
from engine.steps.name_actors import NameActors
from tests.engine.steps.events import CONTEXT, SHELLS, batch

LISTS = loader.HUNTS / "_lists"
TELEMETRY = Path(__file__).parents[3] / "shared/telemetry"


def loaded(name, kind):
    found, faults = decode(LISTS / f"{name}.yaml", kind, name=name)
    assert found, faults
    return found


KNOWN_GOOD, CATALOGUE = loaded("known-good", KnownGood), loaded("discovery-commands", Catalogue)
STEP = DropKnownGood(KNOWN_GOOD, CATALOGUE)
HEAVY = {intent.id for intent in CATALOGUE.intents if intent.weight == 3}
FOLDERS = [
    pytest.param(entry, folder.replace("*", "1.2_x"), id=f"{entry.id}-{index}")
    for entry in KNOWN_GOOD.entries
    for index, folder in enumerate(entry.folder_paths)
]
# What an entry that names its actor's arguments looks like where it is real.
LINES = {"windows-network-survey": "C:\\Windows\\system32\\cscript.exe C:\\Windows\\system32\\gatherNetworkInfo.vbs"}
TEMP = "C:\\Users\\bob\\AppData\\Local\\Temp"
ALSO_THROUGH_SHELLS = pytest.mark.parametrize("shells", [(), ("cmd.exe",), ("powershell.exe",)], ids=str)


def ran(entry, folder, *intents, shells=(), unseen=False, **columns):
    """What a process of this name and folder ran: by the entry's own account and signature, unless said otherwise."""
    sid, status = (*entry.account_sids, "S-1-5-18")[0], (*entry.signature_statuses, "Valid")[0]
    columns = {"sid": sid, "status": status, **columns}
    told = [{"as": "agent", "unseen": True, "FileName": entry.file_name, "FolderPath": folder,
             "ProcessCommandLine": LINES.get(entry.id, entry.file_name), "AccountSid": columns["sid"]}]  # fmt: skip
    for shell in shells:
        told.append({"as": shell, "by": told[-1]["as"], "ProcessCommandLine": shell, "unseen": unseen})
    by, intents = told[-1]["as"], intents or light(entry)
    told += [{"at": "9s", "by": by, "ProcessCommandLine": "x", "Intent": each} for each in intents]
    for row in told[1:]:
        row["InitiatingProcessSignatureStatus"] = columns["status"]
    return NameActors(shells=SHELLS)(batch(*told), CONTEXT)


def light(entry):
    """One intent that the entry excuses."""
    return (*entry.intents, "system-summary")[:1]


def kept(made, context=CONTEXT):
    return [event["Intent"] for event in STEP(made, context).events]


def test_the_list_is_long_enough_to_be_worth_the_while():
    assert len(KNOWN_GOOD.entries) >= 22


def test_the_hunts_that_excuse_know_which_intents_are_heavy():
    for hunt in loader.load_all().hunts.values():
        steps = {each.name: each.fields for each in hunt.steps}
        assert steps["drop_known_good"]["catalogue"] == steps["classify"]["catalogue"], hunt.id


@ALSO_THROUGH_SHELLS
@pytest.mark.parametrize(("entry", "folder"), FOLDERS)
def test_the_product_is_excused(entry, folder, shells):
    made = ran(entry, folder, shells=shells)
    assert dict(STEP(made, CONTEXT).dropped) == {f"known good: {entry.id}": 1}


def beside(entry, folder):
    """Folders that look alike: `Agent Evil` in place of `Agent`, for every part that is written out; and a few more."""
    parts = folder.split("\\")
    written = {part for each in entry.folder_paths for part in each.split("\\")[1:]}
    for index, part in enumerate(parts):
        if part in written:
            yield "\\".join((*parts[:index], f"{part} Evil", *parts[index + 1 :]))
    yield from (f"{folder}\\Evil", folder.rpartition("\\")[0], f"D{folder[1:]}", f"{TEMP}\\{folder[3:]}", TEMP)


@ALSO_THROUGH_SHELLS
@pytest.mark.parametrize(("entry", "folder"), FOLDERS)
def test_an_impostor_of_the_same_name_is_not(entry, folder, shells):
    assert [place for place in beside(entry, folder) if not kept(ran(entry, place, shells=shells))] == []


@pytest.mark.parametrize("shell", ["cmd.exe", "powershell.exe"])
@pytest.mark.parametrize(("entry", "folder"), FOLDERS)
def test_an_actor_known_by_name_alone_is_not(entry, folder, shell):
    assert kept(ran(entry, folder, shells=(shell,), unseen=True))


@pytest.mark.parametrize(("entry", "folder"), FOLDERS)
def test_an_expired_entry_excuses_nothing(entry, folder):
    end = replace(CONTEXT, now=datetime.combine(entry.expires, time(), UTC))
    made = ran(entry, folder)
    assert (kept(made, end), STEP.lapsed(made, end)) == ([*light(entry)], {entry.id: 1})


@ALSO_THROUGH_SHELLS
@pytest.mark.parametrize(("entry", "folder"), [each for each in FOLDERS if each.values[0].account_sids])
def test_another_account_is_not_excused(entry, folder, shells):
    assert kept(ran(entry, folder, shells=shells, sid="S-1-5-21-7-7-7-1104"))


@pytest.mark.parametrize(("entry", "folder"), [each for each in FOLDERS if each.values[0].signature_statuses])
def test_an_image_without_a_valid_signature_is_not_excused(entry, folder):
    assert kept(ran(entry, folder, status="Unsigned"))
    unknown = [not kept(ran(entry, folder, status=status)) for status in ("Unknown", "")]
    assert unknown == [is_closed(f"{folder}\\{entry.file_name}".lower())] * 2


@ALSO_THROUGH_SHELLS
@pytest.mark.parametrize(("entry", "folder"), FOLDERS)
def test_a_heavy_intent_is_news_whoever_asks(entry, folder, shells):
    heavy = sorted(HEAVY - set(entry.intents))
    assert kept(ran(entry, folder, *heavy, shells=shells)) == heavy


@pytest.mark.parametrize("entry", [entry for entry in KNOWN_GOOD.entries if entry.intents], ids=lambda entry: entry.id)
def test_a_narrow_entry_excuses_its_intents_and_no_other(entry):
    intents = [intent.id for intent in CATALOGUE.intents]
    folder = entry.folder_paths[0].replace("*", "1.2_x")
    assert set(intents) - set(kept(ran(entry, folder, *intents))) == set(entry.intents)


@pytest.mark.parametrize(("entry", "folder"), FOLDERS)
def test_the_folder_however_it_is_spelled(entry, folder):
    first, _, rest = folder[3:].partition("\\")
    short = f"C:\\{first.replace(' ', '')[:6]}~1\\{rest}"
    good = [folder, f"{folder}\\", f"{folder}\\{entry.file_name}", f"{folder}/{entry.file_name}".replace("\\", "/")]
    bad = [f"C:\\{first}\\..\\Users\\x", f"C:\\Users\\..\\{folder[3:]}", short, f"{folder}\\{entry.file_name}:x.exe"]
    for change in (str, str.lower, str.upper):
        excused = [not kept(ran(entry, change(spelled))) for spelled in good + bad]
        assert excused == [True] * len(good) + [False] * len(bad)


@pytest.mark.parametrize(
    "name",
    [
        "ScreenConnect.ClientService.exe",
        "AnyDesk.exe",
        "TeamViewer_Service.exe",
        "SimpleService.exe",
        "AteraAgent.exe",
        "RunCommandExtension.exe",
        "cscript.exe",
        "powershell.exe",
        "cmd.exe",
        "svchost.exe",
        "WmiPrvSE.exe",
        "PSEXESVC.exe",
        "PRTG Probe.exe",
        "java.exe",
        "ruby.exe",
        "python.exe",
    ],
)
def test_what_intruders_use_or_what_runs_anything_is_left_out(name):
    entries = [entry for entry in KNOWN_GOOD.entries if entry.file_name.lower() == name.lower()]
    assert [entry.id for entry in entries if not entry.command_lines] == []


@pytest.mark.skipif(not TELEMETRY.exists(), reason="no telemetry in ../shared/telemetry")
def test_in_real_telemetry_the_products_are_excused_and_no_one_else():
    shells = loader.load(loader.HUNTS / "discovery-burst").defaults["shells"]
    steps = (Classify(CATALOGUE), NameActors(shells=shells), STEP)
    excused = Counter()
    for file in sorted(TELEMETRY.glob("*.ndjson.gz")):
        with gzip.open(file, "rt") as lines:
            rows = tuple(json.loads(line) for line in lines)
        made = Batch(rows, tuple(row for row in rows if (row["FileName"] or "").lower() in shells))
        for step in steps:
            made = step(made, CONTEXT)
        known = {reason: count for reason, count in made.dropped.items() if reason.startswith("known good")}
        excused.update({(file.name.partition(".")[0], reason): count for reason, count in known.items()})
    assert excused == {
        ("msticpy_mde_cs1", "known good: defender-sense-ir"): 26,
        ("msticpy_4688", "known good: monitoring-agent-baseline"): 2,
        ("otrf_security_datasets", "known good: windows-network-survey"): 29,
        ("evtx_to_mitre", "known good: monitoring-agent-baseline"): 4,
        ("otrf_security_datasets", "known good: exchange-health-worker"): 1,
    }


def test_the_example_in_the_documentation_is_an_entry(tmp_path):
    page = (loader.HUNTS.parent / "docs" / "known-good.md").read_text("utf-8")
    (block,) = re.findall(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    (tmp_path / "list.yaml").write_text("entries:\n" + indent(block, "  "))
    found, faults = decode(tmp_path / "list.yaml", KnownGood, name="list")
    assert faults == []
    assert set(found.entries[0].intents) <= {intent.id for intent in CATALOGUE.intents}


@pytest.mark.parametrize("script", ["C:\\Users\\bob\\gatherNetworkInfo.vbs", "C:\\Windows\\System32\\other.vbs", ""])
def test_cscript_is_excused_for_the_survey_of_windows_alone(script):
    entry = next(entry for entry in KNOWN_GOOD.entries if entry.id == "windows-network-survey")
    told = [
        {"as": "a", "unseen": True, "ProcessCommandLine": f"cscript.exe {script}", "AccountSid": "S-1-5-18"},
        {"by": "a", "ProcessCommandLine": "systeminfo", "Intent": "system-summary"},
    ]
    assert entry.command_lines
    assert kept(NameActors(shells=SHELLS)(batch(*told), CONTEXT)) == ["system-summary"]
