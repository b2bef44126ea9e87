"""The same again is a count on the earlier finding; news stays news."""

import pytest

from engine.model.finding import Command
from engine.recurrence import fold
from tests.engine.stores.test_contract import a_finding

AGENT = "c:\\agent\\agent.exe|S-1-5-18|"


def at(hour, fingerprint=None, *, intents=("processes",), **changes):
    day, hour = divmod(hour, 24)
    start = f"2026-11-{24 + day:02d}T{hour:02d}:00:00.0000000Z"
    commands = tuple(
        Command(
            time=start, intent=intent, title="", technique="", file_name="", command_line="", process_id=1, report_id=1
        )
        for intent in intents
    )
    shown = {"identity": AGENT, "start": start, "end": start.replace(":00:00.0", ":05:00.0"), "commands": commands}
    return a_finding(fingerprint or f"{day}.{hour}", **{**shown, **changes})


def told(findings):
    return [(finding.fingerprint, finding.recurrences) for finding in findings if not finding.recurs]


def nothing(_):
    return None


def test_the_same_within_a_day_is_a_count():
    first, again, last = fold([at(0), at(6), at(12)], nothing)
    assert (first.fingerprint, first.recurrences, first.last_seen) == ("0.0", 2, at(12).end)
    assert [(each.fingerprint, each.recurs) for each in (again, last)] == [("0.6", "0.0"), ("0.12", "0.0")]


def test_after_a_day_it_is_told_anew():
    assert told(fold([at(0), at(6), at(25), at(26)], nothing)) == [("0.0", 1), ("1.1", 1)]


@pytest.mark.parametrize(
    "changes",
    [{"intents": ("processes", "services")}, {"severity": "medium"}, {"identity": ""}, {"identity": "other"}],
)
def test_other_intents_another_actor_or_a_graver_finding_are_news(changes):
    assert told(fold([at(0), at(6, **changes)], nothing)) == [("0.0", 0), ("0.6", 0)]


def test_sessions_and_generic_hosts_never_recur():
    assert told(fold([at(0, identity=""), at(6, identity="")], nothing)) == [("0.0", 0), ("0.6", 0)]


def test_a_recurrence_of_what_an_earlier_run_recorded_counts_there():
    recorded = at(0)
    assert told(fold([at(6)], lambda _: recorded)) == [("0.0", 1)]


def test_what_arrives_late_recurs_too_though_it_was_before():
    recorded = at(6)
    first, counted = fold([at(0)], lambda _: recorded)
    assert (first.fingerprint, first.recurs) == ("0.0", "0.6")
    assert (counted.fingerprint, counted.recurrences, counted.last_seen) == ("0.6", 1, at(6).end)


def test_a_finding_is_no_recurrence_of_itself():
    grown = at(0, "0.0", intents=("processes", "processes"))
    assert fold([grown], lambda _: at(0)) == (at(0),)
