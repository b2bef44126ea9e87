"""The rules that make incidents of findings: what they map is there, and what is told twice makes one alert."""

import json
import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from engine.lints.kusto import analyse
from engine.model.delivery import Receipt
from engine.model.finding import Account, Device, Process
from engine.model.notice import Notice
from engine.sinks import log_row
from tests.engine.stores.test_contract import a_command, a_finding
from tests.infra.workspace import ALERTS, DELAY, FINDINGS, INFRA, SCHEMA, Workspace

FOLDER = INFRA / "detections"
RULE_KQL, DETECTION_KQL = (
    (FOLDER / name).read_text("utf-8") for name in ("analytics-rule.kql", "custom-detection.kql")
)
TEMPLATE = json.loads((FOLDER / "analytics-rule.json").read_text("utf-8"))
(RESOURCE,) = TEMPLATE["resources"]
RULE = RESOURCE["properties"]
DETECTIONS = json.loads((FOLDER / "custom-detection.json").read_text("utf-8"))
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
FREQUENCY, PERIOD = 10 * MINUTE, 36 * HOUR
EARLIER = Receipt(id="f")
TACTICS = {
    *("Reconnaissance", "ResourceDevelopment", "InitialAccess", "Execution", "Persistence", "PrivilegeEscalation"),
    *("DefenseEvasion", "CredentialAccess", "Discovery", "LateralMovement", "Collection", "Exfiltration"),
    *("CommandAndControl", "Impact"),
}
# What Microsoft's pages say an entity can be told by, of what is mapped here.
IDENTIFIERS = {
    "Host": {"HostName", "DnsDomain", "NTDomain", "NetBiosName", "AzureID"},
    "Account": {"Name", "NTDomain", "DnsDomain", "UPNSuffix", "Sid", "AadUserId"},
    "Process": {"ProcessId", "CommandLine", "ElevationToken", "CreationTimeUtc"},
    "FileHash": {"Algorithm", "Value"},
}
COLUMNS_OF = {
    "hosts": {"deviceIdColumn", "dnsDomainColumn", "nameColumn", "netBiosNameColumn", "ntDomainColumn"},
    "accounts": {
        *("aadUserIdColumn", "dnsDomainColumn", "nameColumn", "ntDomainColumn", "sidColumn", "upnColumn"),
        "upnSuffixColumn",
    },
    "processes": {"sha1Column", "sha256Column"},
    "files": {"nameColumn", "sha1Column", "sha256Column"},
}


@pytest.fixture
def workspace():
    with Workspace() as opened:
        yield opened


@pytest.fixture(scope="module")
def analyses():
    """What Microsoft's parser says of each query."""
    detections = {each["id"]: each["queryCondition"]["queryText"] for each in DETECTIONS}
    return analyse({"rule": RULE_KQL, "detection": DETECTION_KQL, **detections}, SCHEMA)


def told(workspace, at, *, arrived=None, finding=None, **changes):
    """Writes the row that the sink tells at a moment; it arrives two minutes later, if nothing else is said."""
    finding = finding or a_finding("f", commands=(a_command(1),), severity="high")
    notice = Notice(key=finding.fingerprint, finding=finding, hunt_title="Burst", tactic="TA0007", **changes)
    workspace.write(FINDINGS, msgspec.to_builtins(log_row.row(notice, at)), arrived or at + 2 * MINUTE)


def an_alert(row):
    """The alert's properties as Sentinel writes them into SecurityAlert: custom details are JSON within JSON."""
    details = {key: [str(row[column])] for key, column in RULE["customDetails"].items()}
    return {
        "AlertName": row["FindingTitle"],
        "ExtendedProperties": json.dumps({"Query Period": RULE["queryPeriod"], "Custom Details": json.dumps(details)}),
    }


