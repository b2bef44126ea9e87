"""A playbook acted out: its expressions are evaluated, and what it asks of the outside is answered by a callable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import jsonschema

from tests.infra import expressions, run
from tests.infra.functions import functions
from tests.infra.workflow import Action, Workflow

_ACCEPTED, _BAD = 202, 400
_AGAIN = {408, 429, *range(500, 600)}
_MOST_POLLS = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to the outside: of the Sentinel connector, or over HTTP."""

    method: str
    url: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    identity: str | None = None
    """The audience for which the managed identity's token is."""


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


World = Callable[[Asked], Answered]


@dataclass
class Acting:
    """An oracle that does what the actions say. `asked` is all that went out, in order."""

    flow: Workflow
    trigger: Mapping[str, Any]
    parameters: Mapping[str, Any]
    now: datetime
    world: World
    asked: list[Asked] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    run: run.Run = field(default_factory=run.Run)

    def perform(self, action: Action) -> str:
        try:
            return self._perform(action)
        except (expressions.Unevaluable, jsonschema.ValidationError) as error:
            self.outputs[action.name] = {"error": str(error)}
            return "Failed"

    def decide(self, action: Action) -> str:
        try:
            return "actions" if self._holds(action.is_["expression"]) else "else"
        except expressions.Unevaluable:
            return "Failed"

    def _perform(self, action: Action) -> str:
        inputs = action.is_["inputs"]
        match action.kind:
            case "Compose":
                self.outputs[action.name] = self._value(inputs)
            case "Query":
                rows = self._value(inputs["from"])
                self._body(action, [each for each in rows if self._value(inputs["where"], each)])
            case "Select":
                self._body(action, [self._value(inputs["select"], each) for each in self._value(inputs["from"])])
            case "ParseJson":
                content = self._value(inputs["content"])
                jsonschema.validate(content, inputs["schema"])
                self._body(action, content)
            case "Terminate":
                self.outputs[action.name] = self._value(inputs)
            case "ApiConnection" | "Http":
                return self._ask(action, self._value(inputs))
            case unknown:
                raise NotImplementedError(unknown)
        return "Succeeded"

    def _body(self, action: Action, body: Any) -> None:
        self.outputs[action.name] = {"body": body}

    def _ask(self, action: Action, inputs: dict[str, Any]) -> str:
        asked = Asked(
            inputs["method"].upper(),
            inputs.get("uri") or inputs["path"],
            inputs.get("body"),
            inputs.get("headers", {}),
            inputs.get("authentication", {}).get("audience"),
        )
        tries = 1 + inputs.get("retryPolicy", {}).get("count", 4)
        answered = Answered(0)
        for _ in range(tries):
            answered = self._send(asked)
            if answered.status not in _AGAIN:
                break
        for _ in range(_MOST_POLLS):
            if answered.status != _ACCEPTED:
                break
            answered = self._send(Asked("GET", answered.headers["Location"], identity=asked.identity))
        if answered.status == _ACCEPTED:
            self.outputs[action.name] = None
            return "TimedOut"
        self.outputs[action.name] = {"statusCode": answered.status, "body": answered.body}
        return "Succeeded" if answered.status < _BAD else "Failed"

    def _send(self, asked: Asked) -> Answered:
        self.asked.append(asked)
        return self.world(asked)

    def _value(self, value: Any, item: Any = None) -> Any:
        return expressions.resolve(value, self._functions(item))

    def _holds(self, condition: Mapping[str, Any]) -> bool:
        ((name, held),) = condition.items()
        if name in {"and", "or"}:
            return {"and": all, "or": any}[name]([self._holds(each) for each in held])
        if name == "not":
            return not self._holds(held)
        return bool(self._functions(None)[name](*self._value(held)))

    def _functions(self, item: Any) -> dict[str, Callable[..., Any]]:
        return {
            **functions(self.now),
            "actions": lambda name: {"status": self.run.statuses[name]},
            "body": lambda name: (self.outputs.get(name) or {}).get("body"),
            "item": lambda: item,
            "outputs": self.outputs.get,
            "parameters": self.parameters.__getitem__,
            "triggerBody": lambda: self.trigger,
            "workflow": lambda: {"name": "Hunt-IncidentHosts", "run": {"name": "08584000000000000000000000000CU00"}},
        }


def act(flow: Workflow, *, trigger: Any, parameters: Mapping[str, Any], now: datetime, world: World) -> Acting:
    """The run over this incident; `parameters` come over the definition's defaults."""
    defaults = {
        name: each["defaultValue"] for name, each in flow.definition["parameters"].items() if "defaultValue" in each
    }
    connections = {"$connections": {"azuresentinel": {"connectionId": "connection"}}}
    acting = Acting(flow, trigger, {**defaults, **connections, **parameters}, now, world)
    run.play(flow, acting, run=acting.run)
    return acting
