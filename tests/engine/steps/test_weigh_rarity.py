"""Routine is learned on earlier days, by many devices or this one; a new attack on everyone is no routine."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from engine import loader
from engine.model.actor import Actor
from engine.model.baseline import Baseline, Day, History, IntentSet, Own, Pair
from engine.model.event import timestamp
from engine.model.finding import Process
from engine.model.identity import Identity
from engine.steps.find_bursts import FindBursts
from engine.steps.fold_repeats import EachOnce
from engine.steps.interface import Batch
from engine.steps.rarity import covered, kinds_of, weights
from engine.steps.weigh_rarity import WeighRarity
from tests.engine.steps.events import CONTEXT

CATALOGUE = loader.load(loader.HUNTS / "discovery-burst").steps[0].fields["catalogue"]
STEP = WeighRarity(catalogue=CATALOGUE, generic_hosts=("wmiprvse.exe",), window=timedelta(minutes=10))
FINDER = FindBursts(window=STEP.window, at_least=1)
TODAY = date(2026, 11, 24)
NOON = 17_955_216_000_000_000
AGENT = Process(file_name="agent.exe", folder_path="C:\\Agent")
AGENTS = Identity("c:\\agent\\agent.exe", "S-1-5-18", "")
WMI = Process(file_name="WmiPrvSE.exe", folder_path="C:\\Windows\\System32\\wbem")
SCANNER = Identity("c:\\windows\\system#\\wbem\\wmiprvse.exe", "S-1-5-21-9", "")


def event(intent, process=AGENT, device="d", sid="S-1-5-18", second=0):
    actor = Actor((device, process.file_name), "process", process)
    moment = timestamp(NOON + second * 10_000_000)
    return {"DeviceId": device, "Timestamp": moment, "Intent": intent, "AccountSid": sid, "Actor": actor}


def day(ago, *, pairs=(), own=(), sets=(), devices=1000):
    made = tuple(Pair(identity, intent, "", count, count) for identity, intent, count in pairs)
    groups = tuple(IntentSet(identity, tuple(sorted(intents)), count) for identity, intents, count in sets)
    return Day(TODAY - timedelta(days=ago), devices, made, tuple(Own(*each) for each in own), groups)


def week(today=(), **each):
    """Seven earlier days alike, and perhaps today."""
    return Baseline("h", (*(day(ago, **each) for ago in range(7, 0, -1)), *today))


def knowing(baseline):
    return replace(CONTEXT, history=History(baseline))


def weigh(baseline, *events):
    return [event["Weight"] for event in STEP(Batch(events), knowing(baseline)).events]


def test_what_many_devices_had_on_several_days_is_routine():
    known = week(pairs=[(AGENTS, "processes", 300)])
    assert weigh(known, event("processes"), event("services"), event("domain-trusts")) == [0, 1, 2]


@pytest.mark.parametrize(
    ("days", "devices", "weight"),
    [(3, 3, 0), (2, 3, 1), (3, 2, 1), (7, 300, 0)],
)
def test_three_days_and_three_devices_make_a_routine(days, devices, weight):
    quiet = [day(ago) for ago in range(7, days, -1)]
    busy = [day(ago, pairs=[(AGENTS, "processes", devices)]) for ago in range(days, 0, -1)]
    assert weigh(Baseline("h", (*quiet, *busy)), event("processes")) == [weight]


def test_in_a_large_fleet_three_devices_are_no_routine():
    known = week(pairs=[(AGENTS, "processes", 3)], devices=50_000)
    assert weigh(known, event("processes")) == [1]


def test_an_attack_on_half_the_fleet_on_one_day_is_not_excused():
    today = [day(0, pairs=[(AGENTS, "domain-admins", 500)])]
    yesterday = [day(1, pairs=[(AGENTS, "domain-admins", 500)])]
    assert weigh(week(today), event("domain-admins")) == [2]
    assert weigh(Baseline("h", (*week().days[:-1], *yesterday)), event("domain-admins")) == [2]


def test_a_devices_own_routine_excuses_that_device_alone():
    known = week(own=[("d", AGENTS, "domain-admins")])
    assert weigh(known, event("domain-admins"), event("domain-admins", device="e")) == [0, 2]


def test_an_impostor_shares_no_routine_with_what_it_pretends_to_be():
    impostor = Process(file_name="agent.exe", folder_path="C:\\Users\\anna\\Agent", sha1="ab")
    nameless = Process(file_name="agent.exe")
    known = week(pairs=[(AGENTS, "processes", 300)])
    assert weigh(known, event("processes", impostor), event("processes", nameless)) == [1, 1]


@pytest.mark.parametrize(
    ("intent", "days", "weight"), [("processes", 5, 0), ("processes", 4, 1), ("local-groups", 7, 1)]
)
def test_actors_in_writable_folders_are_routine_by_hash_for_light_intents_alone(intent, days, weight):
    process = Process(file_name="tool.exe", folder_path="C:\\Users\\anna\\AppData\\Local\\Tool", sha1="AB")
    identity = Identity("c:\\users\\*\\appdata\\local\\tool\\tool.exe", "S-1-5-18", "ab")
    quiet = [day(ago) for ago in range(7, days, -1)]
    busy = [day(ago, pairs=[(identity, intent, 100)]) for ago in range(days, 0, -1)]
    assert weigh(Baseline("h", (*quiet, *busy)), event(intent, process)) == [weight]


SCAN = {"processes", "services"}
SCANS = week(
    pairs=[(SCANNER, intent, 50) for intent in (*SCAN, "domain-accounts")],
    sets=[(SCANNER, SCAN, 50), (SCANNER, {"domain-accounts"}, 50)],
)


def by_wmi(*intents, sid="S-1-5-21-9", start=0):
    return [event(intent, WMI, sid=sid, second=start + place) for place, intent in enumerate(intents)]


@pytest.mark.parametrize(
    ("events", "held"),
    [
        (by_wmi("processes", "services"), [0]),
        (by_wmi("domain-accounts"), [0]),
        # each is routine by itself, together they never were
        (by_wmi("processes", "services", "domain-accounts"), [3]),
        # apart by more than the window they are not judged together
        ([*by_wmi("processes", "services"), *by_wmi("domain-accounts", start=900)], [0, 0]),
        # a chain of events that follow each other is no window: each span of ten minutes is judged by itself
        (
            [*by_wmi("processes"), *by_wmi("services", start=500), *by_wmi("domain-accounts", start=1050)],
            [0, 2],
        ),
        # another account has no share in the routine, and takes none away
        (by_wmi("processes", sid="S-1-5-21-7"), [1]),
        ([*by_wmi("processes", "services"), *by_wmi("domain-accounts", sid="S-1-5-21-7")], [1]),
    ],
)
def test_generic_hosts_are_judged_by_all_that_they_run_in_a_window(events, held):
    weighed = STEP(Batch(tuple(events)), knowing(SCANS)).events
    assert [window.holds for window in FINDER.windows(weighed, EachOnce())] == held


def test_what_a_host_runs_is_routine_when_no_window_makes_it_count():
    events = [*by_wmi("services"), *by_wmi("processes", start=500), *by_wmi("domain-accounts", start=1050)]
    weighed = STEP(Batch(tuple(events)), knowing(SCANS)).events
    assert STEP.routine(weighed) == [True, False, False]
    assert STEP.routine(weighed[:2]) == [True, True]


def test_a_host_whose_folder_is_unknown_is_excused_by_nothing():
    nameless = Identity("?wmiprvse.exe", "S-1-5-21-9", "")
    known = week(pairs=[(nameless, "processes", 50)], sets=[(nameless, {"processes"}, 50)])
    (weighed,) = STEP(
        Batch((event("processes", Process(file_name="WmiPrvSE.exe"), sid="S-1-5-21-9"),)), knowing(known)
    ).events
    assert (weighed["Weight"], weighed["Rarity"].cover) == (1, None)


def test_each_event_is_held_against_the_days_before_its_own():
    busy = [day(ago, sets=[(SCANNER, SCAN, 50)]) for ago in (3, 2, 1)]
    known = Baseline("h", (*(day(ago) for ago in range(10, 3, -1)), *busy))
    events = [*by_wmi("processes", start=-12 * 3600 - 9), *by_wmi("services", start=-12 * 3600)]
    weighed = STEP(Batch(tuple(events)), knowing(known)).events
    # the day before knew the set on two days alone
    assert weights(kinds_of(weighed)) == [1, 0]


def test_a_weak_baseline_weighs_nothing_down_but_says_what_the_fleet_shares():
    known = Baseline("h", (day(1, pairs=[(AGENTS, "processes", 300)]),))
    (weighed,) = STEP(Batch((event("processes"),)), knowing(known)).events
    assert (weighed["Weight"], weighed["Rarity"].routine, weighed["Rarity"].weak) == (1, True, True)


def test_below_twenty_devices_a_weak_baseline_knows_no_routine():
    known = Baseline("h", (day(1, pairs=[(AGENTS, "processes", 19)], devices=19),))
    (weighed,) = STEP(Batch((event("processes"),)), knowing(known)).events
    assert weighed["Rarity"].routine is False


def test_a_weak_baseline_takes_the_set_of_a_host_into_account():
    known = Baseline("h", (day(1, sets=[(SCANNER, SCAN, 50)]),))
    weighed = STEP(Batch(tuple(by_wmi("processes", "services", "domain-accounts"))), knowing(known)).events
    assert weights(kinds_of(weighed)) == [1, 1, 1]
    assert covered(kinds_of(weighed[:2])) == [True, True]
    assert covered(kinds_of(weighed)) == [False, False, False]
