"""The playbook acted out over incidents: what it asks of whom, and what an analyst then reads."""

import json
from datetime import timedelta

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from tests.infra import arm, workflow
from tests.infra.acting import Answered, Asked, act
from tests.infra.playbook import (
    ANSWER,
    APP,
    DEPLOYED,
    INCIDENT,
    NOW,
    RUNS,
    SECRET,
    TEMPLATE,
    Outside,
    changed,
    incident,
)
from tests.tree import ROOT

OPENAPI = ROOT / "docs" / "openapi.json"


def acted(outside=None, *, trigger=None, template=None, **deployed):
    template = template or workflow.load(TEMPLATE)
    return act(
        workflow.of(template),
        trigger=trigger or incident(),
        parameters=arm.workflow_parameters(template, {**DEPLOYED, **deployed}),
        now=NOW,
        world=outside or Outside(),
    )


def said(acting):
    """The comments."""
    return [each.body["message"] for each in acting.asked if each.url == "/Incidents/Comment"]


def updates(acting):
    """What was changed of the incident, in order."""
    return [
        {key: value for key, value in each.body.items() if key != "incidentArmId"}
        for each in acting.asked
        if each.url == "/Incidents"
    ]


def hunts(acting):
    """What was asked of the app, polls included."""
    return [each for each in acting.asked if each.url.startswith(APP)]


def body(acting):
    return hunts(acting)[0].body


def tags(*names):
    return {"tagsToAdd": {"TagsToAdd": [{"Tag": name} for name in names]}}


OURS, HIS = tags("vizsla"), tags("vizsla:malicious-looking", "vizsla")


def test_an_incident_is_hunted_answered_tagged_and_raised():
    acting = acted()
    connector = {"incidentArmId": INCIDENT}
    assert acting.asked == [
        Asked("PUT", "/Incidents", {**connector, **OURS}),
        Asked("POST", "/entities/host", [{"kind": "Host"}]),
        Asked(
            "GET",
            "https://soc-vault.vault.azure.net/secrets/vizsla-function-key?api-version=7.4",
            identity="https://vault.azure.net",
        ),
        Asked(
            "POST",
            RUNS,
            {
                "parameters": {},
                "window": {"start": "2026-11-19T20:00:00Z", "end": "2026-11-20T20:00:00Z"},
                "devices": [{"hostName": "pc1", "dnsDomain": "corp.example"}],
                "deliver": [],
                "wait": "PT60S",
            },
            {"Idempotency-Key": "08584000000000000000000000000CU00", "x-functions-key": SECRET},
        ),
        Asked(
            "GET",
            f"https://management.azure.com{INCIDENT}?api-version=2024-03-01",
            identity="https://management.azure.com",
        ),
        Asked("PUT", "/Incidents", {**connector, "severity": "High", **HIS}),
        Asked("POST", "/Incidents/Comment", {**connector, "message": "<p>Found.</p>"}),
        Asked(
            "POST",
            "/Incidents/Comment",
            {**connector, "message": "<p>Severity raised from Low to high: the verdict is malicious-looking.</p>"},
        ),
    ]
    assert acting.run.status == "Succeeded"


def test_a_managed_identity_needs_no_key():
    acting = acted(Authentication="ManagedIdentity")
    asked = hunts(acting)[0]
    assert (asked.identity, dict(asked.headers)) == (
        "api://vizsla",
        {"Idempotency-Key": "08584000000000000000000000000CU00"},
    )
    assert [each for each in acting.asked if "vault" in each.url] == []
    assert said(acting)[0] == "<p>Found.</p>"


@pytest.mark.parametrize("label", ["vizsla", "Vizsla"])
def test_an_incident_with_our_tag_is_left_alone(label):
    acting = acted(trigger=incident(labels=("other", label)))
    assert acting.asked == []
    assert (acting.run.status, acting.run.ended_by) == ("Succeeded", "Leave_alone")


@pytest.mark.parametrize("labels", [(), ("vizsla:clean",), ("notvizsla",)])
def test_other_tags_do_not_keep_it_from_hunting(labels):
    assert hunts(acted(trigger=incident(labels=labels)))


