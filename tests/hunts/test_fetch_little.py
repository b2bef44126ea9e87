"""With what is routine left out, less is fetched and the same is found: the KQL on DuckDB, judged by the steps."""

from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import learn, loader, parameters, runner
from engine.lints.case_events import START, rows
from engine.model.baseline import Baseline, History, Pair
from engine.model.hunt import Case
from engine.model.identity import Identity
from engine.model.run import Window
from engine.record import Request
from engine.routine import routine_lines
from engine.sources.recorded import Recorded
from engine.steps.rarity import HEAVY
from tests.proof import examples

HUNT = loader.load(loader.HUNTS / "discovery-burst")
LETS = {let.name: let.text for let in parameters.lets(HUNT.query)}
DAY = Window(START.replace(hour=0), START.replace(hour=0) + timedelta(days=1))
NOBODY = Identity("?", "", "")

SYSTEM, PERSON = {"AccountSid": "S-1-5-18"}, {"AccountSid": "S-1-5-21-7", "AccountName": "robert"}
ACTORS = {
    "agent": (r"C:\Program Files\Agent\agent.exe", SYSTEM, ()),
    "agent by cmd": (r"C:\Program Files\Agent\agent.exe", SYSTEM, ("cmd.exe",)),
    "agent by two shells": (r"C:\Program Files\Agent", SYSTEM, ("powershell.exe", "cmd.exe")),
    "agent of a person": (r"C:\Program Files\Agent\agent.exe", PERSON, ("cmd.exe",)),
    "agent unseen": (r"C:\Program Files\Agent\agent.exe", SYSTEM, ("unseen cmd.exe",)),
    "tool": (r"C:\ProgramData\Tool\tool.exe", SYSTEM, ()),  # its hash is not in the data
    "tool, replaced": (r"C:\ProgramData\Tool\tool.exe", SYSTEM | {"SHA1": "cd"}, ()),
    "impostor": (r"C:\Users\robert\agent.exe", SYSTEM | {"SHA1": "ab"}, ("cmd.exe",)),
    "host": (r"C:\Windows\System32\wbem\WmiPrvSE.exe", PERSON, ()),
    "host by cmd": (r"C:\Windows\System32\wbem\WmiPrvSE.exe", PERSON, ("cmd.exe",)),
    "desktop": (r"C:\Windows\explorer.exe", PERSON | {"CreatedProcessSessionId": 2}, ("cmd.exe",)),
}
COMMANDS = (
    "whoami",
    "whoami/all",
    '"C:\\Windows\\System32\\whoami.exe" /priv',
    "ipconfig /all",
    "hostname",
    "systeminfo",
    "C:\\Windows\\system32\\net1 user",
    "net user robert /domain",
    "net time \\\\srv01",
    "netstat -ano",
    "tasklist",
    'net group "Domain Admins" /domain',
    "nltest /domain_trusts",
    "net use h: \\\\srv01\\home",
    "ping -n 9 127.0.0.1",
)
ORIGINALS = {"systeminfo.exe": "sysinfo.exe", "nltest.exe": "nltestrk.exe"}
NO_DISCOVERY = ("net.exe use h: \\\\anyhost\\home", "ping.exe -n 9 127.0.0.1")


def run_of(actor, commands, *, at, device, number):
    """Events of one process of that actor, which runs the commands, those many seconds after the start."""
    path, columns, shells = ACTORS[actor]
    name = path.rpartition("\\")[2] if path.endswith(".exe") else "agent.exe"
    own = columns | {"DeviceName": f"{device}.contoso.com"}
    yield own | {"as": f"{number}", "unseen": True, "FileName": name, "FolderPath": path, "at": f"{at[0]}s"}
    above = f"{number}"
    for depth, shell in enumerate(shells):
        label = f"{number}.{depth}"
        unseen = {"unseen": True} if shell.startswith("unseen") else {}
        line = shell.rpartition(" ")[2]
        yield own | {"as": label, "by": above, "ProcessCommandLine": line, "at": f"{at[0]}s"} | unseen
        above = label
    for moment, command in zip(at, commands, strict=True):
        file = command.replace('"', "").partition(" ")[0].partition("/")[0].rpartition("\\")[2]
        file = file if file.endswith(".exe") else f"{file}.exe"
        build = {"FileName": file, "ProcessVersionInfoOriginalFileName": ORIGINALS.get(file, file)}
        yield own | build | {"by": above, "ProcessCommandLine": command, "at": f"{moment}s"}


