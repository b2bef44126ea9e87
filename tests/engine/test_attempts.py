"""From a cron line a bug costs its own run, is tried again, and after five tries the run goes on in halves."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine import attempts, tasks
from engine.model.run import Window
from engine.schedule import Task
from tests.engine.test_tasks import NOON, desk

TASK = Task("id", "t", "two-questions", Window(NOON - timedelta(days=1), NOON))


class Tripping:
    """A source that falls over a moment that it is asked about."""

    notes = ()

    def __init__(self, moment):
        self.moment = moment

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def rows(self, query, window):
        if window.start <= self.moment < window.end:
            raise RuntimeError(f"secret words of a stranger in {query}")
        return iter(())


@pytest.fixture
def tripping():
    return replace(desk(), source=lambda: Tripping(NOON - timedelta(minutes=200)))


def told(at, number):
    now = NOON + timedelta(minutes=number)
    return [done.run.status for done in attempts.attempt(TASK, at, holder="w", now=now)]


def test_a_bug_is_a_failed_run_that_names_its_place_and_nothing_else(tripping, caplog):
    assert told(tripping, 0) == ["failed"]
    (run,) = tripping.store.runs()
    assert run.error.startswith("a bug in Vizsla: RuntimeError in test_attempts.py, line ")
    assert "secret words" not in run.error + caplog.text
    assert tripping.store.watermark("t", TASK.hunt) is None


def test_after_five_tries_in_a_row_it_goes_on_in_halves_and_the_smallest_is_set_aside(tripping):
    assert [told(tripping, number) for number in range(4)] == [["failed"]] * 4
    last = told(tripping, 4)
    assert {"failed", "succeeded"} == set(last)
    assert tripping.store.watermark("t", TASK.hunt) == NOON
    assert "gap" in {run.status for run in tripping.store.runs()}


def test_a_run_that_succeeds_in_between_begins_the_count_anew(tripping):
    for number in range(4):
        told(tripping, number)
    fine = Task("fine", "t", "two-questions", Window(NOON - timedelta(hours=1), NOON - timedelta(minutes=30)))
    assert tasks.perform(fine, tripping, holder="w", now=NOON + timedelta(minutes=4)).run.status == "succeeded"
    assert told(tripping, 5) == ["failed"]