def test_an_answer_that_comes_later_is_fetched_from_where_the_app_says():
    later = Answered(202, headers={"Location": f"{APP}/api/runs/5f0c?sig=x", "Retry-After": "20"})
    acting = acted(Outside(app=[later, later, Answered(200, ANSWER)]))
    assert [(each.method, each.url) for each in hunts(acting)] == [
        ("POST", RUNS),
        ("GET", f"{APP}/api/runs/5f0c?sig=x"),
        ("GET", f"{APP}/api/runs/5f0c?sig=x"),
    ]
    assert said(acting)[0] == "<p>Found.</p>"


def test_a_call_that_is_tried_again_is_the_same_run_to_the_app():
    busy = Answered(429, headers={"Retry-After": "20"})
    acting = acted(Outside(app=[busy, Answered(503), Answered(200, ANSWER)]))
    assert len(hunts(acting)) == 3
    assert hunts(acting) == [hunts(acting)[0]] * 3
    assert said(acting)[0] == "<p>Found.</p>"


FAILURE = "<p><strong>Vizsla did not finish its hunt: nothing is known of these hosts.</strong> {}</p>"


@pytest.mark.parametrize(
    ("outside", "reason"),
    [
        (Outside(app=[Answered(400)]), "The app refused the request (400)"),
        (Outside(app=[Answered(401)]), "The app refused the playbook's key or identity (401)."),
        (Outside(app=[Answered(403)]), "The app refused the playbook's key or identity (403)."),
        (Outside(app=[Answered(404)]), "The app knows no hunt of this name, or its address is wrong (404)."),
        (Outside(app=[Answered(409)]), "The app has seen this run with another request (409)."),
        (Outside(app=[Answered(413)]), "The list of hosts is too long for one request (413)."),
        (Outside(app=[Answered(429)]), "Throttled: the app, or Defender's quota behind it, was still busy"),
        (Outside(app=[Answered(503)]), "The app was not ready after four more tries (503)."),
        (Outside(app=[Answered(500)]), "The app failed."),
        (Outside(app=[Answered(202, headers={"Location": f"{APP}/x"})]), "The hunt was not done within an hour."),
        (Outside(app=[Answered(200, "<html>Sign in</html>")]), "The app's address answered with something else"),
        (Outside(app=[Answered(200, {**ANSWER, "commentHtml": ""})]), "The app's address answered with something else"),
        (Outside(broken={"vault": 403}), "The function key could not be read from Key Vault"),
        (Outside(broken={"/entities/host": 500}), "The app was not asked"),
    ],
)
def test_a_hunt_that_does_not_answer_ends_in_a_comment_that_says_so(outside, reason):
    acting = acted(outside)
    (comment,) = said(acting)
    assert comment.startswith(FAILURE.format(reason).removesuffix("</p>"))
    assert "run 08584000000000000000000000000CU00" in comment
    assert updates(acting) == [OURS]
    assert (acting.run.status, acting.run.ended_by) == ("Failed", "End_hunt_failed")


@pytest.mark.parametrize("status", ["failed", "throttled"])
def test_a_run_that_failed_at_the_app_is_told_in_its_words_and_raises_nothing(status):
    told = {**ANSWER, "status": status, "commentHtml": f"<p>{status}</p>", "tags": ["vizsla:unfinished"]}
    acting = acted(Outside(app=[Answered(200, told)]))
    assert said(acting) == [f"<p>{status}</p>"]
    assert updates(acting) == [OURS, tags("vizsla:unfinished", "vizsla")]


@pytest.mark.parametrize(
    ("raises", "verdict", "highest", "now", "becomes"),
    [
        ("MaliciousLooking", "malicious-looking", "high", "Low", "High"),
        ("MaliciousLooking", "malicious-looking", "medium", "Informational", "Medium"),
        ("MaliciousLooking", "malicious-looking", "medium", "High", None),  # never lowered
        ("MaliciousLooking", "malicious-looking", "high", "High", None),
        ("MaliciousLooking", "suspicious", "high", "Low", None),
        ("MaliciousLooking", "clean", None, "Low", None),
        ("SuspiciousOrWorse", "suspicious", "medium", "Low", "Medium"),
        ("SuspiciousOrWorse", "clean", "high", "Low", None),
        ("SuspiciousOrWorse", "malicious-looking", None, "Low", None),
        ("Never", "malicious-looking", "high", "Low", None),
    ],
)
def test_severity_is_raised_when_the_verdict_says_so(raises, verdict, highest, now, becomes):
    told = {**ANSWER, "verdict": verdict, "highestSeverity": highest}
    acting = acted(Outside(app=[Answered(200, told)], severity_now=now), RaiseSeverity=raises)
    assert updates(acting) == [OURS, {**({"severity": becomes} if becomes else {}), **HIS}]
    assert len(said(acting)) == (2 if becomes else 1)


