"""For a device and a time: what each step kept and dropped and why, and what was missing for a finding."""

import sys
from dataclasses import replace
from datetime import date, timedelta

import msgspec
import pytest

from engine import cli, loader, runner
from engine import explain as room
from engine.errors import ParameterError
from engine.explain.answer import Question, explain
from engine.lints import kusto
from engine.lints.case_events import START, rows
from engine.model import tables
from engine.model.baseline import Baseline, Day, Pair
from engine.model.catalogue import Catalogue, Form, Intent
from engine.model.explanation import Explanation, Line, Section
from engine.model.finding import Device
from engine.model.hunt import Case
from engine.model.identity import Identity
from engine.model.known_good import KnownGood, KnownGoodEntry
from engine.model.run import Window
from engine.model.windows import Windows
from engine.record import Request
from engine.sources.recorded import Recorded
from engine.steps import STEPS


def intent(word, program, weight=1, cmdlets=()):
    forms = (Form(file_names=(program,)), *(Form(cmdlets=(cmdlet,)) for cmdlet in cmdlets))
    return Intent(
        id=word.lower(), title=word, technique="T1033", weight=weight, forms=forms, examples=("x",), near_misses=("y",)
    )


CATALOGUE = Catalogue(
    (
        intent("Who", "whoami.exe"),
        intent("Where", "ipconfig.exe"),
        intent("What", "systeminfo.exe"),
        intent("Ports", "netstat.exe"),
        intent("Trusts", "nltest.exe", weight=3),
        intent("Users", "dsquery.exe", cmdlets=("get-aduser",)),
        Intent(
            id="names",
            title="Names",
            technique="T1018",
            weight=1,
            forms=(Form(file_names=("net.exe",), arguments="^view"),),
            examples=("net view",),
            near_misses=("net use",),
        ),
    )
)
SENSE = "C:\\Program Files\\Sense"
KNOWN_GOOD = KnownGood(
    (
        KnownGoodEntry(
            id="sense-ir",
            file_name="SenseIR.exe",
            folder_paths=(SENSE, "C:\\Program Files\\Sense2"),
            account_sids=("S-1-5-18",),
            owner="soc",
            reason="It assesses devices.",
            added=date(2025, 1, 1),
            expires=date(2027, 1, 1),
        ),
    )
)
LISTS = {"catalogue": CATALOGUE, "known_good": KNOWN_GOOD}


def shipped(name):
    """A hunt with its own query and steps, and the lists of these tests; it learns nothing by itself."""
    hunt = loader.load(loader.HUNTS / name)
    steps = [
        replace(step, fields={key: LISTS.get(key, value) for key, value in step.fields.items()}) for step in hunt.steps
    ]
    return replace(hunt, steps=tuple(steps), baseline_query=None)


BURST, BY_DEVICE, BY_PARENT = map(shipped, ("discovery-burst", "discovery-by-device", "discovery-by-parent"))
SYSTEM = {"AccountName": "system", "AccountDomain": "nt authority", "AccountSid": "S-1-5-18"}
AGENT = {"as": "agent", "ProcessCommandLine": r"C:\Agent\agent.exe", "FolderPath": r"C:\Agent\agent.exe"}
SOMEONE = {**AGENT, "unseen": True, **SYSTEM}


def sense(folder):
    return {"as": "agent", "ProcessCommandLine": f'"{folder}\\SenseIR.exe"', "FolderPath": f"{folder}\\SenseIR.exe"}


def run(*commands, by="agent", every=10, start=10):
    """The commands one after the other, `every` seconds apart."""
    times = range(start, start + every * len(commands), every)
    return [{"at": f"{at}s", "by": by, "ProcessCommandLine": each} for at, each in zip(times, commands, strict=True)]


