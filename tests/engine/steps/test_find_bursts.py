"""Windows slide; only those that qualify merge; a burst keeps all its events; order and batches do not matter."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model.actor import Actor
from engine.model.event import timestamp
from engine.model.finding import Process
from engine.steps.find_bursts import FindBursts
from engine.steps.fold_repeats import FoldRepeats
from engine.steps.interface import Batch
from tests.engine.steps.events import CONTEXT

SECOND = 10_000_000


def event(second, intent, actor="a", file_name="x.exe", number=0):
    return {
        "DeviceId": "d",
        "Timestamp": timestamp(second * SECOND),
        "ReportId": number,
        "Intent": intent,
        "FileName": file_name,
        "ProcessId": number,
        "Actor": Actor(("d", actor), "process", Process(file_name=actor)),
        "InitiatingProcessId": actor,
    }


def bursts(step, *events, form="each"):
    made = step(FoldRepeats(form)(Batch(events), CONTEXT), CONTEXT)
    return [(burst.start // SECOND, burst.end // SECOND, burst.intents, len(burst.events)) for burst in made.bursts]


TEN = FindBursts(window=timedelta(minutes=10), at_least=3)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([(0, "a"), (300, "b"), (600, "c")], [(0, 600, ("a", "b", "c"), 3)]),
        ([(0, "a"), (300, "b"), (601, "c")], []),
        ([(0, "a"), (1, "a"), (2, "b"), (3, "b")], []),
        ([(0, "a"), (500, "b"), (600, "c"), (1100, "d"), (1101, "e")], [(0, 1101, ("a", "b", "c", "d", "e"), 5)]),
        # a pause of more than the window parts two bursts
        (
            [(0, "a"), (1, "b"), (2, "c"), (603, "a"), (604, "b"), (605, "c")],
            [(0, 2, ("a", "b", "c"), 3), (603, 605, ("a", "b", "c"), 3)],
        ),
        # a repeat between two commands is evidence, not a command
        ([(0, "a"), (5, "a"), (7, "b"), (9, "c")], [(0, 9, ("a", "b", "c"), 4)]),
    ],
)  # fmt: skip
def test_bursts_are_judged_by_the_span_of_their_own_events(events, expected):
    assert bursts(TEN, *(event(*each, number=number) for number, each in enumerate(events))) == expected


def test_the_window_holds_to_the_tick():
    edge = {**event(0, "c"), "Timestamp": timestamp(600 * SECOND + 1)}
    assert bursts(TEN, event(0, "a"), event(1, "b"), edge) == []


@pytest.mark.parametrize(("grouping", "found"), [("actor", 0), ("process", 0), ("device", 1)])
def test_what_is_joined_is_the_hunts_to_say(grouping, found):
    events = [event(0, "a", "one"), event(1, "b", "two"), event(2, "c", "two")]
    assert len(bursts(FindBursts(window=timedelta(minutes=10), at_least=3, grouping=grouping), *events)) == found


def test_after_the_longest_a_continuation_begins():
    every = [event(number * 180, "abc"[number % 3], number=number) for number in range(200)]
    spans = [(start // 3600, end // 3600) for start, end, _, _ in bursts(TEN, *every)]
    assert spans == [(0, 4), (4, 8), (8, 9)]


def test_a_continuation_must_hold_enough_by_itself():
    step = FindBursts(window=timedelta(minutes=10), at_least=3, longest=timedelta(minutes=15))
    joined = [event(180 * number, "abc"[number % 3], number=number) for number in range(6)]
    late = [event(910, "a", number=6), event(1000, "b", number=7)]
    assert bursts(step, *joined, *late) == [(0, 900, ("a", "b", "c"), 6)]
    assert bursts(step, *joined, *late, event(1100, "c", number=8))[1:] == [(910, 1100, ("a", "b", "c"), 3)]


@pytest.mark.parametrize(("grouping", "key"), [("actor", ("d", "a")), ("process", ("d", "a", "")), ("device", ("d",))])
def test_a_burst_names_the_group_that_it_was_found_in(grouping, key):
    step = FindBursts(window=timedelta(minutes=10), at_least=3, grouping=grouping)
    (burst,) = step(Batch(tuple(event(number, "abc"[number]) for number in range(3))), CONTEXT).bursts
    assert burst.key == key


@pytest.mark.parametrize(
    ("form", "launches", "count"),
    [
        ("each", "iiiiiiiii", 1),
        ("all", "iiiiiiiii", 0),
        ("majority", "iiiiiiiii", 0),
        ("each", "iiiiiiiiiw", 2),
        ("all", "iiiiiiiiiw", 10),
        ("majority", "iiiiiiiiiw", 1),
        ("majority", "iiwwn", 5),
        ("majority", "iiww", 4),
        ("majority", "iiiww", 2),
    ],
)
def test_a_repeat_is_worth_what_its_form_says(form, launches, count):
    events = [event(0, letter, file_name=f"{letter}.exe", number=number) for number, letter in enumerate(launches)]
    at_least = FindBursts(window=timedelta(minutes=5), at_least=count)
    more = FindBursts(window=timedelta(minutes=5), more_than=count)
    assert len(bursts(at_least, *events, form=form)) == 1
    assert bursts(more, *events, form=form) == []


def test_net_and_the_net1_it_started_are_one_launch():
    net = {**event(0, "u", file_name="net.exe", number=1)}
    net1 = {
        **event(0, "u", file_name="net1.exe", number=2),
        "InitiatingProcessFileName": "net.exe",
        "InitiatingProcessId": 1,
    }
    other = event(1, "w", file_name="w.exe", number=3)
    assert bursts(FindBursts(window=timedelta(minutes=5), more_than=2), net, net1, other, form="all") == []


EVENTS = st.lists(st.tuples(st.integers(0, 4000), st.sampled_from("abcde"), st.sampled_from(["x", "y"])), max_size=40)


@settings(max_examples=200)
@given(EVENTS, st.randoms())
def test_the_same_events_in_any_order_give_the_same_bursts(drawn, random):
    events = [event(*each, number=number) for number, each in enumerate(drawn)]
    shuffled = list(events)
    random.shuffle(shuffled)
    assert bursts(TEN, *events) == bursts(TEN, *shuffled)


@settings(max_examples=200)
@given(EVENTS)
def test_an_event_is_in_a_burst_exactly_when_some_window_over_it_holds_enough(drawn):
    events = [event(*each, number=number) for number, each in enumerate(drawn)]
    made = TEN(FoldRepeats()(Batch(tuple(events)), CONTEXT), CONTEXT)
    inside = {each["ReportId"] for burst in made.bursts for each in burst.events}
    for number, (second, _, actor) in enumerate(drawn):
        peers = [(other, intent) for other, intent, who in drawn if who == actor]
        starts = [other for other, _ in peers if other <= second <= other + 600]
        qualifies = any(len({i for s, i in peers if start <= s <= start + 600}) >= 3 for start in starts)
        assert (number in inside) is qualifies
