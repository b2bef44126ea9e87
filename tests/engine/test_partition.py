"""However time is cut into runs, and whatever comes late or fails: the same bursts as one run that saw everything."""

import shutil
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import loader, runner, tasks
from engine.errors import SourceError, Throttled
from engine.growth import launches
from engine.model.baseline import Baseline, Day, IntentSet, Pair
from engine.model.event import ticks, timestamp
from engine.model.identity import Identity
from engine.model.run import Window
from engine.record import Request
from engine.sinks.memory import Memory as Sink
from engine.sources.recorded import Recorded
from engine.stores.memory import Memory as Store
from tests.proof import examples

FLAGSHIP = "discovery-burst"
LEAN = "any-burst"
START = datetime(2026, 11, 20, tzinfo=UTC)
LONG = Window(START - timedelta(days=1), START + timedelta(days=5))
SYSTEM, ANNA = "S-1-5-18", "S-1-5-21-1-2-3-1104"
AGENT = Identity("c:\\program files\\agent\\agent.exe", SYSTEM, "")
HOST = Identity("c:\\windows\\system32\\wbem\\wmiprvse.exe", SYSTEM, "")
ROUTINE = ("current-user", "network-configuration")
DAYS = tuple(
    Day(
        date(2026, 11, day),
        1_000,
        tuple(Pair(AGENT, intent, "p", 500, 500) for intent in ROUTINE),
        (),
        (IntentSet(HOST, ROUTINE, 40),),
    )
    for day in range(12, 19)
)
COMMANDS = (
    ("whoami.exe", "whoami"),
    ("ipconfig.exe", "ipconfig /all"),
    ("hostname.exe", "hostname"),
    ("systeminfo.exe", "systeminfo"),
    ("nltest.exe", "nltest /domain_trusts"),
    ("tasklist.exe", "tasklist /v"),
)
ACTORS = ("agent", "loader", "desktop", "wmi")
FOLDERS = {
    "agent.exe": "C:\\Program Files\\Agent",
    "loader.exe": "C:\\Users\\anna\\AppData\\Local\\Temp",
    "explorer.exe": "C:\\Windows",
    "wmiprvse.exe": "C:\\Windows\\System32\\wbem",
    "cmd.exe": "C:\\Windows\\System32",
}


def at(second):
    return timestamp(ticks(START.isoformat()) + second * 10_000_000)


def creation(device, number, second, program, parent, *, sid, session=0):
    """The creation row of `program` (file name, command line, id) by `parent` (file name, id, its parent, its id)."""
    file_name, command_line, process_id = program
    image, parent_id, above, above_id = parent
    return {
        "Timestamp": at(second),
        "DeviceId": device,
        "DeviceName": f"{device}.contoso.com",
        "ReportId": number,
        "ActionType": "ProcessCreated",
        "FileName": file_name,
        "ProcessId": process_id,
        "ProcessCreationTime": at(second),
        "ProcessCommandLine": command_line,
        "AccountSid": sid,
        "AccountName": "anna" if sid == ANNA else "system",
        "CreatedProcessSessionId": session,
        "InitiatingProcessFileName": image,
        "InitiatingProcessFolderPath": FOLDERS[image],
        "InitiatingProcessId": parent_id,
        "InitiatingProcessCreationTime": at(second - 1) if image == "cmd.exe" and session == 0 else at(-3600),
        "InitiatingProcessAccountSid": sid,
        "InitiatingProcessParentFileName": above,
        "InitiatingProcessParentId": above_id,
        "InitiatingProcessParentCreationTime": at(-3600),
    }


def rows_of(device, number, second, actor, command):
    """What one command leaves behind: its own row, and for the loader that of a shell of its own."""
    process_id = 10_000 + number
    program = (*command, process_id)
    match actor:
        case "agent":
            return [creation(device, number, second, program, ("agent.exe", 7, "services.exe", 4), sid=SYSTEM)]
        case "wmi":
            return [creation(device, number, second, program, ("wmiprvse.exe", 8, "svchost.exe", 5), sid=SYSTEM)]
        case "desktop":
            return [
                creation(device, number, second, program, ("explorer.exe", 9, "userinit.exe", 6), sid=ANNA, session=2)
            ]
    shell = ("cmd.exe", f"cmd.exe /c {command[1]}", process_id + 1)
    above = ("loader.exe", 66, "winword.exe", 65)
    return [
        creation(device, number + 1, second - 1, shell, above, sid=ANNA),
        creation(device, number, second, program, ("cmd.exe", process_id + 1, "loader.exe", 66), sid=ANNA),
    ]


@st.composite
def estates(draw, days=3):
    """Rows of two devices over some days, with when each arrived."""
    delay = st.one_of(st.just(60), st.integers(0, 280), st.integers(300, 14 * 3600))
    rows, number = [], 0
    for device in ("a", "b"):
        for _ in range(draw(st.integers(1, 4))):
            second = draw(st.integers(0, int(days * 86_400) - 20_000))
            actor = draw(st.sampled_from(ACTORS))
            for _ in range(draw(st.integers(2, 9))):
                second += draw(st.sampled_from([1, 40, 110, 299, 300, 301, 590, 600, 700]))
                number += 2
                for row in rows_of(device, number, second, actor, draw(st.sampled_from(COMMANDS))):
                    late = timedelta(seconds=draw(delay))
                    rows.append((datetime.fromisoformat(row["Timestamp"]) + late, row))
    return rows