def told(*events, hunt=BURST, device="ws01", at=None, baseline=None, common=None, others=()):
    """The explanation of a device that saw these events, and whatever `others` saw, within an hour."""
    happened = rows(Case(name="case", common=SYSTEM if common is None else common, events=events, expect=()))
    for more in others:
        for table, found in rows(more).items():
            happened.setdefault(table, []).extend(found)
    end = START + timedelta(hours=1)
    request = Request(id="r", tenant="default", window=Window(START, end), now=end, baseline=baseline)
    question = Question(device=device, at=None if at is None else START + timedelta(seconds=at))
    with Recorded(tables=happened) as source:
        return explain(hunt, request, question, source=source)


def section(explanation, step):
    return next(each for each in explanation.sections if each.step == step)


def lines(explanation, step):
    return [(each.mark, each.count, each.what, each.why) for each in section(explanation, step).lines]


def test_every_step_that_ships_has_its_words():
    assert set(room.WORDS) == set(STEPS)


def test_two_commands_are_told_from_the_query_to_the_score():
    explanation = told(SOMEONE, *run("whoami", "ipconfig /all", "ipconfig  /all", "net use x:", "notepad"))
    assert explanation == Explanation(
        hunt="discovery-burst",
        device=Device(explanation.device.id, "ws01.contoso.com"),
        span=Window(START, START + timedelta(hours=1)),
        verdict=(
            "No finding: 2 of 3. agent.exe (1000) ran Who, Where within 20 s from 09:00:10; "
            "1 more different command that is not routine would have made one."
        ),
        findings=(),
        sections=(
            Section(
                step="query",
                given=5,
                kept=4,
                says="4 of 5 process creations returned",
                lines=(Line(mark="dropped", count=1, what="not in the catalogue", why="notepad.exe 1"),),
            ),
            Section(
                step="classify",
                given=4,
                kept=3,
                says="3 of 4 are discovery",
                lines=(
                    Line(mark="kept", count=2, what="ipconfig /all", why="Where, and 1 other way"),
                    Line(mark="kept", count=1, what="whoami", why="Who"),
                    Line(mark="dropped", count=1, what="net use x:", why="no discovery"),
                ),
            ),
            Section(
                step="name_actors",
                given=3,
                kept=3,
                says="3 commands by 1 actor",
                lines=(Line(mark="kept", count=3, what="agent.exe (1000)", why=r"C:\Agent\agent.exe, directly"),),
            ),
            Section(step="drop_known_good", given=3, kept=3, says="0 of 3 excused"),
            Section(
                step="weigh_rarity",
                given=3,
                kept=3,
                says="3 of 3 count; weak baseline: it has 0 of 7 days, and excuses nothing",
                lines=(
                    Line(
                        mark="kept",
                        count=3,
                        what="rare for agent.exe",
                        why="Who, Where: no earlier day is known",
                    ),
                ),
            ),
            Section(
                step="fold_repeats",
                given=3,
                kept=3,
                says="in a window a command counts once, however often it ran",
                lines=(Line(mark="note", count=2, what="ipconfig /all", why="Where, by agent.exe"),),
            ),
            Section(
                step="find_bursts",
                given=3,
                kept=3,
                says="0 bursts; 3 within 10 min of one actor make one",
                lines=(
                    Line(
                        mark="dropped",
                        count=2,
                        what="agent.exe (1000)",
                        why="of 3 within 20 s from 09:00:10: Who, Where",
                    ),
                ),
            ),
            Section(
                step="score",
                given=3,
                kept=3,
                says="0 findings; low from 20, medium from 35, high from 65 points",
            ),
            Section(step="mark_windows", given=3, kept=3, says="0 of 0 findings expected; 0 entries are listed"),
        ),
    )


OTHER = {**SOMEONE, "as": "other", "ProcessCommandLine": r"C:\B\b.exe", "FolderPath": r"C:\B\b.exe"}
SHELL = {"at": "5s", "as": "shell", "by": "agent", "ProcessCommandLine": "powershell.exe -File assess.ps1"}
THREE = ("whoami", "ipconfig", "systeminfo")
REAL, IMPOSTOR = sense(SENSE), sense("C:\\Users\\anna")


