"""A burst that goes on is the same finding, however the windows of runs cut it."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from engine.growth import Growth
from engine.model.event import ticks
from engine.model.finding import Command
from engine.model.run import Window
from tests.engine.stores.test_contract import a_finding

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def at(minute):
    return f"{NOON + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%S}.0000000Z"


def burst(*minutes, fingerprint=None, device="d", **changes):
    commands = tuple(
        Command(
            time=at(minute),
            intent=f"i{minute % 7}",
            title="",
            technique="",
            file_name="",
            command_line="",
            process_id=minute,
            report_id=minute,
        )
        for minute in minutes
    )
    found = a_finding(fingerprint or f"f{minutes[0]}", commands=commands, start=at(minutes[0]), end=at(minutes[-1]))
    return msgspec.structs.replace(found, device=msgspec.structs.replace(found.device, id=device), **changes)


def view(start, end):
    return Window(NOON + timedelta(minutes=start), NOON + timedelta(minutes=end))


def growth(window, held, again=()):
    """`again` is what a run that sees everything finds."""
    asked = []

    def met(device, within):
        return tuple(
            each
            for each in held
            if each.device.id == device and ticks(each.start) <= within[1] and ticks(each.end) >= within[0]
        )

    def looked(device, window):
        asked.append((device, window))
        return again

    return Growth(view=window, met=met, again=looked), asked


def named(findings):
    return [
        (each.fingerprint, [command.process_id for command in each.commands], each.aliases, each.absorbed_by)
        for each in findings
    ]


def test_what_nobody_knows_is_a_finding_of_its_own():
    settling, asked = growth(view(0, 30), [burst(1, 2, device="other")])
    assert settling.settle([burst(1, 2)]) == (burst(1, 2),)
    assert asked == []


def test_what_grew_within_the_window_keeps_its_fingerprint():
    settling, asked = growth(view(0, 30), [burst(5, 6, fingerprint="old")])
    assert named(settling.settle([burst(5, 6, 9)])) == [("old", [5, 6, 9], (), "")]
    assert asked == []


def test_what_began_before_the_window_is_judged_again_from_its_start():
    whole = burst(-30, -20, -5, 3, fingerprint="computed")
    settling, asked = growth(view(-10, 30), [burst(-30, -20, -5, fingerprint="old")], [whole])
    assert named(settling.settle([burst(-5, 3)])) == [("old", [-30, -20, -5, 3], (), "")]
    assert asked == [("d", view(-30, 30))]


def test_a_part_of_what_is_known_says_nothing_new():
    held = burst(-30, -20, -5, fingerprint="old")
    settling, asked = growth(view(-25, 30), [held])
    assert settling.settle([burst(-20, -5)]) == (held,)
    assert asked == []


def test_late_rows_join_two_findings_and_the_older_absorbs_the_younger():
    held = [burst(0, 2, fingerprint="older"), burst(9, 11, fingerprint="younger", aliases=("youngest",))]
    settling, _ = growth(view(-30, 30), held)
    assert named(settling.settle([burst(0, 2, 5, 9, 11)])) == [
        ("older", [0, 2, 5, 9, 11], ("younger", "youngest"), ""),
        ("younger", [9, 11], ("youngest",), "older"),
    ]


def test_a_continuation_keeps_its_own_fingerprint_when_the_cut_moves():
    held = [burst(0, 1, 2, fingerprint="first"), burst(3, 4, 5, fingerprint="second")]
    settling, _ = growth(view(-30, 30), held)
    assert named(settling.settle([burst(-1, 0, 1), burst(2, 3, 4, 5)])) == [
        ("first", [-1, 0, 1], (), ""),
        ("second", [2, 3, 4, 5], (), ""),
    ]


@pytest.mark.parametrize(("changes", "recurs"), [({}, "one"), ({"severity": "medium"}, ""), ({"identity": ""}, "")])
def test_a_recurrence_that_becomes_something_else_is_one_no_more(changes, recurs):
    held = burst(0, 7, fingerprint="again", identity="agent", recurs="one")
    settling, _ = growth(view(-30, 30), [held])
    (grown,) = settling.settle([burst(0, 7, 14, **{"identity": "agent", **changes})])
    assert (grown.fingerprint, grown.recurs) == ("again", recurs)


def test_what_is_whole_in_the_view_and_is_no_burst_now_is_retracted():
    held = [burst(0, 2, fingerprint="gone"), burst(5, 6, fingerprint="stays"), burst(-40, 1, fingerprint="cut off")]
    settling, _ = growth(view(-30, 30), held)
    (gone,) = settling.withdrawn("d", [burst(5, 6)])
    assert (gone.fingerprint, gone.stands) == ("gone", False)
    assert gone.retracted == "rows that arrived later say otherwise: its launches are no burst now"
