"""What the clock asks for is done once, one at a time, and what keeps failing does not blind a hunt."""

import logging
import shutil
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine import tasks
from engine.errors import SourceError, Throttled
from engine.model.run import Window
from engine.schedule import Task
from engine.sinks.memory import Memory as Sink
from engine.sources.recorded import Recorded
from engine.stores.memory import Memory as Store
from tests.engine.test_runner import launch

HUNTS = Path(__file__).parent / "hunts"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
WINDOW = Window(NOON - timedelta(hours=1), NOON)
TASK = Task("id", "t", "two-questions", WINDOW)


ROWS = [launch("a", 1, "whoami"), launch("a", 2, "ipconfig")]


@contextmanager
def raising(error):
    raise error
    yield


def desk(*, hunts=HUNTS, rows=ROWS, error=None, store=None):
    def source():
        return raising(error) if error else Recorded(tables={"DeviceProcessEvents": rows})

    return tasks.Desk(hunts=hunts, tenant="t", source=source, sinks={"memory": Sink()}, store=store or Store())


def perform(task, at, *, holder="w", now=NOON):
    return tasks.perform(task, at, holder=holder, now=now)


def test_a_task_is_done_once():
    at = desk()
    done = perform(TASK, at)
    assert (done.run.status, done.run.findings, done.run.newest) == ("succeeded", 1, ROWS[1]["Timestamp"])
    assert (at.sinks["memory"].raised, at.store.watermark("t", TASK.hunt)) == (1, NOON)
    assert perform(TASK, at) == tasks.Done(None)
    assert at.store.runs() == (done.run,)


def test_while_another_works_on_the_hunt_it_waits():
    at = desk()
    until = NOON + tasks.LEASE
    assert at.store.claim("t", TASK.hunt, "other", now=NOON, until=until) is None
    assert perform(TASK, at) == tasks.Done(None, until=NOON + tasks.SOON)
    at.store.release("t", TASK.hunt, "other")
    assert perform(TASK, at).run.status == "succeeded"
    assert at.store.claim("t", TASK.hunt, "next", now=NOON, until=until) is None  # it was given up


def test_a_claim_is_given_up_when_a_bug_ends_the_run():
    at = desk(error=RuntimeError("a bug"))
    with pytest.raises(RuntimeError):
        perform(TASK, at)
    assert at.store.claim("t", TASK.hunt, "next", now=NOON, until=NOON + tasks.LEASE) is None


@pytest.mark.parametrize(
    ("hunt", "error", "expected"),
    [
        ("two-questions", SourceError("no source"), "no source"),
        ("three-questions", None, "three-questions/hunt.yaml: cannot be read: No such file or directory"),
    ],
)
def test_a_task_whose_hunt_or_source_is_gone_is_a_failed_run(hunt, error, expected):
    at = desk(error=error)
    done = perform(Task("id", "t", hunt, WINDOW), at)
    assert (done.run.status, done.run.error.partition("\n")[0], done.until) == ("failed", expected, None)
    assert (at.store.runs(), at.store.watermark("t", hunt)) == ((done.run,), None)


def test_a_throttled_task_says_when_to_try_again_and_is_no_failure():
    until = NOON + timedelta(minutes=15)
    at = desk(error=Throttled("CPU quota", until=until))
    done = perform(TASK, at)
    assert (done.run.status, done.run.error, done.until) == ("throttled", "CPU quota", until)
    assert at.store.watermark("t", TASK.hunt) is None


def test_a_message_reads_as_it_was_written():
    task = Task("i", "t", "h", WINDOW, "part", 4, 3)
    assert tasks.read(tasks.written(task).encode()) == task


def test_a_broken_hunt_is_reported_once_an_hour_and_the_others_run(tmp_path, caplog):
    hunts = Path(shutil.copytree(HUNTS, tmp_path / "hunts"))
    (hunts / "one-device" / "hunt.yaml").write_text("title: [\n")
    at = desk(hunts=hunts)
    with caplog.at_level(logging.ERROR, "vizsla"):
        for minutes in (0, 1, 59, 60):
            due = tasks.due_runs(at, now=NOON + timedelta(minutes=minutes))
            assert [task.hunt for task in due] == ["two-questions"]
    assert [record.message.partition("\n")[0] for record in caplog.records] == [
        "hunt one-device is disabled until it is mended:"
    ] * 2
    assert {run.status for run in at.store.runs("one-device")} == {"failed"}


def test_a_gap_is_recorded_and_passed_over():
    store = Store()
    at = desk(store=store)
    lost = NOON - timedelta(days=40)
    store.move_watermark("t", "two-questions", lost)
    due = [task.kind for task in tasks.due_runs(at, now=NOON) if task.hunt == "two-questions"]
    assert due == ["present", "window"]
    (gap,) = store.runs("two-questions")
    assert (gap.status, gap.window.start) == ("gap", lost)
    assert store.watermark("t", "two-questions") == gap.window.end


def split_until(task, at, keeps_failing):
    """Plays the queue: each task fails as long as `keeps_failing` says; gives those that would succeed."""
    waiting, fine = [task], []
    while waiting:
        each = waiting.pop()
        if keeps_failing(each):
            waiting.extend(tasks.split(each, at, now=NOON))
        else:
            fine.append(each)
    return fine


def test_what_keeps_failing_is_split_by_time_until_the_smallest_is_set_aside(caplog):
    at, day = desk(), Task("id", "t", "two-questions", Window(NOON - timedelta(days=1), NOON))
    hostile = NOON - timedelta(minutes=200)
    fine = split_until(day, at, lambda task: task.window.start <= hostile < task.window.end)
    gaps = [run.window for run in at.store.runs() if run.status == "gap"]
    assert gaps
    assert all(gap.start <= hostile < gap.end <= gap.start + timedelta(minutes=60) for gap in gaps)
    reached = day.window.start
    for start, end in sorted((gap.start, gap.end) for gap in [*gaps, *(task.window for task in fine)]):
        assert start <= reached
        reached = max(reached, end)
    assert reached == NOON
    assert at.store.watermark("t", day.hunt) == NOON
    assert "set aside" in caplog.text


@pytest.mark.parametrize("kind", ["learn", "late"])
def test_a_sweep_and_a_lesson_are_not_cut(kind):
    at = desk()
    assert tasks.split(Task("id", "t", "two-questions", WINDOW, kind), at, now=NOON) == ()
    assert [run.status for run in at.store.runs()] == ["gap"]


def test_a_part_is_judged_and_moves_no_watermark():
    at = desk()
    part, *_ = tasks.split(TASK, at, now=NOON)
    reached = at.store.watermark("t", TASK.hunt)
    assert perform(part, at).run.kind == "part"
    assert at.store.watermark("t", TASK.hunt) == reached