def telemetry(runs):
    """The rows of (device, actor, [(second, command)...]) runs."""
    events = [
        event
        for number, (device, actor, told) in enumerate(runs)
        for event in run_of(
            actor, [command for _, command in told], at=[second for second, _ in told], device=device, number=number
        )
    ]
    return {"DeviceProcessEvents": [], **rows(Case(name="estate", events=tuple(events), expect=()))}


def week_of(seed):
    """What each actor ran in a week: all commands, five of them, or none."""
    dice = Random(seed)  # noqa: S311 - a week is no secret
    return tuple((actor, tuple(dice.sample(COMMANDS, dice.choice([0, 5, len(COMMANDS)])))) for actor in ACTORS)


@lru_cache
def learned(week):
    """Seven days on each of which four devices had that week's (actor, commands)."""
    runs = [
        (device, actor, list(enumerate(commands)))
        for device in ("w1", "w2", "w3", "w4")
        for actor, commands in week
        if commands
    ]
    with Recorded(tables=telemetry(runs)) as source:
        day = learn.learn(HUNT, source, DAY)
    nothing = tuple(Pair(NOBODY, "", command, 4, 4) for command in NO_DISCOVERY)
    earlier = [
        msgspec.structs.replace(day, day=day.day - timedelta(days=ago), pairs=day.pairs + nothing)
        for ago in range(7, 0, -1)
    ]
    return Baseline(HUNT.id, tuple(earlier))


class Counting:
    """A source that keeps what it gave."""

    notes = ()

    def __init__(self, source):
        self.source = source
        self.given = []

    def rows(self, query, window):
        for batch in self.source.rows(query, window):
            self.given += batch
            yield batch


def judged(tables, baseline, *, by_lines, minimum=3):
    """The findings, and the rows that they were found in, with the baseline's lines or without any."""
    request = Request(
        id="r", tenant="t", window=DAY, now=DAY.end, values={"minimum": minimum, "routine": ()}, baseline=baseline
    )
    history = History(baseline)
    if by_lines:
        ready = runner.plan(HUNT, request, history=history)
        lines = routine_lines(ready.steps, ready.context, baseline)
        request = replace(request, values={**request.values, "routine": lines})
    with Recorded(tables=tables) as recorded:
        source = Counting(recorded)
        return list(runner.judge(HUNT, request, source=source, history=history)), source.given