def week(*intents, devices=40):
    """Seven earlier days on which the agent had these intents on so many of 50 devices."""
    who = Identity(r"c:\agent\agent.exe", "S-1-5-18", "")
    pairs = tuple(Pair(who, each, "", devices, 2 * devices) for each in intents)
    days = (START.date() - timedelta(days=ago) for ago in range(7, 0, -1))
    return Baseline("discovery-burst", tuple(Day(day, 50, pairs, (), ()) for day in days))


ONE_MORE = "1 more different command that is not routine would have made one."


@pytest.mark.parametrize(
    ("events", "asked", "expected"),
    [
        (
            (REAL, SHELL, *run(*THREE, by="shell")),
            {},
            (
                "No finding: known-good excuses it. "
                "sense-ir excused 3 of 3 commands: It assesses devices (soc, until 2027-01-01)."
            ),
        ),
        (
            (REAL, *run("whoami", "ipconfig")),
            {},
            (
                "No finding: what ran was too little, and known-good excuses it. "
                "sense-ir excused 2 of 2 commands: It assesses devices (soc, until 2027-01-01)."
            ),
        ),
        (
            (IMPOSTOR, *run(*THREE)),
            {},
            "Finding (medium, 43): 3 discovery commands by SenseIR.exe on ws01.contoso.com",
        ),
        (
            (SOMEONE, *run(*["ipconfig /all"] * 9, "whoami")),
            {},
            "No finding: 2 of 3. agent.exe (1000) ran Where (9 times), Who within 1 min 30 s from 09:00:10; "
            + ONE_MORE,
        ),
        (
            (SOMEONE, *run(*["ipconfig /all"] * 9)),
            {},
            "No finding: 9 discovery commands ran (Where), but fewer than 3 different commands within 10 min.",
        ),
        (
            (SOMEONE, *run("whoami", "ipconfig"), *run("systeminfo", start=670)),
            {},
            (
                "No finding: 2 of 3. agent.exe (1000) ran Who, Where within 10 s from 09:00:10; "
                f"{ONE_MORE[:-1]}. What at 09:11:10 came 1 min too late to count."
            ),
        ),
        (
            (SOMEONE, *run("systeminfo"), *run("whoami", "ipconfig", start=670)),
            {},
            (
                "No finding: 2 of 3. agent.exe (1000) ran Who, Where within 10 s from 09:11:10; "
                f"{ONE_MORE[:-1]}. What at 09:00:10 came 1 min 10 s too early to count."
            ),
        ),
        (
            (SOMEONE, OTHER, *run("whoami", "ipconfig"), *run("systeminfo", "netstat", by="other")),
            {},
            (
                "No finding: 2 of 3. agent.exe (1000) ran Who, Where within 10 s from 09:00:10; "
                f"{ONE_MORE[:-1]}. All actors together make 4, but they are not one."
            ),
        ),
        (
            (SOMEONE, *run(*THREE, "netstat")),
            {"baseline": week("who", "where", "what")},
            (
                "No finding: what ran is routine. 3 of 4 commands count for nothing, by agent.exe: "
                "Who, Where, What, on 7 of 7 days, on 40 of 50 devices."
            ),
        ),
        (
            (SOMEONE, *run("whoami", "ipconfig")),
            {"baseline": week("who", "where")},
            (
                "No finding: 0 of 3. agent.exe (1000) ran Who, Where, all routine, within 10 s from 09:00:10; "
                "3 more different commands that are not routine would have made one."
            ),
        ),
        (
            (SOMEONE, REAL | {"as": "sense"}, *run("whoami", "ipconfig"), *run("ipconfig", "systeminfo", by="sense")),
            {"hunt": BY_DEVICE},
            (
                "No finding: 4 discovery commands ran (Who, Where, What), "
                "but fewer than 6 different commands within 5 min."
            ),
        ),
        ((SOMEONE, *run("notepad", "calc")), {}, "No finding: of 2 process creations none is discovery."),
        (
            (SOMEONE, *run(*THREE)),
            {"at": 2000},
            (
                "No finding: nothing that ws01.contoso.com ran at that time is in the data. "
                "The nearest is at 2026-01-05 09:00:30, 32 min 50 s earlier."
            ),
        ),
        (
            (SOMEONE, *run(*THREE), *run("netstat", *THREE, start=3000)),
            {},
            "2 findings, the worst (medium, 36): 4 discovery commands by agent.exe on ws01.contoso.com",
        ),
        (
            (SOMEONE, *run(*THREE), *run(*THREE, start=1200), *run(*THREE, start=3000)),
            {"at": 3010},
            (
                "No finding of its own: it came again, and is counted on the finding of 2026-01-05 09:00:10 (low, 28), "
                "which came 2 times more"
            ),
        ),
        (
            (SOMEONE, *run(*THREE, "netstat", "nltest /x", "dsquery"), *run("net view", start=61)),
            {"hunt": BY_PARENT, "at": 0},
            "Finding (high, 66): 7 discovery commands by agent.exe on ws01.contoso.com",
        ),
    ],
)
def test_the_verdict_names_the_most_telling_reason(events, asked, expected):
    assert told(*events, **asked).verdict == expected


