"""grant-permissions.sh against an `az` that is played, and what is said after a deployment."""

import json
import os
import re
import subprocess
import sys
from textwrap import dedent

import pytest

from infra import next_steps
from tests.infra.bicep import INFRA, MAIN, read

IDENTITY = "00000000-0000-0000-0000-0000000000aa"
GRAPH = "00000000-0000-0000-0000-0000000000bb"
# Two roles of each name, as Graph has them: what an application may be granted, and what a person delegates.
OFFERED = {
    "ThreatHunting.Read.All": "00000000-0000-0000-0000-000000000001",
    "SecurityAlert.Read.All": "00000000-0000-0000-0000-000000000002",
}
AZ = """
    #!{python}
    import json, pathlib, re, sys
    state = pathlib.Path(__file__).with_name("state.json")
    held = json.loads(state.read_text())
    words = sys.argv[1:]
    asked = dict(zip(words, words[1:]))
    query = asked.get("--query", "")
    if words[:2] == ["cloud", "show"]:
        print("https://graph.microsoft.us/")
    elif words[:3] == ["ad", "sp", "show"] and query == "id":
        print("{graph}")
    elif words[:3] == ["ad", "sp", "show"]:
        assert "contains(allowedMemberTypes, 'Application')" in query
        print({offered}.get(re.search("value=='([^']+)'", query)[1], ""))
    elif asked["--method"] == "get":
        role = re.search("appRoleId=='([^']+)'", query)[1]
        print("assignment" if any(each["appRoleId"] == role for each in held) else "")
    else:
        assert asked["--url"] == "https://graph.microsoft.us/v1.0/servicePrincipals/{identity}/appRoleAssignments"
        assert asked["--headers"] == "Content-Type=application/json"
        state.write_text(json.dumps([*held, json.loads(asked["--body"])]))
"""


@pytest.fixture
def tenant(tmp_path):
    """A folder with an `az` of a tenant that has granted nothing yet."""
    script = dedent(AZ).strip().format(python=sys.executable, graph=GRAPH, identity=IDENTITY, offered=OFFERED)
    (tmp_path / "az").write_text(script)
    (tmp_path / "az").chmod(0o755)
    (tmp_path / "state.json").write_text("[]")
    return tmp_path


def grant(tenant, *words):
    path = os.pathsep.join([str(tenant), os.environ["PATH"]])
    command = ["bash", INFRA / "grant-permissions.sh", *words]
    done = subprocess.run(
        command, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=60, check=False
    )
    held = [each["appRoleId"] for each in json.loads((tenant / "state.json").read_text())]
    return done.returncode, done.stdout.splitlines(), done.stderr, held


def test_rights_are_granted_by_name_and_once(tenant):
    code, said, _, held = grant(tenant, IDENTITY, *OFFERED)
    assert (code, said) == (0, ["ThreatHunting.Read.All: granted", "SecurityAlert.Read.All: granted"])
    assert held == list(OFFERED.values())
    assert json.loads((tenant / "state.json").read_text())[0] == {
        "principalId": IDENTITY,
        "resourceId": GRAPH,
        "appRoleId": OFFERED["ThreatHunting.Read.All"],
    }
    code, said, _, held = grant(tenant, IDENTITY, *OFFERED)
    assert (code, said) == (0, ["ThreatHunting.Read.All: granted before", "SecurityAlert.Read.All: granted before"])
    assert held == list(OFFERED.values())


def test_hunting_is_granted_where_nothing_is_named(tenant):
    assert grant(tenant, IDENTITY)[3] == [OFFERED["ThreatHunting.Read.All"]]


def test_a_right_that_the_tenant_lacks_is_named_with_what_to_take_instead(tenant):
    code, _, told, held = grant(tenant, IDENTITY, "SecurityAlert.Create.All")
    assert (code, held) == (1, [])
    assert "SecurityAlert.Create.All: this tenant's Microsoft Graph does not offer it" in told
    assert "Take SecurityAlert.ReadWrite.All instead." in told


@pytest.mark.parametrize("words", [[], ["--help"]])
def test_it_says_how_it_is_used(tenant, words):
    code, said, told, _ = grant(tenant, *words)
    assert (code, said) == (2, [])
    assert "grant-permissions.sh PRINCIPAL [RIGHT...]" in told


def deployed(**changed):
    outputs = dict.fromkeys(read(MAIN).output, "") | {
        "FUNCTION_APP": "func-vizsla-abc123",
        "HEALTH_URL": "https://func-vizsla-abc123.azurewebsites.net/api/health",
        "IDENTITY_PRINCIPAL_ID": IDENTITY,
        "KEY_VAULT": "kv-vizsla-abc123",
        "GRAPH_RIGHTS": "ThreatHunting.Read.All",
        "GRAPH_RIGHTS_GRANTED": "false",
    }
    return outputs | changed


def test_the_next_steps_name_what_was_deployed():
    told = "\n".join(next_steps.told(deployed()))
    assert f"infra/grant-permissions.sh {IDENTITY} ThreatHunting.Read.All" in told
    assert "--vault-name kv-vizsla-abc123 --name VIZSLA-TEAMS-URL" in told
    assert "curl https://func-vizsla-abc123.azurewebsites.net/api/health" in told


def test_rights_that_were_granted_are_no_next_step():
    assert "grant-permissions" not in "\n".join(next_steps.told(deployed(GRAPH_RIGHTS_GRANTED="True")))


def test_the_next_steps_read_only_outputs_that_main_has():
    named = set(re.findall(r"deployed\['(\w+)'\]", (INFRA / "next_steps.py").read_text("utf-8").replace('"', "'")))
    assert named <= set(read(MAIN).output)
