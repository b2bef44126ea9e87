"""A run on demand: once however often it is asked for and performed, told once, and no trace on the schedule."""

import contextlib
import shutil
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from engine import demands, learn, loader, tasks
from engine.errors import Busy, Conflict, SourceError, Throttled
from engine.model.demand import Ask, Host, Span
from engine.model.run import Window
from engine.sources.recorded import Recorded
from engine.stores.interface import Listing
from tests.engine.api.house import HUNT, HUNTS, NOON, House, burst, launch
from tests.tree import ROOT

LOADED = loader.load(HUNTS / HUNT)
HOUR = Span(last=timedelta(hours=1))


@pytest.fixture
def rows():
    return [*burst("ws1"), *burst("ws10")]


@pytest.fixture
def house(rows):
    with Recorded(tables={"DeviceProcessEvents": rows}) as source:
        yield House(lambda: contextlib.nullcontext(source), later=True)


def accept(house, ask=None, *, key=""):
    return demands.accept(LOADED, ask or Ask(window=HOUR), key=key, desk=house.desk, now=house.now)


def performed(house, ask=None, **changes):
    return house.perform(accept(house, ask).id, **changes).result


def devices(result):
    return sorted(finding.device.id for finding in result.findings)


def test_the_same_request_with_the_same_key_is_the_same_run(house):
    first = accept(house, key="k")
    house.now += timedelta(hours=23)
    assert accept(house, key="k") == first
    assert accept(house, Ask(window=HOUR, wait=timedelta(0)), key="k") == first
    assert accept(house, key="l").id != first.id
    assert accept(house).id != accept(house).id


def test_the_order_of_a_request_s_fields_makes_no_other_request(house):
    parameters = {"minimum": 3, "window": "5m"}
    first = accept(house, Ask(parameters=parameters), key="k")
    assert accept(house, Ask(parameters=dict(reversed(parameters.items()))), key="k") == first


def test_another_request_with_the_same_key_conflicts_until_the_first_is_forgotten(house):
    accept(house, key="k")
    with pytest.raises(Conflict, match="give each request its own"):
        accept(house, Ask(), key="k")
    house.now += timedelta(days=1)
    assert accept(house, Ask(), key="k").since == house.now


def test_a_key_belongs_to_its_hunt(house):
    other = loader.load(HUNTS / "one-device")
    first = accept(house, key="k")
    second = demands.accept(other, Ask(window=HOUR), key="k", desk=house.desk, now=house.now)
    assert first.id != second.id


def test_eight_runs_at_once_and_no_more(house):
    first, *_ = [accept(house, key=str(number)) for number in range(8)]
    with pytest.raises(Busy):
        accept(house)
    assert accept(house, key="0") == first
    house.perform(first.id)
    accept(house)


def test_a_run_that_will_never_be_done_bars_nobody_for_longer_than_an_hour(house):
    for _ in range(8):
        accept(house)
    house.now += timedelta(minutes=61)
    accept(house)


def test_after_a_day_the_hourly_task_forgets_it(house):
    kept = accept(house, key="k")
    tasks.due_lessons(house.desk, now=house.now + timedelta(hours=23))
    assert house.store.demand(kept.id) == kept
    tasks.due_lessons(house.desk, now=house.now + timedelta(days=1))
    assert house.store.demand(kept.id) is None


def test_a_run_leaves_no_trace_on_the_schedule(house):
    result = performed(house, Ask(window=HOUR, deliver=("memory",)))
    assert devices(result) == ["ws1", "ws10"]
    assert house.store.watermark("t", HUNT) is None
    assert house.store.findings(Listing("t")) == ()
    assert house.store.undelivered("t", HUNT) == ()
    (run,) = house.store.runs(HUNT, tenant="t")
    assert (run.id, run.kind, run.status) == (result.id, "demand", "succeeded")


def test_what_is_named_is_told_once_even_when_it_is_performed_again_after_a_crash(house):
    whole = house.store.record_demand

    def dies(demand):
        if demand.state == "done":
            raise RuntimeError("the machine is switched off")
        whole(demand)

    demand = accept(house, Ask(window=HOUR, deliver=("memory",)))
    house.store.record_demand = dies
    with pytest.raises(RuntimeError):
        house.perform(demand.id)
    house.store.record_demand = whole
    house.now += timedelta(minutes=2)
    assert house.perform(demand.id).state == "done"
    assert (house.sink.raised, house.sink.updated, len(house.sink.notices)) == (2, 0, 2)


def test_nobody_is_told_of_what_was_not_to_be_told(house):
    performed(house)
    performed(house, Ask(window=Span(last=timedelta(minutes=10)), deliver=("memory",)))
    assert house.sink.raised == 0


