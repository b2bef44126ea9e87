"""The contract of alerts in Defender, over real HTTP: what is raised, what its incident hears, what is found again."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import NotPermitted, Refused, RemoteError, SinkError, Throttled, Unclear
from engine.model.delivery import Receipt
from engine.model.finding import Account, Command, Device, Finding, Process
from engine.model.notice import Call, DeviceContext, Digest, Links, Notice, OpenAlert
from engine.remote.retries import Retries
from engine.remote.session import Session
from engine.sinks import alert_entities, alert_text
from engine.sinks.defender_alert import ALERTS, CREATE, RIGHTS, WIDER, DefenderAlert
from engine.sinks.plain_text import safe, units
from tests.fakes.clock import Clock
from tests.fakes.graph import BrokenOff, Graph, Refusal, Silence, Words
from tests.fakes.identity import token
from tests.proof import examples

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROLES = tuple(RIGHTS.values())
KEY = "61c74e65ef3f1fc7c7a32a4706f8a18b"
DEVICE_ID = "1e6af392d198746e0191a9ea7bbfce7b6aec7091"
SHA1 = "abe4997704b7c3ce4f16dd02e28cb9927c9fdf51"
SID = "S-1-5-21-2210524579-2261954290-1855750633-1202"
ASKED = (f"POST {CREATE}", "GET /v1.0/security/incidents/41", "POST /v1.0/security/incidents/41/comments")


def a_command(time, line, title, **changes):
    given = {
        "time": f"2026-11-23T{time}Z",
        "intent": title.lower().replace(" ", "-"),
        "title": title,
        "technique": "T1018",
        "file_name": "net.exe",
        "command_line": line,
        "process_id": 9000,
        "report_id": 1,
        "parent": "cmd.exe",
    }
    return Command(**{**given, **changes})


ACTOR = Process(
    file_name="rundll32.exe",
    folder_path=r"C:\Windows\System32\rundll32.exe",
    process_id=8948,
    creation_time="2026-11-23T17:10:02.1234567Z",
    command_line=r"C:\Windows\System32\rundll32.exe",
    signature_status="Valid",
    sha1=SHA1,
)
FINDING = Finding(
    fingerprint=KEY,
    hunt="discovery-burst",
    title="4 discovery commands by rundll32.exe on ws-0003.hafen.example",
    severity="medium",
    score=58,
    device=Device(DEVICE_ID, "ws-0003.hafen.example"),
    account=Account("clara.celik", "hafen", SID),
    actor=ACTOR,
    start="2026-11-23T17:12:53.9438628Z",
    end="2026-11-23T17:13:10.9007891Z",
    commands=(
        a_command("17:12:53.9438628", "net  view /all", "Computers in the network"),
        a_command("17:13:07.5022770", "nltest  /domain_trusts", "Trusts between domains", heavy=True),
        a_command(
            "17:13:09.2314910",
            "powershell -enc bgBlAHQAIABsAG8AYwBhAGwAZwByAG8AdQBwAA==",
            "Groups of this computer",
            decoded="net localgroup",
        ),
        a_command("17:13:10.9007891", 'net  group "domain admins" /dom > \\\\srv\\c$\\a.txt', "Domain Admins"),
    ),
    techniques=("T1018", "T1482", "T1069.002"),
    reasons=(
        "Trusts between domains, by rundll32.exe: seen on 0 of 60 devices in 7 earlier days (+22)",
        "Domain Admins, by rundll32.exe: seen on 0 of 60 devices in 7 earlier days (+22)",
        "rundll32.exe runs without the arguments that Windows gives it (+14)",
    ),
    chain=(ACTOR, Process(file_name="cmd.exe", process_id=8964, command_line="cmd.exe /c net view /all")),
)
NOTICE = Notice(
    key=KEY,
    finding=FINDING,
    hunt_title="Burst of discovery commands",
    tactic="TA0007",
    response=("Ask the user.", "Isolate the device."),
    links=Links(device=f"https://security.microsoft.com/machines/v2/{DEVICE_ID}/overview"),
    context=DeviceContext(
        group="Workstations",
        asset_value="High",
        exposure="Medium",
        internet_facing=False,
        logged_on=(r"hafen\clara.celik",),
        remote_device="ws-0007",
        remote_address="10.1.2.3",
        alerts=(OpenAlert(id="a", title="Suspicious sign-in", severity="medium", time="2026-11-23T16:40:00.0000000Z"),),
    ),
)
TEXT = r"""
rundll32.exe launched 4 commands as hafen\clara.celik on ws-0003.hafen.example, from 2026-11-23 17:12:53 to 17:13:10 UTC (17 s).
Why it is odd: Trusts between domains, by rundll32.exe: seen on 0 of 60 devices in 7 earlier days; Domain Admins, by rundll32.exe: seen on 0 of 60 devices in 7 earlier days. Score 58 of 100, severity medium.