class Counting(Sink):
    """A Memory that counts how often each finding was raised."""

    def __init__(self):
        super().__init__()
        self.times = Counter()

    def deliver(self, notice):
        self.times[notice.key] += notice.earlier is None
        return super().deliver(notice)


class Bug(Exception):
    """What nobody catches."""


class Broken:
    """A source that fails in the middle of its answer."""

    notes = ()

    def __init__(self, whole, error):
        self.whole, self.error = whole, error

    def rows(self, query, window):
        for batch in self.whole.rows(query, window):
            yield batch[: len(batch) // 2]
            break
        raise self.error


ERRORS = {
    "fails": lambda _: SourceError("gone"),
    "has a bug": lambda _: Bug(),
    "is throttled": lambda now: Throttled("busy", until=now + timedelta(minutes=5)),
}
PLAYS = st.lists(
    st.tuples(st.integers(1, 10 * 60), st.sampled_from(["runs", "runs", "runs", "runs twice", *ERRORS])), max_size=9
)


class Play:
    """A tenant whose rows arrive as time goes by, and the runs of one hunt over it."""

    def __init__(self, hunts, hunt, rows):
        self.hunts, self.hunt = hunts, hunt
        self.rows = rows
        self.store = Store()
        self.sink = Counting()
        for day in DAYS:
            self.store.record_day("t", hunt, day)

    def desk(self, now, *, error=None):
        @contextmanager
        def source():
            here = [{**row, "_ArrivalTime": moment.isoformat()} for moment, row in self.rows if moment <= now]
            with Recorded(tables={"DeviceProcessEvents": here}) as recorded:
                yield Broken(recorded, error) if error else recorded

        return tasks.Desk(hunts=self.hunts, tenant="t", source=source, sinks={"memory": self.sink}, store=self.store)

    def tick(self, now, how):
        """What dispatch and the queue do at a moment; gives whether there was anything to do."""
        due = [task for task in tasks.due_runs(self.desk(now), now=now) if task.hunt == self.hunt]
        for task in due:
            desk = self.desk(now, error=ERRORS[how](now) if how in ERRORS else None)
            try:
                for _ in range(2 if how == "runs twice" else 1):
                    tasks.perform(task, desk, holder="w", now=now)
            except Bug:
                continue
        return bool(due)

    def through(self, plays, days):
        now = START
        self.store.move_watermark("t", self.hunt, START)  # it ran before
        for minutes, how in plays:
            now += timedelta(minutes=minutes)
            self.tick(now, how)
        now = max(now, START + timedelta(days=days, hours=16))
        for _ in range(100):
            if not self.tick(now, "runs"):
                return
        raise AssertionError("the past is never caught up")

    @property
    def found(self):
        span = ticks(LONG.start.isoformat()), ticks(LONG.end.isoformat())
        return [finding for device in ("a", "b") for finding in self.store.met("t", self.hunt, device, span)]


def whole(hunt, rows):
    """The launches of each burst that one run over everything finds."""
    request = Request(id="whole", tenant="t", window=LONG, now=LONG.end, baseline=Baseline(hunt.id, DAYS))
    history = runner.known(hunt, LONG, source=None, baseline=request.baseline)
    with Recorded(tables={"DeviceProcessEvents": [row for _, row in rows]}) as source:
        return {launches(finding) for finding in runner.judge(hunt, request, source=source, history=history)}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Folders with one hunt each: the flagship, and one of the same steps whose query is quick to translate."""
    folder = tmp_path_factory.mktemp("hunts")
    for hunt in (loader.HUNTS / FLAGSHIP, Path(__file__).parent / "partition" / LEAN):
        shutil.copytree(loader.HUNTS / "_lists", folder / hunt.name / "_lists")
        shutil.copytree(hunt, folder / hunt.name / hunt.name)
    return folder


def hold(alone, hunt, rows, plays, *, days=3):
    play = Play(alone / hunt, hunt, rows)
    play.through(plays, days)
    assert {launches(finding) for finding in play.found} == whole(loader.load(alone / hunt / hunt), rows)
    assert all(times == 1 for times in play.sink.times.values())
    told = {finding.fingerprint for finding in play.found if not finding.recurs and finding.severity != "informational"}
    assert told <= play.sink.times.keys()


@pytest.mark.property
@settings(max_examples=examples(quick=5, full=2_000))
@given(estates(), PLAYS)
def test_partition_of_time_ends_in_the_same_bursts_each_told_once(alone, rows, plays):
    hold(alone, LEAN, rows, plays)


@pytest.mark.property
@settings(max_examples=examples(quick=1, full=100))
@given(estates(days=0.5), PLAYS)
def test_partition_of_time_ends_in_the_same_bursts_for_the_flagship_too(alone, rows, plays):
    hold(alone, FLAGSHIP, rows, plays, days=0.5)