def test_two_runs_tell_each_their_own(house):
    for _ in range(2):
        performed(house, Ask(window=HOUR, deliver=("memory",)))
    assert house.sink.raised == 4


def test_what_is_done_is_left_as_it_is(house):
    demand = accept(house)
    done = house.perform(demand.id)
    house.now += timedelta(minutes=5)
    assert house.perform(demand.id, holder="m2") == done
    demands.give_up(demand.id, house.desk)
    assert house.store.demand(demand.id) == done


def test_while_one_works_on_it_another_leaves_it_alone(house):
    demand = accept(house)
    house.store.claim("t", f"demand {demand.id}", "m1", now=house.now, until=house.now + timedelta(minutes=11))
    assert house.perform(demand.id, holder="m2").state == "queued"
    assert house.perform(demand.id, holder="m1").state == "done"


def test_what_nobody_asked_for_is_nothing(house):
    assert house.perform("unknown") is None
    demands.give_up("unknown", house.desk)
    assert house.store.demand("unknown") is None


def test_a_bug_is_raised_and_given_up_on_with_an_answer(house):
    def broken():
        raise RuntimeError("whoami /priv s3cret")

    demand = accept(house)
    object.__setattr__(house.desk, "source", broken)
    with pytest.raises(RuntimeError):
        house.perform(demand.id)
    assert house.store.demand(demand.id).state == "running"
    demands.give_up(demand.id, house.desk)
    result = house.store.demand(demand.id).result
    assert (result.status, result.verdict, result.tags) == ("failed", None, ("vizsla", "vizsla:no-answer"))
    assert "a bug in Vizsla" in result.error
    assert "s3cret" not in msgspec.json.encode(result).decode()


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (SourceError("the tenant does not answer"), "failed"),
        (Throttled("Defender is busy", until=NOON + timedelta(minutes=10)), "throttled"),
    ],
)
def test_a_run_that_fails_answers_with_words(house, failure, status):
    class Fails:
        notes = ()

        def rows(self, *_):
            raise failure
            yield

    object.__setattr__(house.desk, "source", lambda: contextlib.nullcontext(Fails()))
    result = performed(house)
    assert (result.status, result.verdict, result.highest_severity, result.score) == (status, None, None, 0)
    assert result.error == f"The hunt {HUNT} gave no answer: {failure}"
    assert str(failure).replace(" ", "") in result.comment_markdown.replace(" ", "").replace("\\", "")
    assert result.window == Window(NOON - timedelta(hours=1), NOON)


def test_devices_narrow_the_run_exactly(house):
    result = performed(house, Ask(window=HOUR, devices=(Host(name="ws1"),)))
    assert devices(result) == ["ws1"]
    assert [(each.ids, each.ambiguous) for each in result.devices] == [(("ws1",), False)]


def test_none_of_the_devices_known_is_no_clean_verdict(house):
    result = performed(house, Ask(window=HOUR, devices=(Host(name="ws"), Host(id="nobody"))))
    assert (result.status, result.verdict) == ("failed", None)
    assert "Defender knows none of these devices: ws, nobody" in result.error


def test_an_unknown_device_among_known_ones_is_told(house):
    result = performed(house, Ask(window=HOUR, devices=(Host(name="ws1"), Host(name="ws"))))
    assert (result.status, devices(result)) == ("succeeded", ["ws1"])
    assert "Defender does not know ws: nothing is said of them" in result.notes
    assert "Defender does not know ws" in result.comment_html


def test_a_known_device_that_ran_nothing_is_told():
    inventory = [{"Timestamp": "2026-11-24T06:00:00Z", "DeviceId": name, "DeviceName": name} for name in ("ws1", "ws2")]
    with Recorded(tables={"DeviceProcessEvents": burst("ws1"), "DeviceInfo": inventory}) as source:
        house = House(lambda: contextlib.nullcontext(source), later=True)
        result = performed(house, Ask(window=HOUR, devices=(Host(name="ws1"), Host(name="WS2"))))
    told = "Defender has recorded no launch in this window of WS2: nothing is said of them"
    assert (devices(result), told in result.notes, told in result.comment_html) == (["ws1"], True, True)


def test_devices_of_one_name_are_all_judged_and_that_is_told():
    rows = [*burst("ws1"), *({**row, "DeviceId": "ffff"} for row in burst("ws1"))]
    with Recorded(tables={"DeviceProcessEvents": rows}) as source:
        house = House(lambda: contextlib.nullcontext(source), later=True)
        result = performed(house, Ask(window=HOUR, devices=(Host(name="ws1"),)))
    assert devices(result) == ["ffff", "ws1"]
    assert [(each.ids, each.ambiguous) for each in result.devices] == [(("ffff", "ws1"), True)]
    assert "several devices share a name, and all were judged: ws1" in result.notes