def scheduled(workspace, start, span, *, now_is_late, recorded=True):
    """Runs the rule for a span of time; gives the rows of which an alert was made.

    `now_is_late`: whether now() in it is when it is run rather than its scheduled time, for Microsoft does not say.
    """
    alerts = []
    for number in range(span // FREQUENCY + 1):
        until = start + number * FREQUENCY
        executed = until + DELAY
        now = executed if now_is_late else until
        for row in workspace.run(RULE_KQL, now=now, until=until, executed=executed, period=PERIOD):
            alerts.append(row)
            if recorded:
                made = executed + MINUTE
                stamp = {"TimeGenerated": f"{made:%Y-%m-%dT%H:%M:%S}Z"}
                workspace.write(ALERTS, an_alert(row) | stamp, made + MINUTE)
    return alerts


def forms(alerts):
    return [(row["Fingerprint"], row["State"], row["Severity"]) for row in alerts]


def test_microsofts_parser_finds_no_fault_in_the_queries(analyses):
    assert {name: each.diagnostics for name, each in analyses.items() if each.diagnostics} == {}
    assert {each.open for each in analyses.values()} == {False}


def test_the_templates_hold_the_queries_that_stand_beside_them():
    assert RULE["query"] == RULE_KQL
    line = re.compile(r'^let severities = dynamic\(\["\w+"\]\);$', re.MULTILINE)
    texts = [each["queryCondition"]["queryText"] for each in DETECTIONS]
    assert [line.sub("", text) for text in texts] == [line.sub("", DETECTION_KQL)] * 3
    assert [re.findall(r'severities = dynamic\(\["(\w+)"\]', text) for text in texts] == [["High"], ["Medium"], ["Low"]]
    levels = [each["detectionAction"]["alertTemplate"]["severity"] for each in DETECTIONS]
    assert levels == ["high", "medium", "low"]


def test_the_rule_maps_columns_that_its_query_has(analyses):
    has = {column.name for column in analyses["rule"].columns}
    fields = [(each["entityType"], field) for each in RULE["entityMappings"] for field in each["fieldMappings"]]
    override = RULE["alertDetailsOverride"]
    used = {
        *(field["columnName"] for _, field in fields),
        *RULE["customDetails"].values(),
        *re.findall(r"{{(\w+)}}", override["alertDisplayNameFormat"] + override["alertDescriptionFormat"]),
        override["alertSeverityColumnName"],
        override["alertTacticsColumnName"],
    }
    assert used - has == set()
    assert [field for kind, field in fields if field["identifier"] not in IDENTIFIERS[kind]] == []


def test_the_rule_is_within_sentinels_limits():
    grouping = RULE["incidentConfiguration"]["groupingConfiguration"]
    assert max(len(each["fieldMappings"]) for each in RULE["entityMappings"]) <= 3
    assert len(RULE["customDetails"]) <= 20
    assert len(RULE["query"]) <= 10_000
    assert set(grouping["groupByCustomDetails"]) <= set(RULE["customDetails"])
    # A rule that runs more often than hourly may look back for less than two days; a finding is told again for one.
    assert (RULE["queryFrequency"], RULE["queryPeriod"]) == ("PT10M", "PT36H")


def test_the_template_declares_the_parameters_that_it_uses():
    used = set(re.findall(r"parameters\('(\w+)'\)", json.dumps(RESOURCE)))
    assert used == set(TEMPLATE["parameters"])


def test_the_custom_detections_map_columns_that_their_query_has(analyses):
    for each in DETECTIONS:
        has = {column.name: column.type for column in analyses[each["id"]].columns}
        alert = each["detectionAction"]["alertTemplate"]
        mapped = [
            (kind, key, name)
            for kind, all_of in alert["entityMappings"].items()
            for one in all_of
            for key, name in one.items()
        ]
        assert [key for kind, key, _ in mapped if key not in COLUMNS_OF[kind]] == []
        dynamic = re.findall(r"{{(\w+)}}", alert["title"] + alert["description"])
        details = alert["customDetails"].values()
        assert {*(name for *_, name in mapped), *dynamic, *details} - set(has) == set()
        assert {has[name] for name in details} == {"string"}
        assert {"TimeGenerated", "DeviceId"} <= set(has)


@pytest.mark.parametrize("now_is_late", [False, True])
@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("after", [0, 7])
def test_no_finding_is_lost_between_two_runs(workspace, after, now_is_late, recorded):
    at = NOON + after * MINUTE
    told(workspace, at, arrived=at + timedelta(seconds=90))
    alerts = scheduled(workspace, NOON, 50 * MINUTE, now_is_late=now_is_late, recorded=recorded)
    # Where SecurityAlert does not tell what is an alert already, a finding is fresh for three or four runs.
    assert len(alerts) == 1 if recorded else 3 <= len(alerts) <= 4
    assert {row["Fingerprint"] for row in alerts} == {"f"}


@pytest.mark.parametrize("now_is_late", [False, True])
def test_what_is_told_twice_is_one_alert(workspace, now_is_late):
    told(workspace, NOON)
    told(workspace, NOON + 16 * MINUTE, perhaps_told=True)
    told(workspace, NOON + 20 * HOUR, perhaps_told=True)
    alerts = scheduled(workspace, NOON, HOUR, now_is_late=now_is_late)
    assert len(alerts) == 1
    assert scheduled(workspace, NOON + 20 * HOUR, HOUR, now_is_late=now_is_late) == []
    assert alerts[0]["Repeated"] is False
    assert "may repeat" not in alerts[0]["Summary"]


def test_what_is_told_twice_within_one_run_is_one_alert(workspace):
    told(workspace, NOON)
    told(workspace, NOON + MINUTE, perhaps_told=True)
    assert len(scheduled(workspace, NOON, 20 * MINUTE, now_is_late=False)) == 1


@pytest.mark.parametrize("now_is_late", [False, True])
def test_a_row_that_arrives_hours_late_is_one_alert(workspace, now_is_late):
    told(workspace, NOON, arrived=NOON + 5 * HOUR)
    alerts = scheduled(workspace, NOON + 4 * HOUR, 2 * HOUR, now_is_late=now_is_late)
    assert forms(alerts) == [("f", "New", "High")]


def test_a_finding_that_grows_is_another_alert_of_the_same_incident(workspace):
    grown = a_finding("f", commands=(a_command(1), a_command(2)), severity="high")
    told(workspace, NOON, finding=a_finding("f", commands=(a_command(1),), severity="medium"))
    told(workspace, NOON + HOUR, finding=grown, earlier=EARLIER)
    alerts = scheduled(workspace, NOON, 90 * MINUTE, now_is_late=False)
    assert forms(alerts) == [("f", "New", "Medium"), ("f", "Grown", "High")]
    assert RULE["incidentConfiguration"]["groupingConfiguration"]["groupByCustomDetails"] == ["Fingerprint"]


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"retracted": "known good"}, "Retracted"),
        ({"absorbed_by": "g"}, "Absorbed"),
        ({"severity": "informational"}, "Grown"),
    ],
)
@pytest.mark.parametrize(("after", "alerts"), [(MINUTE, []), (HOUR, [("f", "New", "High")])])
def test_what_no_longer_stands_makes_no_alert_of_its_own(workspace, changes, state, after, alerts):
    finding = a_finding("f", **{"severity": "high", **changes})
    told(workspace, NOON + MINUTE)
    told(workspace, NOON + MINUTE + after, finding=finding, earlier=EARLIER)
    assert forms(scheduled(workspace, NOON, 90 * MINUTE, now_is_late=False)) == alerts
    assert log_row.row(Notice(key="f", finding=finding, hunt_title="", earlier=EARLIER), NOON).state == state