@pytest.mark.parametrize(
    ("events", "step", "expected"),
    [
        (
            (REAL, SHELL, *run(*THREE, by="shell")),
            "drop_known_good",
            [("dropped", 3, "sense-ir", "It assesses devices (soc, until 2027-01-01)")],
        ),
        (
            (IMPOSTOR, *run(*THREE)),
            "drop_known_good",
            [("near", 3, "sense-ir", r"SenseIR.exe lies in C:\Users\anna, not in C:\Program Files\Sense (or 1 other)")],
        ),
        (
            (REAL | {"AccountSid": "S-1-5-19"}, *run("whoami", "ipconfig")),
            "drop_known_good",
            [("near", 2, "sense-ir", "SenseIR.exe runs as S-1-5-19, not as S-1-5-18")],
        ),
        (
            (REAL, *run("whoami", "nltest /x")),
            "drop_known_good",
            [
                ("dropped", 1, "sense-ir", "It assesses devices (soc, until 2027-01-01)"),
                ("near", 1, "sense-ir", "SenseIR.exe is not excused for Trusts"),
            ],
        ),
        (
            (REAL | {"unseen": True}, SHELL | {"unseen": True}, *run("whoami", "ipconfig", by="shell")),
            "name_actors",
            [
                ("kept", 2, "SenseIR.exe (1000)", "in an unknown folder, through powershell.exe"),
                (
                    "note",
                    2,
                    "",
                    "the folder of SenseIR.exe is unknown: its shell's creation row is not in the data",
                ),
            ],
        ),
        (
            (SOMEONE, *run(*["ipconfig /all"] * 9, "whoami")),
            "fold_repeats",
            [("note", 9, "ipconfig /all", "Where, by agent.exe")],
        ),
        (
            (SOMEONE, *run("whoami", "ipconfig"), *run("systeminfo", start=670)),
            "find_bursts",
            [
                ("dropped", 2, "agent.exe (1000)", "of 3 within 10 s from 09:00:10: Who, Where"),
                ("near", None, "", "What at 09:11:10 came 1 min too late to count"),
            ],
        ),
        (
            (SOMEONE, OTHER, *run("whoami", "ipconfig"), *run("systeminfo", by="other")),
            "find_bursts",
            [
                ("dropped", 2, "agent.exe (1000)", "of 3 within 10 s from 09:00:10: Who, Where"),
                ("dropped", 1, "b.exe (1004)", "of 3 at 09:00:10: What"),
                ("note", 3, "", "by all actors together, but they are not one"),
            ],
        ),
        (
            (SOMEONE, *run("whoami", "nltest /x")),
            "score",
            [
                ("kept", 34, "low", "2 launches by agent.exe, 09:00:10 to 09:00:20"),
                ("note", 22, "", "Trusts, by agent.exe"),
                ("note", 8, "", "Who, by agent.exe"),
                ("note", 4, "", "2 launches within 10 seconds, as fast as one types"),
            ],
        ),
        (
            (SOMEONE, *run("whoami", "notepad", "notepad"), *run("net use x:", start=3000)),
            "query",
            [
                ("dropped", 1, "whoami", "Who: left out, fewer than 3 different commands within 10 min"),
                ("dropped", 1, "as run, no discovery", "net.exe 1"),
                ("dropped", 2, "not in the catalogue", "notepad.exe 2"),
            ],
        ),
    ],
)
def test_a_step_tells_what_it_kept_and_dropped_and_what_came_near(events, step, expected):
    assert lines(told(*events), step) == expected