def test_parameters_are_those_of_the_request(house):
    assert devices(performed(house, Ask(window=HOUR, parameters={"minimum": 3}))) == []


@pytest.mark.parametrize(
    ("span", "window"),
    [
        (None, Window(NOON - timedelta(hours=24), NOON)),
        (HOUR, Window(NOON - timedelta(hours=1), NOON)),
        (
            Span(
                start=datetime.fromisoformat("2026-11-24T12:00:00+01:00"),
                end=datetime.fromisoformat("2026-11-24T11:30:00Z"),
            ),
            Window(datetime(2026, 11, 24, 11, tzinfo=UTC), datetime(2026, 11, 24, 11, 30, tzinfo=UTC)),
        ),
    ],
)
def test_a_window_ends_when_it_was_asked_for_however_late_it_is_done(house, span, window):
    demand = accept(house, Ask(window=span))
    house.now += timedelta(minutes=7)
    result = house.perform(demand.id).result
    assert result.window == window
    assert {moment.tzinfo for moment in msgspec.structs.astuple(result.window)} == {UTC}


@pytest.mark.parametrize(
    ("severity", "verdict"),
    [(None, "clean"), ("informational", "clean"), ("low", "suspicious"), ("medium", "suspicious"),
     ("high", "malicious-looking")],
)  # fmt: skip
def test_the_verdict_is_that_of_the_worst_finding(rows, tmp_path, severity, verdict):
    floors = {"informational": (97, 98, 99), "low": (0, 98, 99), "medium": (0, 0, 99), "high": (0, 0, 0)}
    low, medium, high = floors[severity or "low"]
    hunt = _changed(tmp_path, f"severity: {{low: {low}, medium: {medium}, high: {high}}}")
    if severity is None:
        rows.clear()
    with Recorded(tables={"DeviceProcessEvents": rows or [launch("ws1", 1, "whoami")]}) as source:
        there = House(lambda: contextlib.nullcontext(source), later=True, hunts=hunt.parent)
        result = performed(there)
    assert (result.verdict, result.highest_severity) == (verdict, severity)
    assert result.tags == ("vizsla", f"vizsla:{verdict}")


def _changed(folder, severity):
    hunts = shutil.copytree(HUNTS, folder / "hunts")
    file = hunts / HUNT / "hunt.yaml"
    file.write_text(file.read_text("utf-8").replace("severity: {low: 0, medium: 40, high: 65}", severity), "utf-8")
    return hunts / HUNT


def test_of_many_findings_the_worst_hundred_stand_in_the_answer_and_all_are_counted():
    rows = [row for number in range(103) for row in burst(f"ws{number}")]
    with Recorded(tables={"DeviceProcessEvents": rows}) as source:
        house = House(lambda: contextlib.nullcontext(source), later=True)
        result = performed(house)
    assert (len(result.findings), result.counts.findings) == (100, 103)
    assert "3 findings more: counted, and left out of this answer" in result.notes
    assert len(result.comment_html) <= 30_000


def test_it_judges_with_what_the_tenant_has_learned():
    flagship = loader.load(ROOT / "hunts" / "discovery-burst")
    today = inventory_runs(NOON, "ws1")
    days = [NOON - timedelta(days=ago) for ago in range(1, 11)]
    earlier = [row for day in days for number in range(1, 13) for row in inventory_runs(day, f"ws{number}")]
    with Recorded(tables={"DeviceProcessEvents": [*earlier, *today]}) as source:
        house = House(lambda: contextlib.nullcontext(source), later=True, hunts=ROOT / "hunts")
        before = judged(house, flagship)
        for day in days:
            whole = Window(day - timedelta(hours=12), day + timedelta(hours=12))
            house.store.record_day("t", flagship.id, learn.learn(flagship, source, whole))
        after = judged(house, flagship)
    assert (devices(before), devices(after)) == (["ws1"], [])


COMMANDS = ("whoami /all", "ipconfig /all", "systeminfo", "hostname")


def inventory_runs(day, device):
    """What an inventory agent runs an hour before noon."""
    return [
        {
            **launch(device, number, command.split()[0]),
            "Timestamp": f"{day - timedelta(minutes=30, seconds=-number):%Y-%m-%dT%H:%M:%S}.0000000Z",
            "ProcessCommandLine": command,
            "AccountSid": "S-1-5-18",
            "InitiatingProcessFileName": "inventory.exe",
            "InitiatingProcessFolderPath": "C:\\Program Files\\Inventory",
            "InitiatingProcessSignatureStatus": "Valid",
        }
        for number, command in enumerate(COMMANDS)
    ]


def judged(house, hunt):
    demand = demands.accept(hunt, Ask(window=HOUR), key="", desk=house.desk, now=house.now)
    return house.perform(demand.id).result
