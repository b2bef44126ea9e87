"""A run of a workflow, after Microsoft's rules of runAfter, with an oracle for what each action comes to.

`every_run` walks all runs that can be: each action fails in each way that it may, each condition goes both ways.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tests.infra.workflow import Action, Workflow

FAILED = {"Failed", "TimedOut"}
_REMOTE = {"ApiConnection", "Http"}
_HOLDERS = {"If", "Scope"}


class Oracle(Protocol):
    """What actions come to."""

    def perform(self, action: Action) -> str:
        """The action's status: Succeeded, Failed or TimedOut."""

    def decide(self, action: Action) -> str:
        """Which branch of an If runs, `actions` or `else`; or Failed, where its condition cannot be evaluated."""


@dataclass
class Run:
    """What became of each action, the order in which they ran, and of the whole."""

    statuses: dict[str, str] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    ended_by: str | None = None
    status: str = "Running"


class _Ended(Exception):
    """How a Terminate leaves what it stands in."""


def play(flow: Workflow, oracle: Oracle, *, run: Run | None = None) -> Run:
    """The run from beginning to end; `run` is filled while it goes, for an oracle that wants to look."""
    run = run or Run()
    try:
        _container(flow, flow.inside(None), oracle, run)
        run.status = _judged(flow.inside(None), run)
    except _Ended:
        run.statuses |= {name: "Skipped" for name in flow.actions if name not in run.statuses}
    return run


def _container(flow: Workflow, actions: Sequence[Action], oracle: Oracle, run: Run) -> None:
    waiting = list(actions)
    while waiting:
        ready = next(each for each in waiting if all(one in run.statuses for one in each.after))
        waiting.remove(ready)
        if all(run.statuses[one] in statuses for one, statuses in ready.after.items()):
            run.ran.append(ready.name)
            run.statuses[ready.name] = _outcome(flow, ready, oracle, run)
        else:
            _skip(flow, ready, run)


def _outcome(flow: Workflow, action: Action, oracle: Oracle, run: Run) -> str:
    if action.kind == "Terminate":
        oracle.perform(action)
        run.statuses[action.name] = "Succeeded"
        run.ended_by, run.status = action.name, action.is_["inputs"]["runStatus"]
        raise _Ended
    if action.kind not in _HOLDERS:
        return oracle.perform(action)
    branch = oracle.decide(action) if action.kind == "If" else "actions"
    inside = flow.inside(action.name)
    for each in inside:
        if each.branch != branch:
            _skip(flow, each, run)
    if branch in FAILED:
        return branch
    _container(flow, [each for each in inside if each.branch == branch], oracle, run)
    # Microsoft's page on scopes: one action failed is the scope failed.
    return "Failed" if any(run.statuses[each.name] in FAILED for each in inside) else "Succeeded"


def _skip(flow: Workflow, action: Action, run: Run) -> None:
    run.statuses[action.name] = "Skipped"
    for each in flow.inside(action.name):
        _skip(flow, each, run)


def _judged(outermost: Sequence[Action], run: Run) -> str:
    """A run is as its last actions are; one that was skipped is as what it waited for."""
    by_name = {each.name: each for each in outermost}
    followed = {one for each in outermost for one in each.after}

    def failed(name: str) -> bool:
        status = run.statuses[name]
        return status in FAILED or (status == "Skipped" and any(map(failed, by_name[name].after)))

    return "Failed" if any(failed(name) for name in by_name if name not in followed) else "Succeeded"


@dataclass
class _Choices:
    """An oracle that takes the choices of a list and, where the list ends, the first of each."""

    taken: list[tuple[str, ...]]
    place: int = 0

    def perform(self, action: Action) -> str:
        if action.kind == "Terminate":
            return "Succeeded"
        return self._choose(("Succeeded", "Failed", *(["TimedOut"] if action.kind in _REMOTE else [])))

    def decide(self, _: Action) -> str:
        return self._choose(("actions", "else", "Failed"))

    def _choose(self, options: tuple[str, ...]) -> str:
        if self.place == len(self.taken):
            self.taken.append(options)
        self.place += 1
        return self.taken[self.place - 1][0]


def every_run(flow: Workflow) -> Iterator[Run]:
    """All runs that can be."""
    taken: list[tuple[str, ...]] = []
    while True:
        yield play(flow, _Choices(taken))
        while taken and len(taken[-1]) == 1:
            taken.pop()
        if not taken:
            return
        taken[-1] = taken[-1][1:]
