"""The graph of a Logic Apps workflow: its actions, what runs after what, and what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.infra import expressions

STATUSES = {"Succeeded", "Failed", "Skipped", "TimedOut"}
_OF_ACTIONS = {"actions", "body", "outputs", "result"}
_WITH_ITEMS = {"Foreach", "Query", "Select"}


@dataclass(frozen=True, slots=True)
class Action:
    """One action: `home` is the action it stands in, and `branch` says where in it (`actions`, `else`, a case)."""

    name: str
    kind: str
    is_: Mapping[str, Any]
    after: Mapping[str, tuple[str, ...]]
    home: str | None
    branch: str


@dataclass(frozen=True)
class Workflow:
    """A definition, read."""

    definition: Mapping[str, Any]

    @cached_property
    def actions(self) -> dict[str, Action]:
        """Name -> action, from the outermost inwards. Raises ValueError where two have one name."""
        found: dict[str, Action] = {}
        for each in _within(self.definition, None):
            if each.name in found:
                raise ValueError(f"two actions are called {each.name}")
            found[each.name] = each
        return found

    def inside(self, home: str | None, branch: str | None = None) -> list[Action]:
        """What stands directly in an action, or outermost."""
        return [each for each in self.actions.values() if each.home == home and branch in {None, each.branch}]

    def homes(self, name: str) -> Iterator[Action]:
        """The actions around an action, from the innermost."""
        home = self.actions[name].home
        while home:
            yield self.actions[home]
            home = self.actions[home].home

    def before(self, name: str) -> set[str]:
        """Whose outcome is known when the action runs: what it or an action around it comes after, and their parts."""
        known: set[str] = set()
        waiting = [each for action in (self.actions[name], *self.homes(name)) for each in action.after]
        while waiting:
            each = waiting.pop()
            if each in self.actions and each not in known:
                known.add(each)
                waiting += self.actions[each].after
                waiting += [part.name for part in self.inside(each)]
        return known


def load(template: Path) -> dict[str, Any]:
    """An ARM template."""
    return dict(json.loads(template.read_text("utf-8")))


def of(template: Mapping[str, Any]) -> Workflow:
    """The workflow of a template that deploys one."""
    (found,) = (each for each in template["resources"] if each["type"] == "Microsoft.Logic/workflows")
    return Workflow(found["properties"]["definition"])


def _within(holder: Mapping[str, Any], home: str | None) -> Iterator[Action]:
    branches = {"actions": holder.get("actions"), "else": holder.get("else", {}).get("actions")}
    branches |= {case: held["actions"] for case, held in holder.get("cases", {}).items()}
    branches["default"] = holder.get("default", {}).get("actions")
    for branch, actions in branches.items():
        for name, held in (actions or {}).items():
            after = {each: tuple(statuses) for each, statuses in held.get("runAfter", {}).items()}
            yield Action(name, held["type"], held, after, home, branch)
            yield from _within(held, name)


def own(action: Action) -> dict[str, Any]:
    """The part of an action that is its own and not that of the actions in it."""
    return {key: each for key, each in action.is_.items() if key not in {"actions", "else", "cases", "default"}}


def holes(flow: Workflow) -> list[str]:
    """Faults of the runAfter graph: unknown or foreign predecessors, wrong statuses, circles, several beginnings."""
    found = []
    for each in flow.actions.values():
        siblings = {other.name for other in flow.inside(each.home, each.branch)}
        found += [
            f"{each.name} runs after {one}, which does not stand beside it" for one in each.after.keys() - siblings
        ]
        found += [
            f"{each.name} runs after {one} {list(s)}" for one, s in each.after.items() if not s or {*s} - STATUSES
        ]
        if each.name in flow.before(each.name):
            found.append(f"{each.name} runs after itself")
    places = {(each.home, each.branch): flow.inside(each.home, each.branch) for each in flow.actions.values()}
    for (home, branch), held in places.items():
        first = [each.name for each in held if not each.after]
        if len(first) != 1:
            found.append(f"{home or 'the workflow'} {branch} begins with {first}")
    return sorted(found)


def dangling(flow: Workflow) -> list[str]:
    """What expressions refer to, and is not there or has not run by then."""
    found = []
    places = {each.name: own(each) for each in flow.actions.values()}
    places |= {f"trigger {name}": held for name, held in flow.definition["triggers"].items()}
    for place, held in places.items():
        for text in expressions.strings(held):
            try:
                found += [f"{place}: {fault}" for call in _calls(text) if (fault := _fault(flow, place, call))]
            except expressions.NotAnExpression as error:
                found.append(f"{place}: {error}")
    return sorted(set(found))


def _calls(text: str) -> list[expressions.Call]:
    return list(expressions.calls(expressions.read(text)))


def _fault(flow: Workflow, place: str, call: expressions.Call) -> str | None:
    """What is wrong with a call, in a few words."""
    checks: dict[str, Callable[[str], bool]] = {
        **dict.fromkeys(_OF_ACTIONS, lambda name: name in flow.actions and name in flow.before(place)),
        "parameters": lambda name: name in flow.definition.get("parameters", {}),
        "variables": lambda name: name in _variables(flow),
        "items": lambda name: name in {each.name for each in flow.homes(place) if each.kind == "Foreach"},
    }
    if call.name in checks:
        match call.arguments:
            case (expressions.Literal(str(name)),):
                return None if checks[call.name](name) else f"{call.name}('{name}') is not there by then"
        return f"{call.name} takes one name"
    if call.name == "item" and place in flow.actions:
        around = {flow.actions[place].kind, *(each.kind for each in flow.homes(place))}
        return None if around & _WITH_ITEMS else "item() stands in no loop"
    return None


def _variables(flow: Workflow) -> set[str]:
    declared = [each for each in flow.actions.values() if each.kind == "InitializeVariable"]
    return {variable["name"] for each in declared for variable in each.is_["inputs"]["variables"]}