Commands, times in UTC (! = hardly anyone but an intruder or an auditor asks this):
17:12:53.943 net  view /all [Computers in the network, by cmd.exe]
17:13:07.502 ! nltest  /domain_trusts [Trusts between domains, by cmd.exe]
17:13:09.231 powershell -enc bgBlAHQAIABsAG8AYwBhAGwAZwByAG8AdQBwAA== [Groups of this computer, by cmd.exe]
    decoded: net localgroup
17:13:10.900 net  group "domain admins" /dom > \\srv\c$\a.txt [Domain Admins, by cmd.exe]

What the score is made of:
- Trusts between domains, by rundll32.exe: seen on 0 of 60 devices in 7 earlier days (+22)
- Domain Admins, by rundll32.exe: seen on 0 of 60 devices in 7 earlier days (+22)
- rundll32.exe runs without the arguments that Windows gives it (+14)

Process chain, the oldest first, times in UTC:
- C:\Windows\System32\rundll32.exe (PID 8948, started 2026-11-23 17:10:02, signature Valid): C:\Windows\System32\rundll32.exe
- cmd.exe (PID 8964): cmd.exe /c net view /all

Device: group Workstations, asset value High, exposure Medium, it does not face the internet.
The commands ran in a remote session from ws-0007 10.1.2.3.
Logged on: hafen\clara.celik.
Open alert, medium, 2026-11-23 16:40:00 UTC: Suspicious sign-in
Device page: https://security.microsoft.com/machines/v2/1e6af392d198746e0191a9ea7bbfce7b6aec7091/overview

