"""The score is the sum of its parts, every part has its sentence, and severity follows the hunt's floors."""

import re
from dataclasses import replace
from datetime import date

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import loader
from engine.model.actor import Actor
from engine.model.baseline import Baseline, Day, History, Presence
from engine.model.burst import Burst
from engine.model.event import timestamp
from engine.model.finding import Process
from engine.steps.interface import Batch
from engine.steps.rarity import Rarity
from engine.steps.score import Score
from tests.engine.steps.events import CONTEXT

CATALOGUE = loader.load(loader.HUNTS / "discovery-burst").steps[0].fields["catalogue"]
INTENTS = [intent.id for intent in CATALOGUE.intents]
SECOND = 10_000_000
ACTORS = (
    Process(file_name="agent.exe", folder_path="C:\\Program Files\\Agent"),
    Process(file_name="x.exe", folder_path="C:\\Users\\anna\\AppData\\Local\\Temp"),
    Process(file_name="rundll32.exe", folder_path="C:\\Windows\\System32", command_line="rundll32.exe"),
    Process(file_name="WINWORD.EXE", folder_path="C:\\Office", command_line="WINWORD.EXE a.docm"),
    Process(file_name=""),
)


def finding(intents, *, actor=ACTORS[0], pause=1, rarity=None, context=CONTEXT, **columns):
    made = Actor(("d", "a"), "process", actor)
    shared = {"DeviceId": "d", "DeviceName": "ws01", "ReportId": 1, "Actor": made, **columns}
    if rarity:
        shared |= {"Rarity": rarity, "Weight": 1}
    events = tuple(
        {**shared, "Timestamp": timestamp(number * pause * SECOND), "Intent": intent, "ProcessCommandLine": "x"}
        for number, intent in enumerate(intents)
    )
    burst = Burst("d", made, 0, (len(intents) - 1) * pause * SECOND, events, tuple(dict.fromkeys(intents)), made.key)
    (found,) = Score(catalogue=CATALOGUE, at_least=3)(Batch((), bursts=(burst,)), context).findings
    return found


def points(found):
    return [int(earned) for reason in found.reasons for earned in re.findall(r"\(\+(\d+)\)$", reason)]


@given(
    st.lists(st.sampled_from(INTENTS), min_size=1, max_size=40),
    st.sampled_from(ACTORS),
    st.integers(0, 300),
    st.booleans(),
    st.sampled_from(["", "High", "Medium"]),
)
def test_the_sum_of_the_parts_is_the_score_and_at_most_100(intents, actor, pause, remote, integrity):
    found = finding(intents, actor=actor, pause=pause, IsProcessRemoteSession=remote, ProcessIntegrityLevel=integrity)
    assert found.score == sum(points(found))
    assert 0 <= found.score <= 100
    assert found.severity == CONTEXT.severity.of(found.score)


@pytest.mark.parametrize(
    ("intents", "actor", "pause", "reasons"),
    [
        (
            ["current-user", "domain-admins", "domain-trusts"],
            ACTORS[2],
            20,
            (
                "Domain Admins and other administrators of the domain, by rundll32.exe (+22)",
                "Trusts between domains, by rundll32.exe (+22)",
                "Name of the current user, by rundll32.exe (+8)",
                "3 techniques of ATT&CK: T1033, T1069.002, T1482 (+4)",
                "3 launches within 40 seconds, as fast as one types (+4)",
                "rundll32.exe runs without the arguments that Windows gives it (+15)",
            ),
        ),
        (
            ["processes", "services"],
            ACTORS[1],
            1,
            (
                "Processes that run here, by x.exe (+8)",
                "Services of this computer, by x.exe (+8)",
                "2 techniques of ATT&CK: T1007, T1057 (+2)",
                "2 launches within 1 second, faster than anyone types (+8)",
                "x.exe runs from a folder that users can write to: c:\\users\\anna\\appdata\\local\\temp (+15)",
            ),
        ),
    ],
)
def test_reasons_are_sentences_with_their_numbers(intents, actor, pause, reasons):
    assert finding(intents, actor=actor, pause=pause).reasons == reasons


def test_earlier_days_are_told_with_their_numbers():
    rarity = Rarity(routine=False, days=0, of=7, devices=0, fleet=1000, own_days=0, stand_in=False, weak=False)
    (first, *_) = finding(["domain-admins", "processes", "services"], rarity=rarity).reasons
    assert first.endswith("by agent.exe: seen on 0 of 1,000 devices in 7 earlier days (+22)")


def test_what_the_fleet_shares_is_low_at_most_while_the_baseline_is_weak():
    shared = Rarity(routine=True, days=1, of=1, devices=300, fleet=1000, own_days=0, stand_in=True, weak=True)
    found = finding(["domain-admins", "domain-trusts", "processes"], rarity=shared)
    assert found.score >= CONTEXT.severity.medium
    assert found.severity == "low"
    assert found.reasons[-1] == (
        "weak baseline: too few days are known, and the 1,000 devices here share these commands"
    )


def test_a_burst_that_has_grown_at_its_end_keeps_its_fingerprint():
    assert finding(["processes", "services"]).fingerprint == finding(["processes", "services", "files"]).fingerprint
    assert finding(["processes"], ReportId=1).fingerprint != finding(["processes"], ReportId=2).fingerprint


ANNA, BEN, HELPDESK = ("S-1-5-21-7-7-7-1104", "S-1-12-1-7-7", "S-1-5-21-7-7-7-1900")
WEEK = tuple(
    Day(
        date(1969, 12, day),
        50,
        (),
        (),
        (),
        presences=(Presence(ANNA, ("d", "e")), Presence(BEN, ("e",)), Presence(HELPDESK, ())),
    )
    for day in range(20, 27)
)


@pytest.mark.parametrize(
    ("sid", "days", "new"),
    [
        (ANNA, WEEK, False),
        (BEN, WEEK, True),  # a person, and elsewhere until now
        ("S-1-5-21-7-7-7-500", WEEK, True),  # nobody has seen this account anywhere
        (HELPDESK, WEEK, False),  # wherever there is work
        ("S-1-5-18", WEEK, False),  # no person
        (BEN, WEEK[:6], False),  # six days are too few to tell
        (BEN, tuple(msgspec.structs.replace(day, presences=()) for day in WEEK), False),  # learned before this was
    ],
)
def test_an_account_that_was_never_on_the_device_counts(sid, days, new):
    context = replace(CONTEXT, history=History(Baseline("h", days)))
    reasons = finding(INTENTS[:3], AccountSid=sid, context=context).reasons
    told = "its commands ran under an account that was not on this device in 7 earlier days (+2)"
    assert (told in reasons) == new
    together = finding(INTENTS[:3], AccountSid=BEN, context=context, ProcessIntegrityLevel="High").reasons
    assert ("its commands ran elevated (+2)" in together) == (days != WEEK)