def test_a_cmdlet_counts_where_the_hunt_reads_it_and_is_told_of_where_it_does_not():
    happened = rows(Case(name="c", events=(SOMEONE, *run("whoami", "ipconfig")), expect=()))
    whoami = happened["DeviceProcessEvents"][0]
    recorded = {
        **{column: whoami[column] for column in ("DeviceId", "DeviceName", "Timestamp")},
        "ReportId": 9,
        "ActionType": "PowerShellCommand",
        "AdditionalFields": '{"Command":"Get-ADUser -Filter *"}',
        "InitiatingProcessFileName": "powershell.exe",
    }
    end = START + timedelta(hours=1)
    request = Request(id="r", tenant="default", window=Window(START, end), now=end)
    with Recorded(tables={**happened, "DeviceEvents": [recorded]}) as source:
        burst, by_device = (
            explain(hunt, request, Question(device="ws01"), source=source) for hunt in (BURST, BY_DEVICE)
        )
    assert section(burst, "query").says == "3 of 3 events (2 process creations, 1 cmdlet or search) returned"
    assert ("kept", 1, "Get-ADUser -Filter *", "Users") in lines(burst, "classify")
    left_out = ("dropped", 1, "Get-ADUser -Filter *", "Users: left out, the hunt does not read DeviceEvents")
    assert left_out in lines(by_device, "query")


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("ws02", "ws02.contoso.com"),
        ("WS02.contoso.COM", "ws02.contoso.com"),
        ("ws03", "device: ws03 is no device in the data. Did you mean ws02.contoso.com or ws01.contoso.com?"),
        ("zebra", "device: zebra is no device in the data."),
        ("ts", "device: ts is 2 devices: ts.a.example (1), ts.b.example (2). Give the id of one."),
        ("2", "ts.b.example"),
        ("ws\a01", "device: the character U+0007 cannot be written into a query. It takes a string list."),
    ],
)
def test_a_device_goes_by_its_id_its_name_or_its_host_name(device, expected):
    events = [SOMEONE, *run("whoami")]
    for name, identifier in (("ws02.contoso.com", "0"), ("ts.a.example", "1"), ("ts.b.example", "2")):
        events += [{**each, "DeviceName": name, "DeviceId": identifier} for each in run("whoami", by="agent")]
    try:
        answer = told(*events, device=device).device.name
    except ParameterError as error:
        answer = str(error)
    assert answer == expected


def test_what_is_told_of_a_part_of_the_window_is_what_the_whole_run_found():
    events = (SOMEONE, *run(*THREE, "netstat", every=250))
    whole, part = told(*events), told(*events, at=1000)
    assert whole.findings == part.findings
    assert [each.start[11:19] for each in part.findings] == ["09:00:10"]
    assert (section(whole, "query").given, section(part, "query").given) == (4, 2)


