"""The template around a workflow, whose own expressions stand in brackets: `[concat('a', parameters('B'))]`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from tests.infra import expressions
from tests.infra.functions import functions

_CLOUD = {"resourceManager": "https://management.azure.com/", "suffixes": {"keyvaultDns": ".vault.azure.net"}}


def parsed(text: str) -> expressions.Node:
    """The tree of one string of a template; what stands in no brackets is a Literal."""
    if text.startswith("[") and text.endswith("]") and not text.startswith("[["):
        return expressions.read(f"@{text[1:-1]}")
    return expressions.Literal(text)


def workflow_parameters(template: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What a deployment with these parameters gives to the workflow. Raises KeyError for one that is missing."""
    values = {
        name: given[name] if name in given else each["defaultValue"] for name, each in template["parameters"].items()
    }
    known: dict[str, Callable[..., Any]] = {
        **functions(datetime.now(UTC)),
        "environment": lambda: _CLOUD,
        "parameters": values.__getitem__,
        "resourceGroup": lambda: {"location": "westeurope"},
        "resourceId": lambda *parts: "/".join(parts),
        "subscription": lambda: {"subscriptionId": "00000000-0000-0000-0000-000000000000"},
    }
    known["variables"] = lambda name: _resolved(template["variables"][name], known)
    (workflow,) = (each for each in template["resources"] if each["type"] == "Microsoft.Logic/workflows")
    given_on = workflow["properties"]["parameters"]
    return {name: _resolved(each["value"], known) for name, each in given_on.items()}


def _resolved(value: Any, known: expressions.Functions) -> Any:
    if isinstance(value, str):
        return expressions.evaluate(parsed(value), known)
    if isinstance(value, dict):
        return {key: _resolved(each, known) for key, each in value.items()}
    return value


def dangling(template: Mapping[str, Any]) -> list[str]:
    """Parameters and variables that the template uses and does not declare, or declares and does not use."""
    used: dict[str, set[str]] = {"parameters": set(), "variables": set()}
    for text in expressions.strings({key: each for key, each in template.items() if key != "metadata"}):
        for call in expressions.calls(parsed(text)):
            match call.arguments:
                case (expressions.Literal(str(name)),) if call.name in used:
                    used[call.name].add(name)
    found = []
    for kind, names in used.items():
        declared = set(template[kind])
        found += [f"{kind}('{name}') is not declared" for name in sorted(names - declared)]
        found += [f"{kind}: {name} is not used" for name in sorted(declared - names)]
    return found
