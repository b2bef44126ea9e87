"""The playbook's template keeps the conventions of Microsoft Sentinel's playbooks, and holds no secret."""

import re

import pytest
from jsonschema import Draft202012Validator

from tests.infra import arm, expressions, workflow
from tests.infra.playbook import FOLDER, TEMPLATE, changed

TEXT, LINES = {"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "string", "minLength": 1}}
CONNECTION = "[variables('MicrosoftSentinelConnectionName')]"
API = "/managedApis/Azuresentinel')]"


def record(*required, **properties):
    """An object with these properties and no other, of which some may be absent."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required or properties),
        "properties": properties,
    }


def ends(text):
    return {"type": "string", "pattern": f"{re.escape(text)}$"}


METADATA = record(
    title=TEXT,
    description=TEXT,
    prerequisites=LINES,
    postDeployment={**LINES, "minItems": 1},
    prerequisitesDeployTemplateFile={"type": "string"},
    lastUpdateTime={"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$"},
    entities={"const": ["Host"]},
    tags=LINES,
    support=record(tier={"enum": ["community", "developer", "microsoft"]}),
    author=record(name=TEXT),
    releaseNotes={"type": "array", "minItems": 1, "items": record(version=TEXT, title=TEXT, notes=LINES)},
)
PARAMETER = {
    **record(
        "type",
        "metadata",
        type={"enum": ["string", "securestring", "int", "bool", "object", "array"]},
        defaultValue={},
        allowedValues={"type": "array"},
        minValue={"type": "integer"},
        maxValue={"type": "integer"},
        metadata=record(description=TEXT),
    ),
    "if": {"properties": {"type": {"const": "securestring"}}, "required": ["type"]},
    "then": {"properties": {"defaultValue": False}},
}
MANAGED = record(type={"const": "ManagedServiceIdentity"})
SENTINEL = record(
    connectionId={"const": f"[resourceId('Microsoft.Web/connections', {CONNECTION[1:-1]})]"},
    connectionName={"const": CONNECTION},
    id=ends(API),
    connectionProperties=record(authentication=MANAGED),
)
TRIGGER = record(
    type={"const": "ApiConnectionWebhook"},
    inputs=record(
        host={"type": "object"},
        body={"const": {"callback_url": "@listCallbackUrl()"}},
        path={"const": "/incident-creation"},
    ),
)
SCHEMA_OF = "https://schema.management.azure.com"
DEFINITION = record(
    **{"$schema": {"const": f"{SCHEMA_OF}/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#"}},
    contentVersion={"const": "1.0.0.0"},
    parameters={"type": "object", "required": ["$connections"]},
    # The trigger's name may not change: an automation rule finds the playbook by it.
    triggers=record(Microsoft_Sentinel_incident=TRIGGER),
    actions={"type": "object", "minProperties": 1, "propertyNames": {"pattern": "^[A-Za-z][A-Za-z0-9_-]{0,79}$"}},
    outputs={"const": {}},
)
PLAYBOOK = record(
    type={"const": "Microsoft.Logic/workflows"},
    apiVersion={"const": "2017-07-01"},
    name={"const": "[parameters('PlaybookName')]"},
    location={"const": "[resourceGroup().location]"},
    tags=record(**{"hidden-SentinelTemplateName": TEXT, "hidden-SentinelTemplateVersion": ends("")}),
    identity={"const": {"type": "SystemAssigned"}},
    dependsOn={"const": [SENTINEL["properties"]["connectionId"]["const"]]},
    properties=record(
        provisioningState={"const": "Succeeded"},
        state={"const": "Enabled"},
        definition=DEFINITION,
        parameters={
            "type": "object",
            "required": ["$connections"],
            "properties": {"$connections": record(value=record(azuresentinel=SENTINEL))},
            "additionalProperties": record(value={}),
        },
    ),
)
WEB_CONNECTION = record(
    type={"const": "Microsoft.Web/connections"},
    apiVersion={"const": "2016-06-01"},
    name={"const": CONNECTION},
    location={"const": "[resourceGroup().location]"},
    kind={"const": "V1"},
    properties=record(
        displayName={"const": CONNECTION},
        customParameterValues={"const": {}},
        parameterValueType={"const": "Alternative"},
        api=record(id=ends(API)),
    ),
)
CONVENTIONS = record(
    **{"$schema": {"const": f"{SCHEMA_OF}/schemas/2019-04-01/deploymentTemplate.json#"}},
    contentVersion={"const": "1.0.0.0"},
    metadata=METADATA,
    parameters={"type": "object", "required": ["PlaybookName"], "additionalProperties": PARAMETER},
    variables={
        "type": "object",
        "required": ["MicrosoftSentinelConnectionName"],
        "properties": {
            "MicrosoftSentinelConnectionName": {"const": "[concat('MicrosoftSentinel-', parameters('PlaybookName'))]"}
        },
    },
    resources={"type": "array", "prefixItems": [PLAYBOOK, WEB_CONNECTION], "items": False, "minItems": 2},
    outputs={"type": "object", "additionalProperties": record(type=TEXT, value=TEXT)},
)

_SECRET = re.compile(r"key|secret|password|token|credential|sas\b|signature", re.IGNORECASE)
_NO_SECRET = re.compile(r"(Name|Url|Uri|Audience)$")
_LOOKS_SECRET = re.compile(
    r"[?&](sig|code)=|AccountKey=|SharedAccess|\beyJ[\w-]{10}|\b[A-Za-z0-9+/_-]{40,}={0,2}(?![\w/])"
)
_KEYS = {"x-functions-key", "authorization", "ocp-apim-subscription-key", "password", "value", "secret"}


def breaches(template):
    """Where the template leaves the conventions."""
    return sorted(error.json_path for error in Draft202012Validator(CONVENTIONS).iter_errors(template))


def secrets(template):
    """Where a secret stands, or may be read in the history of runs."""
    flow = workflow.of(template)
    declared = {**template["parameters"], **flow.definition["parameters"]}
    found = [
        f"{name} may be seen"
        for name, each in declared.items()
        if _SECRET.search(name) and not _NO_SECRET.search(name) and each["type"].lower() != "securestring"
    ]
    texts = [each for each in expressions.strings(template) if not each.startswith(SCHEMA_OF)]
    found += [f"{text[:20]}... looks like a secret" for text in texts if _LOOKS_SECRET.search(text)]
    hidden = {each.name for each in flow.actions.values() if "outputs" in secured(each)}
    for each in flow.actions.values():
        inputs = each.is_.get("inputs")
        sent = inputs.get("headers", {}) if each.kind == "Http" else {}
        found += [
            f"{each.name}: {key} is written out"
            for key, text in sent.items()
            if key.lower() in _KEYS and "@" not in text
        ]
        reads = {
            call.arguments for text in expressions.strings(inputs) for call in expressions.calls(expressions.read(text))
        }
        if (
            "inputs" not in secured(each)
            and reads & {(expressions.Literal(name),) for name in hidden}
            and each.kind == "Http"
        ):
            found.append(f"{each.name} shows what it reads in secret")
    vaults = [each for each in flow.actions.values() if "/secrets/" in str(each.is_.get("inputs", {}))]
    return found + [
        f"{each.name} shows the secret" for each in vaults if each.kind == "Http" and each.name not in hidden
    ]


def secured(action):
    return action.is_.get("runtimeConfiguration", {}).get("secureData", {}).get("properties", [])


def mismatches(template):
    """Parameters of the workflow without a value, and values without a parameter or of another type."""
    flow = workflow.of(template)
    given = template["resources"][0]["properties"]["parameters"]
    declared = flow.definition["parameters"]
    found = [
        f"{name} has no value" for name, each in declared.items() if name not in given and "defaultValue" not in each
    ]
    found += [f"{name} is no parameter" for name in given if name not in declared]
    used = {
        call.arguments[0].value
        for text in expressions.strings(flow.definition)
        for call in expressions.calls(expressions.read(text))
        if call.name == "parameters"
    }
    return found + [f"{name} is not used" for name in declared if name not in used]


def test_the_template_keeps_the_conventions():
    assert breaches(workflow.load(TEMPLATE)) == []


def test_the_templates_own_expressions_are_whole():
    assert arm.dangling(workflow.load(TEMPLATE)) == []


def test_the_workflow_gets_its_parameters():
    assert mismatches(workflow.load(TEMPLATE)) == []


def test_no_secret_stands_in_the_template_nor_in_the_history_of_runs():
    assert secrets(workflow.load(TEMPLATE)) == []


def test_what_a_deployment_gives_to_the_workflow():
    given = {"FunctionAppUrl": "https://app.example", "KeyVaultName": "kv", "RaiseSeverity": "SuspiciousOrWorse"}
    values = arm.workflow_parameters(workflow.load(TEMPLATE), given)
    connection = values.pop("$connections")["azuresentinel"]
    assert connection["connectionName"] == "MicrosoftSentinel-Hunt-IncidentHosts"
    assert values == {
        "FunctionAppUrl": "https://app.example",
        "Hunt": "discovery-burst",
        "HuntParameters": {},
        "WindowHours": 24,
        "Authentication": "Key",
        "KeyVaultUrl": "https://kv.vault.azure.net",
        "KeyVaultAudience": "https://vault.azure.net",
        "FunctionKeySecretName": "vizsla-function-key",
        "FunctionAppAudience": "",
        "ResourceManagerUrl": "https://management.azure.com",
        "VerdictsThatRaise": ["suspicious", "malicious-looking"],
    }


def test_the_readme_tells_every_parameter_and_shows_the_flow():
    readme = (FOLDER / "readme.md").read_text("utf-8")
    assert [name for name in workflow.load(TEMPLATE)["parameters"] if f"| `{name}` |" not in readme] == []
    assert "(images/flow.png)" in readme


def put(value, *path):
    """Sets what stands at the path; `None` takes it out."""

    def change(template):
        held = template
        for step in path[:-1]:
            held = held[step]
        held.update({path[-1]: value})
        if value is None:
            del held[path[-1]]

    return change


LOGIC = ("resources", 0)
GIVEN = (*LOGIC, "properties", "parameters")


@pytest.mark.parametrize(
    "path",
    [
        ("metadata", "author"),
        ("metadata", "postDeployment"),
        ("parameters", "PlaybookName"),
        ("parameters", "Hunt", "metadata"),
        ("variables", "MicrosoftSentinelConnectionName"),
        (*LOGIC, "identity"),
        (*LOGIC, "dependsOn"),
        (*LOGIC, "tags", "hidden-SentinelTemplateName"),
        (*GIVEN, "$connections", "value", "azuresentinel", "connectionProperties"),
        ("resources", 1, "properties", "parameterValueType"),
        (*LOGIC, "properties", "definition", "triggers", "Microsoft_Sentinel_incident"),
    ],
)
def test_what_is_taken_out_is_missed(path):
    assert breaches(changed(put(None, *path)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("$schema",), "https://example.com"),
        (("metadata", "lastUpdateTime"), "yesterday"),
        (("metadata", "support", "tier"), "gold"),
        (("parameters", "Hunt", "type"), "text"),
        (("parameters", "Key"), {"type": "securestring", "defaultValue": "x", "metadata": {"description": "A key."}}),
        ((*LOGIC, "apiVersion"), "2016-06-01"),
        ((*LOGIC, "identity"), {"type": "UserAssigned"}),
        ((*LOGIC, "properties", "definition", "triggers"), {"When_an_incident": {}}),
        ((*LOGIC, "properties", "definition", "actions", "Two words"), {}),
        (("resources", 1, "properties", "parameterValueSet"), {}),
    ],
)
def test_a_planted_breach_is_found(path, value):
    assert breaches(changed(put(value, *path)))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (put("[variables('Nowhere')]", *GIVEN, "Hunt", "value"), "variables('Nowhere') is not declared"),
        (put("discovery-burst", *GIVEN, "Hunt", "value"), "parameters: Hunt is not used"),
        (put("x", "variables", "Idle"), "variables: Idle is not used"),
    ],
)
def test_a_planted_fault_in_the_templates_expressions_is_found(change, fault):
    assert fault in arm.dangling(changed(change))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (put(None, *GIVEN, "Hunt"), "Hunt has no value"),
        (put({"value": 1}, *GIVEN, "Hnt"), "Hnt is no parameter"),
        (put({"type": "String"}, *LOGIC, "properties", "definition", "parameters", "Idle"), "Idle is not used"),
    ],
)
def test_a_planted_mismatch_is_found(change, fault):
    assert fault in mismatches(changed(change))


def action(name, *path):
    """Where an action stands in the template."""
    steps = [step for each in path for step in (each, "actions")]
    return (*LOGIC, "properties", "definition", "actions", *steps, name)


CALL = ("Hunt", "Call_the_app")
RANDOM = "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZmdoaWprbG1ub3A="
FUNCTION_KEY = {"defaultValue": RANDOM, "type": "string", "metadata": {"description": "The key."}}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (put(FUNCTION_KEY, "parameters", "FunctionKey"), "FunctionKey may be seen"),
        (put(RANDOM, "parameters", "Hunt", "defaultValue"), "Zm9vYmFyYmF6cXV4MTIz... looks like a secret"),
        (put("https://a.example/x?code=1", "variables", "Url"), "https://a.example/x?... looks like a secret"),
        (
            put("abc", *action("Run_hunt_with_key", *CALL), "inputs", "headers", "x-functions-key"),
            "Run_hunt_with_key: x-functions-key is written out",
        ),
        (
            put(None, *action("Run_hunt_with_key", *CALL), "runtimeConfiguration"),
            "Run_hunt_with_key shows what it reads in secret",
        ),
        (put(None, *action("Get_function_key", *CALL), "runtimeConfiguration"), "Get_function_key shows the secret"),
    ],
)
def test_a_planted_secret_is_found(change, fault):
    assert fault in secrets(changed(change))