@pytest.mark.parametrize("hunt", [BURST, BY_DEVICE, BY_PARENT], ids=lambda hunt: hunt.id)
def test_what_is_explained_is_what_is_found(hunt):
    events = (SOMEONE, OTHER, *run(*THREE, "netstat", "dsquery", "net view", "nltest /x"), *run(*THREE, by="other"))
    happened = rows(Case(name="c", common=SYSTEM, events=events, expect=()))
    end = START + timedelta(hours=1)
    request = Request(id="r", tenant="default", window=Window(START, end), now=end)
    with Recorded(tables=happened) as source:
        found = {each.fingerprint: each.score for each in runner.judge(hunt, request, source=source)}
        explanation = explain(hunt, request, Question(device="ws01"), source=source)
    assert {each.fingerprint: each.score for each in explanation.findings} == found != {}


@pytest.mark.parametrize(
    ("arguments", "code", "beginning"),
    [
        (("--device", "ws-0034", "--at", "2026-11-23T02:40:00Z"), 0, "Finding (high, "),
        (("--device", "ws-0022.hafen.example", "--at", "2026-11-23T12:22:00+02:00"), 0, "Finding (high, "),
        (("--device", "ws-0003", "--at", "2026-11-23T17:13"), 0, "Finding (high, "),
        (("--device", "ws-003"), 1, "device: ws-003 is no device in the data. Did you mean ws-00"),
        (("--device", "ws-0003", "--at", "noon"), 1, "at: noon is no moment like 2026-11-24T10:50:00Z."),
    ],
)
def test_the_command_explains_the_sample(capsys, monkeypatch, arguments, code, beginning):
    routine = ("--baseline", "samples/routine.gz")
    monkeypatch.chdir(loader.HUNTS.parent)
    monkeypatch.setattr(
        sys,
        "argv",
        ["vizsla", "explain", "discovery-burst", "--from", "samples", *routine, "--format", "json", *arguments],
    )
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    assert ended.value.code == code
    assert (msgspec.json.decode(out, type=Explanation).verdict if out else err).startswith(beginning)


def test_an_authorised_test_is_told_with_what_it_lowered():
    given = {"name": "red-team", "devices": ["ws01.contoso.com"], "owner": "soc", "reason": "A test.", "lower": True}
    hour = {"from": "2026-01-05T09:00:00Z", "to": "2026-01-05T10:00:00Z"}
    windows = msgspec.convert({"entries": [{**given, **hour}]}, Windows)
    steps = (*BURST.steps[:-1], replace(BURST.steps[-1], fields={"windows": windows}))
    explanation = told(SOMEONE, *run(*THREE), hunt=replace(BURST, steps=steps))
    (found,) = explanation.findings
    why = "authorised: red-team until 2026-01-05 10:00 UTC, soc: A test"
    assert (found.severity, explanation.verdict[:26]) == ("informational", "Finding (informational, 28")
    assert section(explanation, "mark_windows").says == "1 of 1 finding expected; 1 entry is listed"
    assert lines(explanation, "mark_windows") == [
        ("note", found.score, "low, now informational", why),
        ("note", None, "", f"lowered from low to informational, as red-team says: {why}"),
    ]


def test_a_step_without_words_is_told_by_its_counts(monkeypatch):
    monkeypatch.setattr("engine.explain.answer.WORDS", {})
    explanation = told(SOMEONE, *run("whoami", "ipconfig", "net use x:"))
    assert section(explanation, "classify") == Section(
        step="classify", given=3, kept=2, says="2 of 3 kept", lines=(Line(mark="dropped", why="no discovery"),)
    )


def test_the_questions_to_the_source_are_clean_kql():
    texts = {path.name: path.read_text("utf-8") for path in sorted(loader.HUNTS.parent.glob("engine/explain/*.kql"))}
    assert set(texts) == {"device.kql", "devices.kql"}
    columns = {table: tables.columns(table) for table in tables.names()}
    assert {name: found.diagnostics for name, found in kusto.analyse(texts, columns).items()} == dict.fromkeys(
        texts, ()
    )