def test_what_an_analyst_did_while_the_hunt_ran_is_kept():
    acting = acted(Outside(severity_now="High"), trigger=incident(severity="Low"))
    assert updates(acting) == [OURS, HIS]


@pytest.mark.parametrize("broken", [{"management.azure.com": 500}, {"malicious-looking'": 403}])
def test_a_tag_or_severity_that_cannot_be_written_is_told(broken):
    acting = acted(Outside(broken=broken))
    assert said(acting) == [
        "<p>Found.</p>",
        "<p>Tags and severity of this incident could not be written. Set them by hand.</p>",
    ]


def test_an_answer_that_cannot_be_written_is_told_in_short():
    acting = acted(Outside(broken={"<p>Found": 400}))
    assert said(acting)[1].startswith("<p><strong>Vizsla hunted, but its answer could not be written here.</strong>")
    assert "Verdict: malicious-looking." in said(acting)[1]
    assert acting.run.status == "Failed"


def test_without_the_tag_nothing_is_asked_of_anyone():
    acting = acted(Outside(broken={"/Incidents": 403}))
    assert [each.url for each in acting.asked] == ["/Incidents"]
    assert acting.run.status == "Failed"


@pytest.mark.parametrize(
    ("hosts", "devices"),
    [
        ([{"HostName": "pc1", "DnsDomain": "corp.example"}], [{"hostName": "pc1", "dnsDomain": "corp.example"}]),
        ([{"HostName": "pc1"}, {"HostName": "pc2", "DnsDomain": None}], [{"hostName": "pc1"}, {"hostName": "pc2"}]),
        ([{"HostName": " pc1 ", "DnsDomain": "  "}, {"HostName": "pc1", "OSFamily": "Windows"}], [{"hostName": "pc1"}]),
        ([{"HostName": ""}, {"HostName": None}, {"AzureID": "x"}, {"HostName": "pc1"}], [{"hostName": "pc1"}]),
    ],
)
def test_hosts_become_devices(hosts, devices):
    assert body(acted(Outside(hosts=hosts)))["devices"] == devices


@pytest.mark.parametrize(("hosts", "number"), [([], 0), (None, 0), ([{"HostName": ""}, {"AzureID": "x"}], 2)])
def test_an_incident_without_a_host_says_that_nothing_was_hunted(hosts, number):
    acting = acted(Outside(hosts=hosts))
    assert hunts(acting) == []
    (comment,) = said(acting)
    assert comment.startswith("<p><strong>Vizsla did not hunt:</strong> this incident names no host ")
    assert f"({number} host entities, none with a HostName)" in comment
    assert (acting.run.status, acting.run.ended_by) == ("Succeeded", "End_without_hunt")


@pytest.mark.parametrize(("number", "note"), [(1000, False), (1001, True)])
def test_of_more_than_a_thousand_hosts_the_first_are_taken_and_the_rest_is_told(number, note):
    acting = acted(Outside(hosts=[{"HostName": f"pc{each}"} for each in range(number)], severity_now="High"))
    assert body(acting)["devices"] == [{"hostName": f"pc{each}"} for each in range(1000)]
    told = ["<p>The incident names 1001 hosts. The hunt looked at the first 1000.</p>"]
    assert said(acting) == ["<p>Found.</p>", *(told if note else [])]


