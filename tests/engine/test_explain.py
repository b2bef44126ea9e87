"""For a device and a time: what each step kept and dropped and why, and what was missing for a finding."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from engine import explain as room
from engine import loader
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
from engine.runner import Request
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
    """A hunt with its own query and steps, and the lists of these tests."""
    hunt = loader.load(loader.HUNTS / name)
    steps = [
        replace(step, fields={key: LISTS.get(key, value) for key, value in step.fields.items()}) for step in hunt.steps
    ]
    return replace(hunt, steps=tuple(steps))


BURST, BY_DEVICE, BY_PARENT = map(shipped, ("discovery-burst", "discovery-by-device", "discovery-by-parent"))
SYSTEM = {"AccountName": "system", "AccountDomain": "nt authority", "AccountSid": "S-1-5-18"}
AGENT = {"as": "agent", "ProcessCommandLine": r"C:\Agent\agent.exe", "FolderPath": r"C:\Agent\agent.exe"}
SOMEONE = {**AGENT, "unseen": True, **SYSTEM}


def sense(folder):
    return {"as": "agent", "ProcessCommandLine": f"{folder}\\SenseIR.exe", "FolderPath": f"{folder}\\SenseIR.exe"}


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
    weak = "no earlier day is known"
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
                says="3 of 3 count; weak baseline: the 1 device here stand in, and excuse nothing",
                lines=(
                    Line(
                        mark="kept",
                        count=3,
                        what="rare for agent.exe",
                        why="Who, Where: on 1 of the 1 device here; fewer than 20 devices excuse nothing",
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
                        mark="dropped", count=2, what="agent.exe (1000)", why="of 3 within 20 s from 09:00:10: Who, Where"
                    ),
                ),
            ),
            Section(
                step="score",
                given=3,
                kept=3,
                says="0 findings; low from 20, medium from 35, high from 65 points",
            ),
        ),
    ), weak
