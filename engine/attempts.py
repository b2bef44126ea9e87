"""What Azure's queue does for the app, done for `vizsla tick`: a bug costs its own run, and is tried again.

After five tries in a row the run goes on in halves, until the smallest that still fails is set aside.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import takewhile
from pathlib import PurePath

from engine import tasks
from engine.errors import VizslaError
from engine.record import record_of
from engine.schedule import Task
from engine.tasks import Desk, Done

log = logging.getLogger("vizsla")
_A_BUG = "a bug in Vizsla: "


def attempt(task: Task, desk: Desk, *, holder: str, now: datetime) -> Iterator[Done]:
    """Does the task, or what is left of it where it fails again and again. A bug is a failed run, and logged."""
    try:
        yield tasks.perform(task, desk, holder=holder, now=now)
    except Exception as bug:  # noqa: BLE001 - the one place beside Azure's own: one hunt's bug may not stop the others
        yield _failed(task, desk, bug, now)
        if task.kind == "part" or _tries(task, desk) >= tasks.TRIES:
            for half in tasks.split(task, desk, now=now):
                yield from attempt(half, desk, holder=holder, now=now)


def _failed(task: Task, desk: Desk, bug: Exception, now: datetime) -> Done:
    """Records the run as failed. Only where the bug is stands in the record: its text may hold a stranger's words."""
    why = f"{_A_BUG}{place(bug)}"
    request = replace(tasks.asked(task, now), id=f"{task.id}.{now:%H%M%S%f}")
    run = record_of(request, task.hunt, failure=VizslaError(why))
    desk.store.record_run(run)
    log.error("run %s: %s", task.id, why)
    return Done(run)


def place(bug: BaseException) -> str:
    """What kind of error it is and where it was raised: no text of its own."""
    at = traceback.extract_tb(bug.__traceback__)[-1]
    return f"{type(bug).__name__} in {PurePath(at.filename).name}, line {at.lineno}"


def _tries(task: Task, desk: Desk) -> int:
    """How often in a row the hunt's last runs of this kind ended in a bug."""
    runs = [run for run in desk.store.runs(task.hunt, tenant=task.tenant, limit=100) if run.kind == task.kind]
    runs.sort(key=lambda run: run.began or run.window.end, reverse=True)
    return sum(1 for _ in takewhile(lambda run: run.error.startswith(_A_BUG), runs))
