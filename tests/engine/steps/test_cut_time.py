"""A hunt runs over windows that overlap: wherever time is cut, the two parts find what one run over all would find."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import loader
from engine.model.actor import Actor
from engine.model.baseline import Baseline, Day, History, IntentSet, Own, Pair
from engine.model.event import TICKS_PER_SECOND, timestamp
from engine.model.finding import Process
from engine.model.identity import Identity
from engine.steps.find_bursts import FindBursts
from engine.steps.fold_repeats import FoldRepeats
from engine.steps.interface import Batch
from engine.steps.weigh_rarity import WeighRarity
from tests.engine.steps.events import CONTEXT
from tests.proof import examples

CATALOGUE = loader.load(loader.HUNTS / "discovery-burst").steps[0].fields["catalogue"]
WINDOW = timedelta(minutes=10)
STEPS = (
    WeighRarity(catalogue=CATALOGUE, generic_hosts=("svchost.exe", "wmiprvse.exe"), window=WINDOW),
    FoldRepeats(),
    FindBursts(window=WINDOW, at_least=2),
)
INTENTS = ("processes", "services", "patches", "domain-admins")
MIDNIGHT, TODAY = 17_955_648_000_000_000, date(2026, 11, 25)
AGENT = Process(file_name="agent.exe", folder_path="C:\\Agent")
AGENTS = Identity("c:\\agent\\agent.exe", "S-1-5-18", "")
WMI = Process(file_name="WmiPrvSE.exe", folder_path="C:\\Windows\\System32\\wbem")
SCANNER = Identity("c:\\windows\\system#\\wbem\\wmiprvse.exe", "S-1-5-18", "")
SERVICES = Process(file_name="svchost.exe", folder_path="C:\\Windows\\System32")
SERVICE = Identity("c:\\windows\\system#\\svchost.exe", "S-1-5-18", "")
ACTORS = (AGENT, WMI, SERVICES)
SIDS = ("S-1-5-18", "S-1-5-20")


def known():
    """Ten days; the last three know more than those before, so that the verdicts of yesterday are not today's."""
    scans = (IntentSet(SCANNER, ("processes", "services"), 50), IntentSet(SERVICE, ("domain-admins", "patches"), 5))
    pairs = (Pair(AGENTS, "processes", "", 50, 50), Pair(SCANNER, "patches", "", 50, 50))
    always = [Day(TODAY - timedelta(days=ago), 100, pairs, (), scans[1:]) for ago in range(10, 3, -1)]
    lately = [Day(TODAY - timedelta(days=ago), 100, pairs, (Own("d", AGENTS, "services"),), scans) for ago in (3, 2, 1)]
    return Baseline("h", (*always, *lately))


CONTEXTS = {"strong": replace(CONTEXT, history=History(known())), "nothing known": CONTEXT}


def event(number, second, intent, process, sid):
    return {
        "DeviceId": "d",
        "Timestamp": timestamp(MIDNIGHT + second * TICKS_PER_SECOND),
        "ReportId": number,
        "Intent": intent,
        "AccountSid": sid,
        "Actor": Actor(("d", process.file_name), "process", process),
    }


def judged(events, context):
    batch = Batch(tuple(events))
    for step in STEPS:
        batch = step(batch, context)
    return batch


def qualifying(events, context):
    """The events of each window that holds enough, without those windows that lie inside another."""
    *_, finder = STEPS
    batch = judged(events, context)
    return {
        frozenset(each["ReportId"] for each in group[held.first : held.last + 1])
        for group in finder.groups(batch.events)
        for held in finder.windows(group, batch.tally())
        if held.holds >= finder.least
    }


def outermost(windows):
    return {each for each in windows if not any(each < other for other in windows)}


SECONDS = st.integers(-2400, 2400)
EVENTS = st.lists(
    st.tuples(SECONDS, st.sampled_from(INTENTS), st.sampled_from(ACTORS), st.sampled_from(SIDS)), max_size=40
)


@pytest.mark.property
@pytest.mark.parametrize("context", CONTEXTS.values(), ids=CONTEXTS)
@settings(max_examples=examples(quick=150, full=3000))
@given(drawn=EVENTS, cut=SECONDS)
def test_every_window_that_qualifies_does_so_on_one_side_of_a_cut_and_no_other_does(context, drawn, cut):
    events = [event(number, *each) for number, each in enumerate(drawn)]
    here = timestamp(MIDNIGHT + cut * TICKS_PER_SECOND)
    back = timestamp(MIDNIGHT + (cut - 2 * int(WINDOW.total_seconds())) * TICKS_PER_SECOND)
    before = qualifying([each for each in events if each["Timestamp"] < here], context)
    after = qualifying([each for each in events if each["Timestamp"] >= back], context)
    assert outermost(before | after) == outermost(qualifying(events, context))


@pytest.mark.property
@pytest.mark.parametrize("longest", [timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=4)])
@settings(max_examples=examples(quick=100, full=2000))
@given(drawn=EVENTS)
def test_from_the_first_event_of_a_burst_on_it_and_what_follows_come_out_the_same(longest, drawn):
    finder = FindBursts(window=WINDOW, at_least=2, longest=longest)
    events = [event(number, second, intent, AGENT, sid) for number, (second, intent, _, sid) in enumerate(drawn)]
    events.sort(key=lambda each: (each["Timestamp"], each["ReportId"]))
    bursts = finder(judged(events, CONTEXT), CONTEXT).bursts
    for place, burst in enumerate(bursts):
        numbers = [each["ReportId"] for each in events]
        rest = events[numbers.index(burst.events[0]["ReportId"]) :]
        assert finder(judged(rest, CONTEXT), CONTEXT).bursts == bursts[place:]
        assert burst.end - burst.start <= longest.total_seconds() * TICKS_PER_SECOND
