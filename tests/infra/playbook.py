"""The playbook that hunts an incident's hosts: its template, an incident, and the outside that it talks to."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.infra import workflow
from tests.infra.acting import Answered, Asked
from tests.tree import ROOT

FOLDER = ROOT / "infra" / "playbooks" / "hunt-incident-hosts"
TEMPLATE = FOLDER / "azuredeploy.json"
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
INCIDENT = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/soc/providers/Microsoft.OperationalInsights"
    "/workspaces/soc/providers/Microsoft.SecurityInsights/Incidents/11111111-1111-1111-1111-111111111111"
)
APP = "https://vizsla.example"
DEPLOYED = {"FunctionAppUrl": APP, "KeyVaultName": "soc-vault", "FunctionAppAudience": "api://vizsla"}
SECRET = "the-functions-key"  # noqa: S105 - what the fake vault holds
RUNS = f"{APP}/api/hunts/discovery-burst/runs"
ANSWER = {
    "id": "5f0c",
    "hunt": "discovery-burst",
    "status": "succeeded",
    "verdict": "malicious-looking",
    "highestSeverity": "high",
    "commentHtml": "<p>Found.</p>",
    "tags": ["vizsla:malicious-looking"],
}


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """The template with something done to it."""
    template = copy.deepcopy(workflow.load(TEMPLATE))
    change(template)
    return template


def actions(template: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """The outermost actions of a template, or those in the action that the path leads to."""
    found: dict[str, Any] = template["resources"][0]["properties"]["definition"]["actions"]
    for name in path:
        found = found[name]["actions"]
    return found


def incident(*, labels: tuple[str, ...] = (), severity: str = "Low", **properties: Any) -> dict[str, Any]:
    """What the trigger gives."""
    return {
        "eventUniqueId": "e",
        "object": {
            "id": INCIDENT,
            "properties": {
                "severity": severity,
                "labels": [{"labelName": name, "labelType": "User"} for name in labels],
                "createdTimeUtc": "2026-11-20T08:05:00.1234567Z",
                "firstActivityTimeUtc": "2026-11-20T08:00:00Z",
                "relatedEntities": [{"kind": "Host"}],
                **properties,
            },
        },
    }


@dataclass
class Outside:
    """Sentinel, Key Vault and the function app. `app` are the app's answers in turn; the last one stays."""

    hosts: list[dict[str, Any]] | None = field(
        default_factory=lambda: [{"HostName": "pc1", "DnsDomain": "corp.example"}]
    )
    app: list[Answered] = field(default_factory=lambda: [Answered(200, ANSWER)])
    severity_now: str = "Low"
    broken: Mapping[str, int] = field(default_factory=dict)
    """A part of a url -> the status with which it is answered instead."""

    def __call__(self, asked: Asked) -> Answered:
        for part, status in self.broken.items():
            if part in asked.url or part in str(asked.body):
                return Answered(status)
        if asked.url == "/entities/host":
            return Answered(200, {"Hosts": self.hosts})
        if asked.url in {"/Incidents", "/Incidents/Comment"}:
            return Answered(200)
        if asked.url.startswith("https://soc-vault.vault.azure.net/secrets/vizsla-function-key?"):
            return Answered(200, {"value": SECRET})
        if asked.url.startswith(f"https://management.azure.com{INCIDENT}?"):
            return Answered(200, {"properties": {"severity": self.severity_now}})
        if asked.url.startswith(APP):
            return self.app.pop(0) if len(self.app) > 1 else self.app[0]
        return Answered(404)