SECONDS = st.integers(0, 600) | st.integers(0, 3_000) | st.sampled_from([0, 299, 300, 599, 600, 601, 1_199, 1_200])
RUNS = st.lists(
    st.tuples(
        st.sampled_from(["w1", "w9"]),
        st.sampled_from(sorted(ACTORS)),
        st.lists(st.tuples(SECONDS, st.sampled_from(COMMANDS)), min_size=1, max_size=6),
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.property
@settings(max_examples=examples(quick=8, full=300))
@given(st.integers(0, 5), RUNS, st.sampled_from([2, 3, 4]))
def test_with_and_without_what_is_routine_the_same_is_found(week, runs, minimum):
    baseline, tables = learned(week_of(week)), telemetry(runs)
    without, everything = judged(tables, baseline, by_lines=False, minimum=minimum)
    found, fetched = judged(tables, baseline, by_lines=True, minimum=minimum)
    assert found == without
    launches = [[row["ReportId"] for row in rows if row["Role"] == "launch"] for rows in (fetched, everything)]
    assert set(launches[0]) <= set(launches[1])
    counts = [row["Launches"] for row in fetched if row["Role"] == "count"]
    assert counts in ([], [sum(len(told) for _, _, told in runs)])


OFTEN = ("whoami", "ipconfig /all", "hostname", "systeminfo", "tasklist")
WEEK = tuple((actor, OFTEN) for actor in ACTORS if actor not in ("impostor", "tool, replaced", "agent of a person"))


COMPANY = [  # who ran what on one device, how many launches are fetched, and how many commands each finding has
    ("agent", OFTEN, 0, []),
    ("agent by cmd", OFTEN, 0, []),
    ("agent by two shells", OFTEN, 0, []),
    ("agent", (*OFTEN, "netstat -ano", "quser"), 0, []),
    ("agent", (*OFTEN, "netstat -ano", "net user"), 7, []),  # net could have been heavy
    ("agent", (*OFTEN, "netstat -ano", "net user", "nltest /domain_trusts"), 8, [8]),
    ("agent", ("netstat -ano", "nltest /domain_trusts"), 2, [2]),  # heavy counts double
    ("agent by two shells", ("whoami", "ipconfig /all", "nltest /domain_trusts"), 3, [3]),  # and takes others along
    ("agent by two shells", ("whoami", "nltest /domain_trusts"), 0, []),
    ("agent", ("whoami/all", "netstat -ano", "quser"), 3, [3]),  # `/all` does not belong to the program
    ("tool", OFTEN, 0, []),
    ("tool, replaced", OFTEN, 5, [5]),
    ("impostor", OFTEN, 5, [5]),
    ("agent unseen", OFTEN, 5, [5]),
    ("agent of a person", OFTEN, 5, [5]),
    ("host by cmd", OFTEN, 5, []),  # the steps know the whole set
    ("desktop", OFTEN, 0, []),
    ("impostor", ("net use h: \\\\srv01\\home", "ping -n 9 127.0.0.1", "whoami"), 0, []),  # no discovery, but for one
]


@pytest.fixture(scope="module")
def company():
    """(by lines, without): the findings and the rows of all cases, each on a device of its own."""
    runs = [(f"c{place}", actor, list(enumerate(told))) for place, (actor, told, *_) in enumerate(COMPANY)]
    return tuple(judged(telemetry(runs), learned(WEEK), by_lines=by_lines) for by_lines in (True, False))


@pytest.mark.parametrize("case", range(len(COMPANY)), ids=lambda case: " ".join(map(str, COMPANY[case][:2])))
def test_what_a_line_stands_for_is_fetched_only_for_the_company_it_keeps(case, company):
    _, _, fetched, commands = COMPANY[case]
    (found, rows_given), (without, _) = company
    device = f"c{case}.contoso.com"
    assert [len(finding.commands) for finding in found if finding.device.name == device] == commands
    assert [finding for finding in without if finding.device.name == device] == [
        finding for finding in found if finding.device.name == device
    ]
    assert sum(row["Role"] == "launch" and row["DeviceName"] == device for row in rows_given) == fetched


def test_one_row_says_among_how_many_launches_it_was_looked_for(company):
    (_, given_by_lines), (_, given) = company
    counts = [row for row in given_by_lines if row["Role"] == "count"]
    assert [row["Launches"] for row in counts] == [sum(len(told) for _, told, *_ in COMPANY)]
    assert [(row["DeviceId"], row["ReportId"], row["Timestamp"]) for row in counts] == [
        ("", 0, f"{DAY.start:%Y-%m-%dT%H:%M:%S}.0000000Z")
    ]
    assert [row for row in given if row["Role"] == "count"] == [], "nothing is left out, nothing is counted"


def test_the_query_names_actors_and_spells_commands_as_what_is_learned():
    learns = {let.name: let.text for let in parameters.lets(HUNT.baseline_query)}
    both = LETS.keys() & learns.keys() - {"started", "asked", "runs", "above"}
    assert {"once", "climbed", "named", "spelled", "shells", "generic_hosts", "programs", "kept_hosts"} <= both
    assert {name: LETS[name] for name in both} == {name: learns[name] for name in both}


def test_heavy_programs_are_those_of_the_catalogues_heavy_intents():
    catalogue = HUNT.steps[0].fields["catalogue"]
    forms = [form for intent in catalogue.intents if intent.weight == HEAVY for form in intent.forms]
    names = {name for form in forms for name in (*form.file_names, *form.original_file_names)}
    assert set(parameters.read("string list", LETS["heavy_programs"])) == names
