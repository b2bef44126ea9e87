"""Settings, queues and tables: what Bicep gives the app is what the code reads, and the reverse."""

import ast
import inspect
import re

import pytest

from engine import settings
from engine.errors import SettingsError
from engine.sinks import SINKS
from engine.stores.tables import Tables
from tests.infra.bicep import INFRA, MAIN, read
from tests.tree import ROOT

PAGE = (ROOT / "docs" / "deploy.md").read_text("utf-8")
_ROW = re.compile(r"^\| `(VIZSLA_[A-Z_<>]+)` \| ([\w ]+) \|", re.MULTILINE)
BY_DEPLOYMENT, BY_PARAMETER, BY_VAULT, NOWHERE = "the deployment", "settings", "vaultSettings", "not in Azure"


def rows(who):
    return {name for name, told in _ROW.findall(PAGE) if told == who}


def given():
    variables = read(MAIN).variable
    return {
        name: value for part in ("own", "log", "caller") for name, value in variables[f"{part}Settings"].value.items()
    }


def test_every_setting_has_one_who_sets_it():
    told = [name for name, _ in _ROW.findall(PAGE)]
    assert len(told) == len(set(told))
    assert set(told) == set(settings.SETTINGS)
    assert {who for _, who in _ROW.findall(PAGE)} <= {BY_DEPLOYMENT, BY_PARAMETER, BY_VAULT, NOWHERE}


def test_the_deployment_sets_what_the_page_says_it_does():
    assert set(given()) == rows(BY_DEPLOYMENT)


def test_the_parameter_takes_what_the_page_says_beside_what_it_may_override():
    taken = set(read(MAIN).type["Settings"].value)
    assert rows(BY_PARAMETER) <= taken
    assert taken - rows(BY_PARAMETER) <= rows(BY_DEPLOYMENT)


def test_what_is_set_is_taken_by_the_engine():
    """With what Azure would work out in the place of what is worked out."""
    worked_out = {
        "VIZSLA_IDENTITY": "00000000-0000-0000-0000-000000000001",
        "VIZSLA_TENANT": "00000000-0000-0000-0000-000000000002",
        "VIZSLA_CLOUD": "global",
        "VIZSLA_TABLES_URL": "https://stvizsla.table.core.windows.net",
        "VIZSLA_SINKS": "log_analytics;teams",
        "VIZSLA_COMMENTS": "off",
        "VIZSLA_LOGS_URL": "https://dcr-vizsla.westeurope-1.ingest.monitor.azure.com",
        "VIZSLA_LOGS_RULE": "dcr-00000000000000000000000000000003",
        "VIZSLA_LOGS_STREAM": "Custom-VizslaFindings",
        "VIZSLA_REQUIRE_APP_ROLE": "Hunt.Run",
    }
    assert worked_out.keys() == given().keys()
    host = read(INFRA / "modules" / "function_app.bicep").variable["host"].value
    read_back = settings.read({**worked_out, **host, "IDENTITY_ENDPOINT": "http://127.0.0.1"})
    assert read_back.live.sign_in == "identity"
    assert read_back.live.identity == worked_out["VIZSLA_IDENTITY"]
    assert read_back.tables == worked_out["VIZSLA_TABLES_URL"]
    assert read_back.sinks == ("log_analytics", "teams")
    assert read_back.queue == "https://${storageName}.queue.${environment().suffixes.storage}"


@pytest.mark.parametrize("name", ["VIZSLA_TEAMS_URL", "VIZSLA_TEAMS_URL_SOC", "VIZSLA_APP_SECRET"])
def test_a_secret_becomes_a_name_that_a_vault_takes(name):
    assert "replace(setting, '_', '-')" in str(read(MAIN).variable["references"].value)
    assert re.fullmatch(r"[0-9A-Za-z-]{1,127}", name.replace("_", "-"))
    try:
        settings.read({name: "https://example.invalid/workflows"})
    except SettingsError as error:
        pytest.fail(str(error))


def test_sinks_are_those_that_there_are_but_for_the_one_of_terminals():
    """In Azure what is printed is logged, and command lines stand in no log."""
    text = MAIN.read_text("utf-8")
    (union,) = re.findall(r"^param sinks \(([^)]+)\)\[\]", text, re.MULTILINE)
    assert set(union.replace("'", "").split(" | ")) == set(SINKS) - {"console"}
    assert set(re.findall(r"contains\(sinks, '(\w+)'\)", text)) <= set(SINKS)


def queues():
    """The queues that function_app.py binds, and where the host puts what a queue function gives up on."""
    tree = ast.parse((ROOT / "function_app.py").read_text("utf-8"))
    named = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple | ast.Name):
            names = node.targets[0].elts if isinstance(node.targets[0], ast.Tuple) else [node.targets[0]]
            values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            named |= {
                name.id: value.value
                for name, value in zip(names, values, strict=True)
                if isinstance(name, ast.Name) and isinstance(value, ast.Constant)
            }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            for keyword in node.keywords:
                if keyword.arg == "queue_name":
                    said = keyword.value
                    queue = named[said.id] if isinstance(said, ast.Name) else said.value
                    yield queue
                    if node.func.attr == "queue_trigger":
                        yield f"{queue}-poison"


def test_queues_are_those_that_functions_are_bound_to():
    made = read(INFRA / "modules" / "storage.bicep").variable["queues"].value
    assert sorted(made) == sorted(set(queues()))


def test_the_table_is_the_one_that_remembers():
    made = read(INFRA / "modules" / "storage.bicep").variable["table"].value
    assert made == inspect.signature(Tables).parameters["table"].default


def test_the_stream_is_the_one_that_findings_are_sent_to():
    variables = read(INFRA / "modules" / "data_collection.bicep").variable
    table = read(INFRA / "modules" / "findings_table.bicep").resource["findings"].value["name"]
    assert settings.read({}).places.logs_stream == variables["stream"].value
    assert table == f"{variables['stream'].value.removeprefix('Custom-')}_CL"