@pytest.mark.parametrize(
    ("times", "hours", "window"),
    [
        ({"firstActivityTimeUtc": "2026-11-20T08:00:00Z"}, 24, ("2026-11-19T20:00:00Z", "2026-11-20T20:00:00Z")),
        ({"firstActivityTimeUtc": "2026-11-24T11:50:00Z"}, 24, ("2026-11-23T12:00:00Z", "2026-11-24T12:00:00Z")),
        ({"firstActivityTimeUtc": None}, 24, ("2026-11-19T20:05:00Z", "2026-11-20T20:05:00Z")),
        (
            {"firstActivityTimeUtc": None, "createdTimeUtc": None},
            24,
            ("2026-11-23T12:00:00Z", "2026-11-24T12:00:00Z"),
        ),
        ({"firstActivityTimeUtc": "2026-11-20T08:00:00Z"}, 1, ("2026-11-20T07:30:00Z", "2026-11-20T08:30:00Z")),
        ({"firstActivityTimeUtc": "2026-11-20T08:00:00Z"}, 720, ("2026-10-25T12:00:00Z", "2026-11-24T12:00:00Z")),
    ],
)
def test_the_window_lies_around_the_first_activity_and_never_in_the_future(times, hours, window):
    asked = body(acted(trigger=incident(**times), WindowHours=hours))["window"]
    assert (asked["start"], asked["end"]) == window


def request_schema():
    """What our OpenAPI says of the body of `POST /api/hunts/{hunt}/runs`, with the components that it refers to."""
    spec, operation = operation_of(OPENAPI)
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    return {"allOf": [schema], "components": spec["components"]}


def operation_of(path):
    assert path.exists(), f"{path.relative_to(ROOT)} is not there: the playbook's request cannot be checked against it"
    spec = json.loads(path.read_text("utf-8"))
    (found,) = (held for route, held in spec["paths"].items() if route.endswith("/hunts/{hunt}/runs"))
    return spec, found["post"]


def refused(asked, schema):
    return [error.message for error in Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(asked)]


MANY = [{"HostName": f"pc{each}", "DnsDomain": "corp.example"} for each in range(1001)]


@pytest.mark.parametrize(
    ("outside", "deployed"),
    [
        (Outside(), {}),
        (Outside(), {"Authentication": "ManagedIdentity"}),
        (Outside(), {"HuntParameters": {"minimum": 4}}),
        (Outside(), {"WindowHours": 720}),
        (Outside(hosts=[{"HostName": "pc1"}]), {}),
        (Outside(hosts=MANY), {}),
    ],
)
def test_the_request_is_what_our_openapi_takes(outside, deployed):
    assert refused(body(acted(outside, **deployed)), request_schema()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("window", {"start": "2026-11-19T20:00:00Z", "until": "2026-11-20T20:00:00Z"}),
        ("devices", "@outputs('Named_hosts')"),
        ("devices", "@outputs('Distinct_devices')"),
        ("deliver", "memory"),
        ("wait", 60),
        ("hosts", []),
    ],
)
def test_a_planted_fault_in_the_request_is_found(name, value):
    def change(template):
        held = template["resources"][0]["properties"]["definition"]["actions"]["Hunt"]["actions"]
        held["Request"]["inputs"][name] = value

    assert refused(body(acted(Outside(hosts=MANY), template=changed(change))), request_schema())


def test_the_path_and_headers_are_those_of_our_openapi():
    spec, operation = operation_of(OPENAPI)
    resolved = [spec["components"]["parameters"][each["$ref"].rsplit("/", 1)[1]] if "$ref" in each else each
                for each in operation.get("parameters", [])]  # fmt: skip
    assert "Idempotency-Key" in {each["name"] for each in resolved if each["in"] == "header"}
    keys = {each.get("name") for each in spec["components"]["securitySchemes"].values()}
    assert "x-functions-key" in keys


def test_what_is_read_of_an_answer_is_what_our_openapi_gives():
    spec, operation = operation_of(OPENAPI)
    given = operation["responses"]["200"]["content"]["application/json"]["schema"]
    given = spec["components"]["schemas"][given["$ref"].rsplit("/", 1)[1]] if "$ref" in given else given
    read = workflow.of(workflow.load(TEMPLATE)).actions["Answer"].is_["inputs"]["schema"]["properties"]
    assert sorted(read.keys() - given["properties"].keys()) == []


def test_a_poll_of_an_hour_is_what_the_playbook_waits():
    hunt = workflow.of(workflow.load(TEMPLATE))
    calls = [hunt.actions[name].is_ for name in ("Run_hunt_with_key", "Run_hunt_with_identity")]
    assert [each["limit"] for each in calls] == [{"timeout": "PT1H"}] * 2
    assert timedelta(seconds=int(body(acted())["wait"][2:-1])) <= timedelta(seconds=100)
    assert [each.get("operationOptions") for each in calls] == [None, None]