Vizsla key: 61c74e65ef3f1fc7c7a32a4706f8a18b
""".strip()  # noqa: E501 - as an analyst reads it


def entity(kind, identifier, value, role):
    return {"entityType": kind, "entityIdentifier": identifier, "identifierValue": value, "role": role}


INPUT = {
    "title": FINDING.title,
    "severity": "medium",
    "description": TEXT,
    "category": "Discovery",
    "recommendedActions": "Ask the user.\nIsolate the device.",
    "mitreTechniques": ["T1018", "T1482", "T1069.002"],
    "entityDefinitions": [
        entity("device", "deviceId", DEVICE_ID, "impacted"),
        entity("user", "sid", SID, "impacted"),
        entity("file", "sha1", SHA1, "related"),
        entity("process", "sha1", SHA1, "related"),
    ],
}


@dataclass
class Tenant:
    """A fake Graph, and a sink that is signed in to it."""

    graph: Graph
    clock: Clock

    def sink(self, *, roles=ROLES, comments=True, audience="https://graph.microsoft.com", silence=5.0):
        bearer = token(audience, roles)
        session = Session(
            name="Microsoft Graph",
            url=self.graph.url,
            token=lambda: bearer,
            retries=Retries(now=self.clock.now, sleep=self.clock.sleep),
            timeouts=(5.0, silence),
        )
        return DefenderAlert(session=session, comments=comments)

    @property
    def alerts(self):
        return self.graph.alerts.alerts

    @property
    def asked(self):
        return tuple(call.asked for call in self.graph.calls)

    def said(self, incident="41"):
        return self.graph.alerts.incidents[incident].comments


@pytest.fixture
def tenant():
    with Graph(None) as graph:
        graph.alerts.now = lambda: NOON
        yield Tenant(graph, Clock(NOON))
    assert graph.violations == []


def became(earlier=None, *, perhaps_told=False, **changes):
    finding = msgspec.structs.replace(FINDING, **changes)
    return msgspec.structs.replace(NOTICE, finding=finding, earlier=earlier, perhaps_told=perhaps_told)


def test_contract_a_finding_becomes_an_alert_with_an_incident(tenant):
    sink = tenant.sink()
    assert sink.deliver(NOTICE) == Receipt(
        id="ea2c5e5341-c60a-42fc-953f-000000000001_aml",
        link="https://security.microsoft.com/alerts/ea2c5e5341-c60a-42fc-953f-000000000001_aml",
        incident="41",
        severity="medium",
    )
    (call,) = tenant.graph.calls
    assert (call.asked, call.status, call.document) == (f"POST {CREATE}", 201, {"createAlertInput": INPUT})
    assert sink.preview(NOTICE) == Call(method="POST", url=CREATE, body={"createAlertInput": INPUT})


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (Refusal(400, "BadRequest", "no such category"), Refused, "answers 400, BadRequest: no such category"),
        (Refusal(401, "InvalidAuthenticationToken"), NotPermitted, "answers 401, .*SecurityAlert.Create.All"),
        (Refusal(403, "Forbidden"), NotPermitted, "answers 403, .*SecurityAlert.Create.All"),
        (Refusal(404, "NotFound", "not in this cloud"), Refused, "answers 404, NotFound: not in this cloud"),
        (Refusal(409, "Conflict"), Refused, "answers 409, Conflict"),
        (Refusal(412, "PreconditionFailed"), Refused, "answers 412"),
        (Refusal(413, "RequestEntityTooLarge"), Refused, "answers 413"),
        (Refusal(429, headers={"Retry-After": "900"}), Throttled, "answers 429"),
        (Refusal(500), Unclear, "answers 500"),
        (Refusal(504), Unclear, "answers 504"),
        (Silence(), Unclear, "it fell silent"),
        (BrokenOff(), Unclear, "broke off"),
        (Words(b"<html>signed in?</html>", 200), Unclear, "took an alert, and its answer cannot be read"),
        (Words(b"", 204), Unclear, "cannot be read"),
        (Words(b"[]", 201), Unclear, "cannot be read"),
        (Words(b"\xff\xfe", 201), Unclear, "cannot be read"),
        (Words(b'{"id": "a"}', 201), Unclear, "names no alert or no incident"),
        (Words(b'{"id": "", "incidentId": "1"}', 201), Unclear, "names no alert or no incident"),
        (Words(b'{"id": "a", "incidentId": "../1"}', 201), Unclear, "names no alert or no incident"),
    ],
)
def test_contract_what_goes_wrong_is_told_and_never_repeated_where_it_may_have_been_carried_out(
    tenant, fault, error, words
):
    tenant.graph.faults.append(fault)
    with pytest.raises(error, match=words) as caught:
        tenant.sink(silence=0.3).deliver(NOTICE)
    assert (caught.type, len(tenant.graph.calls)) == (error, 1)


@pytest.mark.parametrize(
    ("fault", "slept"),
    [
        (Refusal(429, headers={"Retry-After": "7"}), (7, 7)),
        (Refusal(429), (1, 2)),
        (Refusal(503, headers={"Retry-After": "2"}), (2, 2)),
    ],
)
def test_contract_what_was_surely_not_carried_out_is_asked_again(tenant, fault, slept):
    tenant.graph.faults.append(fault)
    assert tenant.sink().deliver(NOTICE).incident == "41"
    assert len(tenant.alerts) == 1
    assert [slept[0] <= each <= slept[1] for each in tenant.clock.slept] == [True]


def test_the_rights_of_each_call_are_listed():
    assert dict(RIGHTS) == {
        "POST /beta/security/alerts_v2/createAlert": "SecurityAlert.Create.All",
        "GET /v1.0/security/alerts_v2": "SecurityAlert.Read.All",
        "GET /v1.0/security/incidents/{id}": "SecurityIncident.Read.All",
        "POST /v1.0/security/incidents/{id}/comments": "SecurityIncident.ReadWrite.All",
    }


@pytest.mark.parametrize(
    ("roles", "lacking", "act"),
    [
        ((), "SecurityAlert.Create.All", lambda sink, _: sink.deliver(NOTICE)),
        (("SecurityAlert.Read.All",), "SecurityAlert.Create.All", lambda sink, _: sink.deliver(NOTICE)),
        (("SecurityAlert.Create.All",), "SecurityAlert.Read.All", lambda sink, _: sink.find(KEY, NOON)),
        ((), "SecurityIncident.Read.All", lambda sink, told: sink.deliver(became(told, score=60))),
        (
            ("SecurityIncident.Read.All",),
            "SecurityIncident.ReadWrite.All",
            lambda sink, told: sink.deliver(became(told, score=60)),
        ),
    ],
)
def test_a_right_that_is_lacking_is_named(tenant, roles, lacking, act):
    told = tenant.sink().deliver(NOTICE)
    with pytest.raises(NotPermitted, match=f"answers 403, .* needs the application permission {re.escape(lacking)}"):
        act(tenant.sink(roles=roles), told)
    assert (len(tenant.alerts), tenant.said()) == (1, [])


def test_a_wider_right_includes_the_least(tenant):
    sink = tenant.sink(roles=sorted(set(WIDER.values())))
    told = sink.deliver(NOTICE)
    assert sink.find(KEY, NOON - HOUR) == told
    sink.deliver(became(told, score=60))
    assert len(tenant.said()) == 1


GROWN = FINDING.commands + (a_command("17:15:00.0000000", "whoami", "Current user"),) * 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"commands": GROWN, "end": "2026-11-23T17:15:00.0000000Z", "score": 60},
            (
                "Its severity is medium; its score 60 of 100.\n"
                "It holds 6 commands by now, from 2026-11-23 17:12:53 to 17:15:00 UTC (2 min 6 s).\n"
                "Its last commands, the last one first, times in UTC:\n"
                "17:15:00.000 whoami [Current user, by cmd.exe]\n"
                "17:15:00.000 whoami [Current user, by cmd.exe]\n"
                '17:13:10.900 net  group "domain admins" /dom > \\\\srv\\c$\\a.txt [Domain Admins, by cmd.exe]\n'
                "17:13:09.231 powershell -enc bgBlAHQAIABsAG8AYwBhAGwAZwByAG8AdQBwAA== "
                "[Groups of this computer, by cmd.exe]\n    decoded: net localgroup\n"
            ),
        ),
        (
            {"severity": "low", "commands": FINDING.commands[:1], "expected": "pentest", "aliases": ("a" * 32, "b")},
            (
                "Its severity is low (last told: medium); its score 58 of 100.\n"
                "It holds 1 command by now, from 2026-11-23 17:12:53 to 17:13:10 UTC (17 s).\n"
                "EXPECTED: it falls into a maintenance window or an authorised test: pentest.\n"
                f"It now holds what was told apart as 2 findings: {'a' * 32}, b.\n"
                "Its last commands, the last one first, times in UTC:\n"
                "17:12:53.943 net  view /all [Computers in the network, by cmd.exe]\n"
            ),
        ),
        (
            {"absorbed_by": "f" * 32, "severity": "high"},
            f"It is part of another finding now, whose key is {'f' * 32}: follow that one.\n",
        ),
        ({"retracted": "late rows say otherwise"}, "It no longer stands: late rows say otherwise.\n"),
    ],
)
def test_what_becomes_of_a_finding_is_a_comment_on_its_incident(tenant, changes, said):
    sink = tenant.sink()
    told = sink.deliver(NOTICE)
    now = became(told, **changes)
    assert sink.deliver(now) == msgspec.structs.replace(told, severity=now.finding.severity)
    assert tenant.said() == [f"{FINDING.title}:\n{said}Vizsla key: {KEY}"]
    assert (tenant.asked, len(tenant.alerts)) == (ASKED, 1)
    comment = {"@odata.type": "microsoft.graph.security.alertComment", "comment": tenant.said()[0]}
    assert sink.preview(now) == Call(method="POST", url=ASKED[2].removeprefix("POST "), body=comment)


def test_a_comment_that_may_repeat_another_says_so(tenant):
    sink = tenant.sink()
    sink.deliver(became(sink.deliver(NOTICE), perhaps_told=True, commands=GROWN))
    assert alert_text.PERHAPS_TOLD in tenant.said()[0].splitlines()


@pytest.mark.parametrize("changes", [{"commands": GROWN}, {"retracted": "because"}, {"severity": "low"}])
def test_without_comments_nothing_but_a_rise_is_told(tenant, changes):
    sink = tenant.sink(comments=False)
    told = sink.deliver(NOTICE)
    now = became(told, **changes)
    assert sink.deliver(now) == told
    assert sink.preview(now) == Call(method="NOTHING", url="", body=None)
    assert tenant.asked == ASKED[:1]


@pytest.mark.parametrize("comments", [True, False])
def test_a_rise_in_severity_is_a_second_alert_in_the_same_incident(tenant, comments):
    sink = tenant.sink(comments=comments)
    told = sink.deliver(NOTICE)
    now = became(told, severity="high", commands=GROWN)
    again = sink.deliver(now)
    assert (again.incident, again.severity, again.id != told.id) == ("41", "high", True)
    assert tenant.asked == (*ASKED[:2], ASKED[0])
    created = tenant.graph.calls[-1].document["createAlertInput"]
    assert (created["linkToIncident"], created["severity"]) == (41, "high")
    assert created["description"].splitlines()[2] == "Its severity has risen from medium to high since it was told."
    assert sink.preview(now).body["createAlertInput"]["linkToIncident"] == 41
    assert tenant.said() == []


def test_a_merged_incident_is_followed_wherever_it_went(tenant):
    sink = tenant.sink()
    told = sink.deliver(NOTICE)
    assert [tenant.graph.alerts.open()["incidentId"] for _ in range(2)] == ["42", "43"]
    tenant.graph.alerts.merge("41", into="42")
    tenant.graph.alerts.merge("42", into="43")
    grown = sink.deliver(became(told, commands=GROWN))
    assert (grown.id, grown.incident, len(tenant.said("43"))) == (told.id, "43", 1)
    assert sink.deliver(became(told, severity="high")).incident == "43"


def test_incidents_that_were_merged_in_a_circle_are_given_up(tenant):
    sink = tenant.sink()
    told = sink.deliver(NOTICE)
    tenant.graph.alerts.merge("41", into="41")
    with pytest.raises(RemoteError, match="merged more than 10 times in a row"):
        sink.deliver(became(told, commands=GROWN))


@pytest.mark.parametrize("changes", [{"commands": GROWN}, {"severity": "high"}])
def test_where_the_incident_is_gone_a_new_one_is_opened_and_says_so(tenant, changes):
    sink = tenant.sink()
    told = sink.deliver(NOTICE)
    tenant.graph.alerts.remove("41")
    again = sink.deliver(became(told, **changes))
    assert (again.incident, len(tenant.alerts)) == ("42", 2)
    said = tenant.alerts[-1]["description"].splitlines()[2]
    assert said == "It was told before in incident 41, which is no longer there."


def test_where_the_incident_goes_while_it_is_commented_on_a_new_one_is_opened(tenant):
    sink = tenant.sink()
    told = sink.deliver(NOTICE)
    tenant.graph.faults.extend([None, Refusal(404, "NotFound")])
    assert sink.deliver(became(told, commands=GROWN)).incident == "42"


def test_where_the_incident_is_gone_nobody_is_woken_for_what_no_longer_stands(tenant):
    sink = tenant.sink()
    told = sink.deliver(NOTICE)
    tenant.graph.alerts.remove("41")
    assert sink.deliver(became(told, retracted="because")) == told
    assert len(tenant.alerts) == 1


@pytest.mark.parametrize("incident", ["", "../me", "4 1", "९"])
def test_what_is_no_incident_is_never_asked_for(tenant, incident):
    earlier = Receipt(id="a", incident=incident, severity="medium")
    assert tenant.sink().deliver(became(earlier, commands=GROWN)).incident == "41"
    assert tenant.asked == ASKED[:1]
    assert "linkToIncident" not in tenant.graph.calls[0].document["createAlertInput"]


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (Refusal(400, "BadRequest", "closed"), Refused, "answers 400, BadRequest: closed"),
        (Refusal(403), NotPermitted, "SecurityIncident.ReadWrite.All"),
        (Refusal(500), Unclear, "answers 500"),
        (BrokenOff(), Unclear, "broke off"),
        (Words(b"<html></html>"), Unclear, "took a comment, and its answer cannot be read"),
    ],
)
def test_contract_a_comment_that_may_have_been_written_is_not_written_again(tenant, fault, error, words):
    sink = tenant.sink()
    told = sink.deliver(NOTICE)
    tenant.graph.faults.extend([None, fault])
    with pytest.raises(error, match=words) as caught:
        sink.deliver(became(told, commands=GROWN))
    assert (caught.type, tenant.asked) == (error, ASKED)


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (Refusal(400, "BadRequest", "no"), Refused, "answers 400"),
        (Words(b"[]"), RemoteError, "answers with no incident"),
    ],
)
def test_contract_an_incident_that_cannot_be_read_leaves_all_as_it_was(tenant, fault, error, words):
    sink = tenant.sink()
    told = sink.deliver(NOTICE)
    tenant.graph.faults.append(fault)
    with pytest.raises(error, match=words):
        sink.deliver(became(told, severity="high"))
    assert len(tenant.alerts) == 1


def test_an_alert_whose_answer_was_lost_is_found(tenant):
    sink = tenant.sink()
    tenant.graph.faults.append(BrokenOff())
    with pytest.raises(Unclear):
        sink.deliver(NOTICE)
    (alert,) = tenant.alerts
    found = Receipt(id=alert["id"], link=alert["alertWebUrl"], incident="41", severity="medium")
    assert sink.find(KEY, NOON - HOUR) == found
    assert tenant.asked[1:] == (f"GET {ALERTS}",)


@pytest.mark.parametrize(
    ("description", "service", "age"),
    [
        ("", "microsoft365Defender", timedelta()),
        (f"Vizsla key: {KEY}\nsaid an analyst", "microsoft365Defender", timedelta()),
        (f"whoami\nVizsla key: {KEY}0", "microsoft365Defender", timedelta()),
        (f"Vizsla key: {KEY}", "microsoftDefenderForEndpoint", timedelta()),
        (f"Vizsla key: {KEY}", "microsoft365Defender", 2 * HOUR),
    ],
)
def test_what_was_never_told_is_not_found(tenant, description, service, age):
    tenant.graph.alerts.now = lambda: NOON - age
    tenant.graph.alerts.open(description=description, serviceSource=service)
    assert tenant.sink().find(KEY, NOON - HOUR) is None


def test_the_list_of_alerts_is_read_page_by_page(tenant):
    tenant.graph.alerts.page = 2
    sink = tenant.sink()
    told = sink.deliver(NOTICE)
    for _ in range(7):
        tenant.graph.alerts.open()
    assert sink.find(KEY, NOON - HOUR) == told
    assert sink.find("other", NOON - HOUR) is None
    assert tenant.asked[1:] == (f"GET {ALERTS}",) * 8


def test_a_list_that_does_not_end_is_given_up_and_not_taken_for_a_no(tenant):
    tenant.graph.alerts.page = 1
    for _ in range(60):
        tenant.graph.alerts.open()
    with pytest.raises(Unclear, match="more than 5,000 alerts since 2026-11-24T11:00:00Z"):
        tenant.sink().find(KEY, NOON - HOUR)
    assert len(tenant.asked) == 50


@pytest.mark.parametrize(
    "link", ["https://example.org/v1.0/me?a", "https://graph.microsoft.com", "", " ", "x?\n", f"{ALERTS}?a\nb", 7]
)
def test_a_link_to_another_page_is_not_followed(tenant, link):
    tenant.graph.faults.append(Words(msgspec.json.encode({"value": [], "@odata.nextLink": link})))
    if link == "":
        assert tenant.sink().find(KEY, NOON) is None
    else:
        with pytest.raises(RemoteError, match=r"leads elsewhere|no list of alerts"):
            tenant.sink().find(KEY, NOON)
    assert len(tenant.asked) == 1


def test_a_link_that_names_another_host_is_asked_of_our_own(tenant):
    link = f"https://example.org{ALERTS}?$filter=createdDateTime%20ge%202026-11-24T11:00:00Z%20and%20serviceSource"
    link += "%20eq%20'microsoft365Defender'&$top=100&$skiptoken=0"
    told = tenant.sink().deliver(NOTICE)
    tenant.graph.faults.append(Words(msgspec.json.encode({"value": [], "@odata.nextLink": link})))
    assert tenant.sink().find(KEY, NOON - HOUR) == told


@pytest.mark.parametrize("fault", [Words(b"<html></html>"), Words(b'{"value": [{}]}'), Refusal(404)])
def test_contract_a_list_that_cannot_be_read_is_a_failure(tenant, fault):
    tenant.graph.faults.append(fault)
    with pytest.raises(RemoteError):
        tenant.sink().find(KEY, NOON)


def a_digest(count, **changes):
    levels = ("informational", "low", "medium")
    notices = [
        became(
            fingerprint=f"{number:032}",
            title=f"finding {number}",
            severity=levels[number % 3],
            device=Device(f"{number:040x}", f"ws-{number}"),
        )
        for number in range(count)
    ]
    why = f"{count} findings in one run: more than 20 are told as one"
    return Digest(**{"key": "d" * 32, "why": why, "notices": tuple(notices), **changes})


def test_many_findings_are_one_alert_with_all_their_devices(tenant):
    sink = tenant.sink()
    told = sink.digest(a_digest(4, perhaps_told=True))
    assert (told.incident, told.severity, sink.find("d" * 32, NOON - HOUR)) == ("41", "medium", told)
    alert = tenant.graph.calls[0].document["createAlertInput"]
    assert alert["title"] == "Burst of discovery commands: 4 findings on 4 devices"
    assert alert["description"] == (
        "1 medium, 1 low, 2 informational, on 4 devices, from 2026-11-23 17:12:53 to 17:13:10 UTC (17 s).\n"
        "Told as one: 4 findings in one run: more than 20 are told as one.\n"
        "This may repeat an earlier message: the answer to it was lost.\n"
        "\n"
        "Findings, worst first, times in UTC:\n"
        "- medium, score 58, 2026-11-23 17:12:53: finding 2, as hafen\\clara.celik\n"
        "- low, score 58, 2026-11-23 17:12:53: finding 1, as hafen\\clara.celik\n"
        "- informational, score 58, 2026-11-23 17:12:53: finding 0, as hafen\\clara.celik\n"
        "- informational, score 58, 2026-11-23 17:12:53: finding 3, as hafen\\clara.celik\n"
        "\n"
        f"Vizsla key: {'d' * 32}"
    )
    devices = [each["identifierValue"] for each in alert["entityDefinitions"]]
    assert devices == [f"{number:040x}" for number in (2, 1, 0, 3)]
    sink.deliver(became(told, severity="low", commands=GROWN))
    assert len(tenant.said()) == 1


def test_more_findings_than_fit_are_counted_by_severity(tenant):
    tenant.sink().digest(a_digest(140))
    alert = tenant.graph.calls[0].document["createAlertInput"]
    lines = alert["description"].splitlines()
    shown = [line for line in lines if line.startswith("- ")]
    assert (len(alert["entityDefinitions"]), units(alert["description"]) <= 5_000) == (100, True)
    assert lines[2] == "Only 100 of the 140 devices are listed with the alert itself."
    assert lines[-3] == f"... and {140 - len(shown)} more findings: 30 low, 47 informational"
    assert [line.split(",")[0] for line in shown] == ["- medium"] * 46 + ["- low"] * 17


HOSTILE = "\u202e<img src=x onerror=alert(1)> [ok](https://evil.example) &#8238; \U0001f415\x00\n\r" * 40


def test_five_thousand_hostile_commands_keep_to_the_limits(tenant):
    commands = tuple(
        a_command("17:12:53.9438628", f"{number} {HOSTILE}", HOSTILE, parent=HOSTILE, decoded=HOSTILE, heavy=True)
        for number in range(5_000)
    )
    changes = dict.fromkeys(("title", "expected", "retracted", "absorbed_by"), HOSTILE)
    process = Process(file_name=HOSTILE, folder_path=HOSTILE, command_line=HOSTILE, signature_status=HOSTILE)
    lists = {"reasons": (HOSTILE,) * 99, "aliases": (HOSTILE,) * 99, "techniques": (HOSTILE, "T1018")}
    context = DeviceContext(
        group=HOSTILE,
        role=HOSTILE,
        logged_on=(HOSTILE,) * 9,
        remote_device=HOSTILE,
        alerts=(OpenAlert(id="", title=HOSTILE, severity=HOSTILE, time=FINDING.start),) * 99,
    )
    notice = became(
        **changes,
        **lists,
        commands=commands,
        chain=(process,) * 99,
        actor=process,
        account=Account(HOSTILE, HOSTILE),
        device=Device(DEVICE_ID, HOSTILE),
        recurrences=3,
        last_seen=FINDING.end,
    )
    links = Links(device="https://x.example/" + "a" * 180, hunting="https://x.example/" + "a" * 580)
    hostile = msgspec.structs.replace(
        notice, context=context, links=links, response=(HOSTILE,) * 9, perhaps_told=True, hunt_title=HOSTILE
    )
    sink = tenant.sink()
    told = sink.deliver(hostile)
    sink.deliver(msgspec.structs.replace(hostile, earlier=told))
    standing = msgspec.structs.replace(hostile.finding, retracted="", absorbed_by="")
    sink.deliver(msgspec.structs.replace(hostile, finding=standing, earlier=told))
    sink.digest(Digest(key=KEY, why=HOSTILE, notices=(hostile,) * 200, perhaps_told=True))
    texts = [each["description"] for each in tenant.alerts] + tenant.said()
    assert [units(text) <= most for text, most in zip(texts, (5_000, 5_000, 1_000, 1_000), strict=True)] == [True] * 4
    assert [text for text in texts if not text.endswith(f"\nVizsla key: {KEY}")] == []
    texts += [tenant.alerts[0]["title"], tenant.alerts[0]["recommendedActions"], tenant.alerts[1]["title"]]
    assert [text for text in texts if ACTING.search(text.replace("https://x.example", ""))] == []
    assert ("and 4,99" in texts[0], "... and 5,000 before" in texts[3]) == (True, True)


ACTING = re.compile(r"<[A-Za-z/!?]|&#|&\w+;|\]\(|://")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("dir <in >out 2>&1 & whoami", r"dir \x3cin >out 2>&1 & whoami"),
        ("sort < in.txt", "sort < in.txt"),
        ("a&whoami", "a&whoami"),
        ("&lt;b&gt; &#60;", r"\x26lt;b\x26gt; \x26#60;"),
        ("[x](http://evil)", r"[x]\x28http\x3a//evil)"),
        ("net\u202euse\n", r"net\u202euse\n"),
        (r"\\srv\c$", r"\\srv\c$"),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 20 + "... (41 more characters)"),
        ("\U0001f415" * 31, "\U0001f415" * 10 + "... (21 more characters)"),
    ],
)
def test_text_of_others_cannot_act_and_is_cut_with_a_count(written, shown):
    assert safe(written, 60) == shown


ANY = st.text(st.one_of(st.sampled_from("<>&;#]([):/!ab\\\n"), st.characters(exclude_categories=())), max_size=120)


@pytest.mark.property
@settings(max_examples=examples(quick=100, full=1_000))
@given(ANY, st.integers(40, 100))
def test_safe_text_is_one_line_that_can_be_seen_and_cannot_act(written, most):
    shown = safe(written, most)
    assert (shown.isprintable(), units(shown) <= most, ACTING.search(shown)) == (True, True, None)
    assert shown.encode().decode() == shown


@pytest.mark.property
@settings(max_examples=examples(quick=40, full=1_000))
@given(st.lists(ANY, min_size=6, max_size=6), st.integers(0, 40))
def test_whatever_is_written_the_lines_are_ours_and_the_last_is_the_key(texts, count):
    line, name, account, reason, expected, folder = texts
    commands = tuple(a_command("17:12:53.9438628", line, name, parent=account, decoded=reason) for _ in range(count))
    notice = became(
        Receipt(severity="high"),
        title=name,
        commands=commands,
        reasons=(reason, line),
        expected=expected,
        aliases=(line, name),
        account=Account(account, name),
        actor=Process(file_name=name, folder_path=folder, command_line=line),
        chain=(),
    )
    digest = Digest(key=KEY, why=reason, notices=(notice,) * count) if count else None
    limits = [(alert_text.description(notice), 5_000), (alert_text.comment(notice), 1_000)]
    limits += [(alert_text.summary(digest, devices=1, named=1), 5_000)] if digest else []
    for text, most in limits:
        assert units(text) <= most
        assert text.endswith(f"\nVizsla key: {KEY}")
        assert [each for each in text.splitlines() if not each.isprintable() or each.startswith("Vizsla")] == [
            f"Vizsla key: {KEY}"
        ]
        assert ACTING.search(text.replace("https://security.microsoft.com", "")) is None


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"expected": "patch night"},
            "EXPECTED: it falls into a maintenance window or an authorised test: patch night.",
        ),
        ({"aliases": ("b",)}, "It now holds what was told apart as 1 finding: b."),
        ({"retracted": "late rows"}, "It no longer stands: late rows."),
        ({"absorbed_by": "c"}, "It is part of another finding now, whose key is c."),
        (
            {"recurrences": 2, "last_seen": "2026-11-24T01:02:03.0000000Z"},
            "The same came again 2 times, until 2026-11-24 01:02:03 UTC.",
        ),
    ],
)
def test_what_an_analyst_must_know_first_stands_before_the_commands(changes, line):
    lines = alert_text.description(became(**changes)).splitlines()
    assert lines[2] == line


def test_what_may_have_been_told_and_what_could_not_be_asked_is_said():
    lost = msgspec.structs.replace(NOTICE, perhaps_told=True, context=None)
    lines = alert_text.description(lost).splitlines()
    assert lines[2] == "This may repeat an earlier message: the answer to it was lost."
    assert "Device: context unavailable." in lines
    unknown = msgspec.structs.replace(NOTICE, context=DeviceContext())
    assert "Device: Defender knows nothing more of it." in alert_text.description(unknown).splitlines()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["deviceId", "sid", "sha1", "sha1"]),
        ({"device": Device("d", "ws01.hafen.example")}, ["deviceName", "sid", "sha1", "sha1"]),
        ({"device": Device("d", "ws\u202e01")}, ["sid", "sha1", "sha1"]),
        ({"device": Device("d", "w" * 1_001)}, ["sid", "sha1", "sha1"]),
        ({"account": Account("system", "nt authority", "S-1-5-18")}, ["deviceId", "sha1", "sha1"]),
        ({"account": Account("anna", "hafen")}, ["deviceId", "sha1", "sha1"]),
        ({"account": Account("anna@hafen.example", "")}, ["deviceId", "userPrincipalName", "sha1", "sha1"]),
        ({"account": Account("anna", "AzureAD", "S-1-12-1-1-2-3-4")}, ["deviceId", "sid", "sha1", "sha1"]),
        ({"actor": Process(file_name="a.exe")}, ["deviceId", "sid"]),
        ({"actor": Process(file_name="a.exe", sha1="not a hash")}, ["deviceId", "sid"]),
    ],
)
def test_only_what_is_really_known_becomes_an_entity(changes, expected):
    found = alert_entities.of_finding(became(**changes).finding)
    assert [each["entityIdentifier"] for each in found] == expected


def test_a_finding_without_any_entity_is_not_sent(tenant):
    nobody = became(device=Device("d", ""), account=Account("anna", "hafen"), actor=Process(file_name="a.exe"))
    with pytest.raises(SinkError, match="Defender takes no alert without an entity"):
        tenant.sink().deliver(nobody)
    assert tenant.asked == ()


@pytest.mark.parametrize(
    ("tactic", "category"),
    [
        ("TA0007", "Discovery"),
        ("TA0011", "CommandAndControl"),
        ("TA0001", "InitialAccess"),
        ("", "SuspiciousActivity"),
        ("TA9999", "SuspiciousActivity"),
    ],
)
def test_a_tactic_is_a_category_as_defender_spells_it(tactic, category):
    assert alert_entities.category(tactic) == category


def test_an_informational_finding_is_told_too(tenant):
    assert tenant.sink().deliver(became(severity="informational")).severity == "informational"