def test_an_alert_has_the_entities_the_severity_and_the_tactic_of_its_finding(workspace):
    finding = a_finding(
        "f",
        severity="high",
        device=Device("d", "ws01.contoso.com"),
        account=Account("SYSTEM", "NT AUTHORITY", "S-1-5-18"),
        actor=Process(file_name="a.exe", process_id=7, creation_time="2026-11-24T11:00:00.1234567Z", sha1="ab"),
    )
    told(workspace, NOON, finding=finding)
    (row,) = scheduled(workspace, NOON, 20 * MINUTE, now_is_late=False)
    mapped = {
        f"{each['entityType']}.{field['identifier']}": row[field["columnName"]]
        for each in RULE["entityMappings"]
        for field in each["fieldMappings"]
    }
    assert mapped == {
        "Host.HostName": "ws01",
        "Host.DnsDomain": "contoso.com",
        "Account.Name": "",
        "Account.NTDomain": "NT AUTHORITY",
        "Account.Sid": "S-1-5-18",
        "Process.ProcessId": "7",
        "Process.CreationTimeUtc": "2026-11-24T11:00:00.1234567Z",
        "Process.CommandLine": "",
        "FileHash.Algorithm": "SHA1",
        "FileHash.Value": "ab",
    }
    assert row["Severity"] in {"Informational", "Low", "Medium", "High"}
    assert row["Tactic"] in TACTICS


def test_a_finding_without_hash_or_process_id_has_no_such_entity(workspace):
    told(workspace, NOON, finding=a_finding("f", severity="high", actor=Process(file_name="a.exe")))
    (row,) = scheduled(workspace, NOON, 20 * MINUTE, now_is_late=False)
    assert (row["EntityHashAlgorithm"], row["ProcessSha1"], row["EntityProcessId"]) == ("", "", "")


def test_details_of_hostile_length_are_within_what_an_alert_can_hold(workspace):
    long = "\u202e\U0001f600" * 5_000
    finding = a_finding("f" * 32, severity="high", title=long, expected=long, techniques=("T1087.002",) * 300)
    told(workspace, NOON, finding=finding)
    (row,) = scheduled(workspace, NOON, 20 * MINUTE, now_is_late=False)
    details = {key: str(row[column]) for key, column in RULE["customDetails"].items()}
    assert len(json.dumps(details, ensure_ascii=False).encode()) <= 2_048
    assert len(row["FindingTitle"].encode()) <= 256
    assert len(row["Summary"].encode()) <= 5_000


def test_a_custom_detection_sees_the_same_before_and_after_a_repetition(workspace):
    # Defender makes one alert of two runs whose entities, custom details and dynamic details are the same.
    told(workspace, NOON)
    (before,) = workspace.run(DETECTION_KQL, now=NOON)
    told(workspace, NOON + HOUR, perhaps_told=True)
    assert workspace.run(DETECTION_KQL, now=NOON + HOUR) == [before]


def test_every_severity_has_one_custom_detection(workspace):
    for severity in ("low", "medium", "high"):
        told(workspace, NOON, finding=a_finding(severity, severity=severity))
    found = [workspace.run(each["queryCondition"]["queryText"], now=NOON) for each in DETECTIONS]
    assert [[row["Fingerprint"] for row in rows] for rows in found] == [["high"], ["medium"], ["low"]]


def test_a_custom_detection_tells_of_no_finding_that_no_longer_stands(workspace):
    told(workspace, NOON)
    told(workspace, NOON + MINUTE, finding=a_finding("f", severity="high", retracted="no"), earlier=EARLIER)
    assert workspace.run(DETECTION_KQL, now=NOON) == []
