"""Rights: docs/security.md, the Bicep, the scripts and the code say the same."""

import ast
import re

import pytest

from tests.infra.bicep import INFRA, MAIN, read
from tests.tree import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
AZURE, GRAPH = PAGE.split("## Rights in Defender")
PLACES = {
    "storage": "storage account",
    "insights": "Application Insights",
    "rule": "data collection rule",
    "vault": "key vault",
}
# As Microsoft's list of built-in roles has them.
IDS = {
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Queue Data Contributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "Storage Table Data Contributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "Key Vault Secrets Officer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
}
# What the code asks for, where the Functions host needs more of the same.
COVERED_BY = {"Storage Queue Data Message Sender": "Storage Queue Data Contributor"}


def rows(part):
    lines = [line for line in part.splitlines() if line.startswith("| ") and "---" not in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def azure():
    return [row for row in rows(AZURE) if row[0] != "right"]


def graph():
    return {row[0]: row for row in rows(GRAPH.split("## Who can do what")[0]) if row[0] != "right"}


def assigned():
    resources = read(INFRA / "modules" / "roles.bicep").resource.values()
    return [each for each in resources if each.of.startswith("Microsoft.Authorization/roleAssignments@")]


def role(assignment):
    (name,) = re.findall(r"ids\['([^']+)'\]", str(assignment.value["properties"]["roleDefinitionId"]))
    return name


def test_the_page_lists_what_the_identity_is_granted_where_and_why():
    granted = [
        (role(each), PLACES[each.value["scope"]], each.value["properties"]["description"])
        for each in assigned()
        if each.value["properties"]["principalId"] == "principalId"
    ]
    assert granted == [(row[0], row[1], row[3]) for row in azure()]


def test_what_is_granted_only_sometimes_says_when():
    assert {(role(each), each.value["scope"]): each.when for each in assigned() if each.when} == {
        ("Monitoring Metrics Publisher", "rule"): "writesLogs",
        ("Key Vault Secrets Officer", "vault"): "!empty(vaultWriter)",
    }
    assert [row[:3] for row in azure() if row[2] != "always"] == [
        ["Monitoring Metrics Publisher", "data collection rule", "sink `log_analytics`"]
    ]


def test_every_right_is_on_one_resource_and_named_for_it():
    scopes = {each.name for each in read(INFRA / "modules" / "roles.bicep").resource.values() if each.existing}
    for each in assigned():
        assert each.value["scope"] in scopes
        assert str(each.value["name"]).startswith(f"guid({each.value['scope']}.id, ")
        assert f"ids['{role(each)}']" in str(each.value["name"])
    elsewhere = [
        path.name
        for path in (INFRA / "modules").glob("*.bicep")
        if path.name not in ("roles.bicep", "alerts.bicep") and "roleAssignments" in path.read_text("utf-8")
    ]
    assert elsewhere == []


def test_roles_have_microsofts_ids():
    assert read(INFRA / "modules" / "roles.bicep").variable["ids"].value == IDS


def asked():
    """Every ROLE and PERMISSION that the engine names, and where."""
    for path in sorted((ROOT / "engine").rglob("*.py")):
        if "node_modules" in path.parts:
            continue
        for node in ast.parse(path.read_text("utf-8")).body:
            if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
                continue
            if re.search("^(ROLE|PERMISSION)", node.targets[0].id):
                values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
                yield from ((value.value, path.relative_to(ROOT).as_posix()) for value in values)


def test_what_the_code_asks_for_is_granted_and_told():
    told = [(row[0], row[-1]) for row in (*azure(), *graph().values())]
    found = list(asked())
    assert {"ThreatHunting.Read.All", "Storage Table Data Contributor"} <= {right for right, _ in found}
    missing = [
        (right, path)
        for right, path in found
        if not any(COVERED_BY.get(right, right) == name and f"`{path}`" in by for name, by in told)
    ]
    assert missing == []


def test_who_asks_is_there():
    paths = {path for row in (*azure(), *graph().values()) for path in re.findall(r"`(engine/[^`]+)`", row[-1])}
    assert paths
    assert [path for path in sorted(paths) if not (ROOT / path).is_file()] == []


def test_graph_rights_are_those_of_the_page():
    text = MAIN.read_text("utf-8")
    assert set(re.findall(r"'(\w+\.\w+\.All)'", text)) == set(graph())
    assert set(re.findall(r"^param alertRight (.*) =", text, re.MULTILINE)[0].split(" | ")) == {
        "'SecurityAlert.Create.All'",
        "'SecurityAlert.ReadWrite.All'",
    }


@pytest.mark.parametrize("name", ["modules/graph_roles.bicep", "grant-permissions.sh", "grant-permissions.ps1"])
def test_rights_in_graph_are_looked_up_by_name(name):
    """The one id written down is Microsoft Graph's own."""
    ids = re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", (INFRA / name).read_text("utf-8"))
    assert set(ids) == {"00000003-0000-0000-c000-000000000000"}
    assert "allowedMemberTypes" in (INFRA / name).read_text("utf-8")
