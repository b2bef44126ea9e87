"""The Bicep as far as it can be proven without its compiler: syntax, wiring, versions, nothing secret given out."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Parser

from tests.infra.bicep import FILES, INFRA, MAIN, MODULES, faults, identifiers, parsed, read
from tests.tree import ROOT

_REFERENCE = re.compile(r"\b(\w+)!?\.outputs\.(\w+)")
_SECRET = re.compile(r"listKeys|listAccountSas|listCredentials|key\b|password|secret|connectionstring", re.IGNORECASE)
_VERSION = re.compile(r"\| `(Microsoft[\w./]+)` \| ([\w.-]+) \|")


def written(path):
    return path.read_text("utf-8")


@pytest.mark.parametrize("path", [*FILES, INFRA / "main.bicepparam"], ids=lambda path: path.name)
def test_it_is_bicep(path):
    assert faults(path) == []


def test_what_is_no_bicep_is_seen(tmp_path):
    broken = tmp_path / "broken.bicep"
    broken.write_text("param name string\nresource account = {\n  name: name\n}\n")
    assert faults(broken)


def test_every_module_is_deployed_by_main_and_main_deploys_no_other():
    deployed = {module.of for module in read(MAIN).module.values()}
    assert deployed == {path.relative_to(INFRA).as_posix() for path in MODULES}


@pytest.mark.parametrize("module", read(MAIN).module.values(), ids=lambda module: module.name)
def test_a_module_gets_the_parameters_it_asks_for(module):
    asked = read(INFRA / module.of).parameter
    given = set(module.value["params"])
    assert given <= asked.keys()
    assert {name for name, parameter in asked.items() if parameter.value is None} <= given


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_is_declared_is_used(path):
    file, count = read(path), identifiers(path)
    assert [name for name in (*file.parameter, *file.variable, *file.type) if count[name] < 2] == []


def test_main_reads_only_outputs_that_are_there():
    modules = read(MAIN).module
    read_here = set(_REFERENCE.findall(written(MAIN)))
    assert read_here
    there = {(name, output) for name, module in modules.items() for output in read(INFRA / module.of).output}
    assert read_here - there == set()
    assert there - read_here == set()


def test_what_may_be_left_out_is_read_only_where_it_is_there():
    """A conditional module is read with `!`, and nobody reads an unconditional one so."""
    conditional = {name for name, module in read(MAIN).module.items() if module.when}
    assert set(re.findall(r"\b(\w+)!\.outputs", written(MAIN))) == {
        name for name, _ in _REFERENCE.findall(written(MAIN)) if name in conditional
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_output_is_a_secret(path):
    given_out = {name: output.value for name, output in read(path).output.items()}
    # `keyVault.outputs.name` is the vault's name.
    shown = {name: str(value).replace("keyVault", "vault") for name, value in given_out.items()}
    assert {name: value for name, value in shown.items() if _SECRET.search(value)} == {}


def test_versions_are_pinned_once_each_and_listed():
    used = {tuple(resource.of.split("@")) for path in FILES for resource in read(path).resource.values()}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d|v1\.0", version) for _, version in used)
    assert used == set(_VERSION.findall(written(INFRA / "README.md")))
    providers = [kind for kind, _ in used]
    assert len(providers) == len(set(providers))


def test_every_resource_that_takes_tags_gets_them():
    untagged = {
        resource.of.split("@")[0]
        for path in MODULES
        for resource in read(path).resource.values()
        if not resource.existing and "tags" not in resource.value and "parent" not in resource.value
    }
    assert untagged == {"Microsoft.Authorization/roleAssignments", "Microsoft.Graph/appRoleAssignedTo"}


def test_parameters_say_what_they_are_for_and_the_file_sets_some_of_them():
    parameters = read(MAIN).parameter
    assert [
        name for name, each in parameters.items() if not any("@description" in said for said in each.decorators)
    ] == []
    assert set(read(INFRA / "main.bicepparam").variable) <= parameters.keys()
    assert {name for name, each in parameters.items() if each.value is None} == {"name"}


def test_names_stay_within_what_azure_takes():
    """12 characters of name and 6 of token: the storage account and the vault take 24 in all."""
    shapes = read(MAIN).variable["names"].value
    decorators = read(MAIN).parameter["name"].decorators
    assert "@maxLength(12)" in decorators
    token = "t" * 6
    longest = {
        kind: str(shape).strip("'").replace("${toLower(replace(name, '-', ''))}", "n" * 12).replace("${name}", "n" * 12)
        for kind, shape in shapes.items()
    }
    longest = {kind: shape.replace("${token}", token) for kind, shape in longest.items()}
    assert {kind: shape for kind, shape in longest.items() if "$" in shape} == {}
    assert len(longest["storage"]) <= 24
    assert len(longest["keyVault"]) <= 24
    assert len(longest["functionApp"]) <= 60
    listed = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", written(INFRA / "README.md"), re.MULTILINE))
    assert listed == {kind: str(shape).strip("'") for kind, shape in shapes.items()}


def test_the_app_runs_without_keys():
    app = read(INFRA / "modules" / "function_app.bicep").resource["app"].value["properties"]
    account = read(INFRA / "modules" / "storage.bicep").resource["account"].value["properties"]
    insights = read(INFRA / "modules" / "monitoring.bicep").resource["insights"].value["properties"]
    assert app["httpsOnly"] is True
    assert app["keyVaultReferenceIdentity"] == "identityId"
    assert app["siteConfig"] == {
        "minTlsVersion": "1.2",
        "scmMinTlsVersion": "1.2",
        "ftpsState": "Disabled",
        "http20Enabled": True,
    }
    assert app["functionAppConfig"]["runtime"] == {"name": "python", "version": "3.13"}
    assert app["functionAppConfig"]["deployment"]["storage"]["authentication"]["type"] == "UserAssignedIdentity"
    assert account["allowSharedKeyAccess"] is False
    assert insights["DisableLocalAuth"] is True
    host = read(INFRA / "modules" / "function_app.bicep").variable["host"].value
    assert host["AzureWebJobsStorage__credential"] == "managedidentity"
    assert host["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"] == "ClientId=${identityClientId};Authorization=AAD"
    assert "AzureWebJobsStorage" not in host


def test_findings_have_columns_that_a_table_takes():
    columns = json.loads(written(INFRA / "findings-table.json"))
    names = [column["name"] for column in columns]
    reserved = {"_resourceid", "id", "_subscriptionid", "tenantid", "type", "uniqueid", "title"}
    assert {frozenset(column) for column in columns} == {frozenset({"name", "type"})}
    assert len(names) == len({name.casefold() for name in names})
    assert [name for name in names if not re.fullmatch(r"[A-Za-z]\w{0,44}", name) or name.casefold() in reserved] == []
    assert {"name": "TimeGenerated", "type": "datetime"} in columns
    assert {column["type"] for column in columns} <= {"string", "int", "long", "real", "boolean", "datetime", "dynamic"}


def test_the_scripts_are_what_their_shells_read():
    assert subprocess.run(["bash", "-n", INFRA / "grant-permissions.sh"], check=False).returncode == 0
    tree = Parser(Language(tree_sitter_powershell.language())).parse((INFRA / "grant-permissions.ps1").read_bytes())
    assert not tree.root_node.has_error


def test_files_that_bicep_loads_are_there():
    loaded = {
        Path(path.parent, name).resolve()
        for path in FILES
        for name in re.findall(r"load(?:Json|Text)Content\('([^']+)'\)", written(path))
    }
    assert {INFRA / "findings-table.json", INFRA / "workbook.json"} <= loaded
    assert [path for path in loaded if not path.is_file()] == []
    assert [path for path in loaded if path.suffix == ".json" and not json.loads(written(path))] == []


def test_the_graph_extension_is_pinned():
    config = json.loads(written(INFRA / "bicepconfig.json"))
    assert config["extensions"] == {
        "microsoftGraphV1": "br:mcr.microsoft.com/bicep/extensions/microsoftgraph/v1.0:1.0.0"
    }
    uses = [path.name for path in FILES if re.search("^extension microsoftGraphV1$", written(path), re.MULTILINE)]
    assert uses == ["graph_roles.bicep"]
    assert parsed(ROOT / "infra" / "modules" / "graph_roles.bicep").root_node.has_error is False
