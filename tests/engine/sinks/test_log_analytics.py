"""The contract of the sink log_analytics over real HTTP: each form of a finding is a row, nothing is cut in silence."""

import json
import socket
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import NotPermitted, Refused, RemoteError, SinkError, Throttled, Unclear
from engine.model.delivery import Receipt
from engine.model.finding import Account, Device, Process
from engine.model.notice import DeviceContext, Digest, Links, Notice, OpenAlert
from engine.remote.retries import Retries
from engine.remote.session import Session
from engine.sinks import log_cut, log_row
from engine.sinks.log_analytics import MOST_BYTES, LogAnalytics, batches
from tests.engine.stores.test_contract import a_command, a_finding
from tests.fakes.clock import Clock
from tests.fakes.graph import BrokenOff, Refusal, Silence, Words
from tests.fakes.identity import token
from tests.fakes.logs import AUDIENCE, RULE, STREAM, Logs
from tests.proof import examples

TABLE = Path(__file__).parents[3] / "infra" / "findings-table.json"
COLUMNS = {each["name"]: each["type"] for each in json.loads(TABLE.read_text("utf-8"))}
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ROLE = "Monitoring Metrics Publisher"
HOSTILE = st.text(st.characters(exclude_categories=()), max_size=60) | st.sampled_from(
    [
        '"},{"Fingerprint":"forged"}',
        "\u202etxt.exe",
        "\ud800",
        "<b>&lt;",
        "[a](http://b)",
        "\x00\x1b[2J",
        "\\u202e",
        "'" * 60,
    ]
)


@pytest.fixture
def logs():
    with Logs(COLUMNS) as opened:
        yield opened
    assert opened.violations == []


def a_notice(finding=None, **changes):
    told = finding or a_finding("f", device=Device("d", "ws01.contoso.com"), commands=(a_command(1),))
    given = {"key": told.fingerprint, "finding": told, "hunt_title": "Burst", "tactic": "TA0007"}
    return Notice(**given | changes)


def sink(logs, *, clock=None, audience=AUDIENCE, rule=RULE, stream=STREAM, url="", timeouts=(5.0, 5.0)):
    clock = clock or Clock()
    session = Session(
        name="Azure Monitor",
        url=url or logs.url,
        token=lambda: token(audience),
        retries=Retries(now=clock.now, sleep=clock.sleep),
        timeouts=timeouts,
        cure=lambda role: f"Whoever signs in needs the role {role} on the data collection rule.",
    )
    return LogAnalytics(session=session, rule=rule, stream=stream, now=lambda: NOON)


def statuses(logs):
    return [call.status for call in logs.calls]


def a_row(notice, at=NOON):
    return msgspec.to_builtins(log_row.row(notice, at))


def a_digest(*notices, **changes):
    return Digest(key="k", why="three at once", notices=notices, **changes)


def numbered(count, **changes):
    return [a_notice(a_finding(f"f{number}", **changes)) for number in range(count)]


def test_the_table_has_the_columns_that_a_row_has_and_no_name_that_is_taken():
    taken = {"_ResourceId", "id", "_SubscriptionId", "TenantId", "Type", "UniqueId", "Title"}
    assert list(log_row.columns().items()) == list(COLUMNS.items())
    assert [name for name in COLUMNS if name in taken or not name.isalnum() or not name[0].isalpha()] == []
    assert max(map(len, COLUMNS)) <= 45
    assert set(a_row(a_notice())) == set(COLUMNS)


def test_a_finding_is_told_as_one_row(logs):
    assert sink(logs).deliver(a_notice()) == Receipt(id="f", severity="low")
    assert logs.rows == [a_row(a_notice())]
    assert logs.calls[0].headers["Content-Type"] == "application/json"


def test_what_an_analyst_and_sentinels_entities_need_stands_in_columns_of_its_own():
    finding = a_finding(
        "f",
        device=Device("d1", "WS01.sales.contoso.com."),
        account=Account("anna@contoso.com", "contoso", "S-1-5-21-1"),
        actor=Process(
            file_name="a.exe",
            folder_path="C:\\Users\\anna",
            process_id=7,
            creation_time="2026-11-24T11:59:00.1234567Z",
            command_line="a.exe -x",
            sha1="ab",
        ),
        expected="pentest-2026",
        tenant="t",
    )
    row = a_row(a_notice(finding, links=Links(device="https://d", hunting="https://h"), incident="https://i"))
    wanted = {
        "HostName": "WS01",
        "DnsDomain": "sales.contoso.com",
        "AccountName": "anna",
        "AccountUpnSuffix": "contoso.com",
        "AccountDomain": "contoso",
        "AccountSid": "S-1-5-21-1",
        "ProcessId": 7,
        "ProcessCreationTime": "2026-11-24T11:59:00.1234567Z",
        "ProcessPath": "C:\\Users\\anna\\a.exe",
        "ProcessCommandLine": "a.exe -x",
        "ProcessSha1": "ab",
        "Severity": "Low",
        "Tactic": "Discovery",
        "Expected": "pentest-2026",
        "TimeGenerated": "2026-11-24T12:00:00.0000000Z",
        "StartTime": "2026-11-24T12:00:00.0000001Z",
        "DeviceLink": "https://d",
        "HuntingLink": "https://h",
        "IncidentLink": "https://i",
        "RunTenant": "t",
        "Context": None,
    }
    assert {name: row[name] for name in wanted} == wanted
    first, second, *rest = row["Summary"].split("\n")
    who, when = "contoso\\anna@contoso.com on WS01.sales.contoso.com.", "2026-11-24 12:00:00 to 2026-11-24 12:00:09 UTC"
    assert first == f"{who}, {when}: 0 commands by a.exe"
    assert second == "Why: because"
    assert {"Expected: pentest-2026", "Context unavailable: nothing is known of the device."} <= set(rest)


@pytest.mark.parametrize(
    ("changes", "told", "state", "said"),
    [
        ({}, {}, "New", ""),
        ({}, {"earlier": Receipt(id="f")}, "Grown", "It was told before, and is more or other than it was then."),
        ({"absorbed_by": "g"}, {"earlier": Receipt(id="f")}, "Absorbed", "It is part of finding g now."),
        ({"retracted": "known good"}, {"earlier": Receipt(id="f")}, "Retracted", "Withdrawn: known good"),
        ({"aliases": ("g", "h")}, {"earlier": Receipt(id="f")}, "Grown", "It holds what was told as g, h."),
        ({}, {"perhaps_told": True}, "New", "This may repeat an earlier message: the answer to it was lost."),
    ],
)
def test_every_form_of_a_finding_says_what_has_become_of_it(logs, changes, told, state, said):
    sink(logs).deliver(a_notice(a_finding("f", **changes), **told))
    (row,) = logs.rows
    assert (row["Fingerprint"], row["State"], row["Repeated"]) == ("f", state, bool(told.get("perhaps_told")))
    assert not said or said in row["Summary"].split("\n")


def test_a_telling_is_equal_for_the_same_form_and_for_no_other():
    first, earlier = a_notice(a_finding("f")), Receipt(id="f")
    again = a_notice(a_finding("f"), perhaps_told=True)
    others = [
        a_notice(a_finding("g")),
        a_notice(a_finding("f", severity="high")),
        a_notice(a_finding("f", commands=(a_command(1),))),
        a_notice(a_finding("f"), earlier=earlier),
        a_notice(a_finding("f", retracted="no"), earlier=earlier),
    ]
    assert a_row(first)["Telling"] == a_row(again)["Telling"]
    assert len({a_row(each)["Telling"] for each in [first, *others]}) == 6


def test_the_context_of_a_device_is_told_and_that_there_is_none_too(logs):
    alert = OpenAlert(id="1", title="Mimikatz", severity="high", time="2026-11-24T11:00:00Z", link="https://a")
    known = DeviceContext(role="server", group="tier 0", internet_facing=True, logged_on=("anna",), alerts=(alert,))
    sink(logs).deliver(a_notice(context=known))
    (row,) = logs.rows
    assert row["Context"] == {
        "Group": "tier 0",
        "Role": "server",
        "AssetValue": "",
        "Exposure": "",
        "InternetFacing": True,
        "LoggedOn": ["anna"],
        "RemoteDevice": "",
        "RemoteAddress": "",
        "Alerts": [
            {"Id": "1", "Title": "Mimikatz", "Severity": "high", "Time": "2026-11-24T11:00:00Z", "Link": "https://a"}
        ],
        "AlertCount": 1,
    }
    assert "Context: server, group tier 0, internet-facing, logged on anna, 1 open alert" in row["Summary"]


def test_what_an_encoded_command_says_stands_beside_it():
    command = msgspec.structs.replace(a_command(1), command_line="powershell -enc dwBo", decoded="whoami")
    row = a_row(a_notice(a_finding("f", commands=(command,))))
    assert [(each["CommandLine"], each["Decoded"]) for each in row["Commands"]] == [("powershell -enc dwBo", "whoami")]
    assert "powershell -enc dwBo (decoded: whoami)" in row["Summary"]


def test_a_digest_is_a_row_for_each_of_its_findings(logs):
    told = numbered(3)
    assert sink(logs).digest(a_digest(*told)) == Receipt(id="k", severity="low")
    assert logs.rows == [a_row(each) for each in told]
    assert statuses(logs) == [204]
    sink(logs).digest(a_digest(*told, perhaps_told=True))
    assert [row["Repeated"] for row in logs.rows] == [False] * 3 + [True] * 3


def test_many_rows_go_in_several_requests_of_at_most_a_megabyte(logs):
    commands = tuple(a_command(number) for number in range(200))
    told = numbered(60, commands=commands, actor=Process(file_name="a", command_line="x" * 30_000))
    sink(logs).digest(a_digest(*told))
    assert [row["Fingerprint"] for row in logs.rows] == [each.key for each in told]
    assert len(logs.calls) > 1
    assert all(call.size <= MOST_BYTES for call in logs.calls)


@pytest.mark.parametrize(
    "fault", [Refusal(400), Refusal(500), Refusal(429, headers={"Retry-After": "600"}), Refusal(404)]
)
def test_a_digest_of_which_some_is_taken_is_unclear_so_that_the_rest_is_told_and_all_is_marked(logs, fault):
    told = numbered(60, actor=Process(file_name="a", command_line="x" * 30_000))
    taken = len(next(iter(batches(msgspec.json.encode(log_row.row(each, NOON)) for each in told))))
    logs.faults.extend([None, fault])
    with pytest.raises(Unclear, match=f"{taken} of 60 rows were taken, then: Azure Monitor"):
        sink(logs).digest(a_digest(*told))
    assert len(logs.rows) == taken < 60


@pytest.mark.parametrize(
    ("fault", "raised", "said"),
    [
        (Refusal(400, "InvalidPayload", "no"), Refused, "400, InvalidPayload: no"),
        (Refusal(404, "NotFound", "no rule"), SinkError, "the data collection rule's immutable id, at its stream"),
        (Refusal(409), Refused, "409"),
        (Refusal(412), Refused, "412"),
        (Refusal(413, "ContentLengthLimitExceeded", "long"), Refused, "413, ContentLengthLimitExceeded"),
        (Refusal(429, headers={"Retry-After": "600"}), Throttled, "429"),
        (Refusal(500), Unclear, "500"),
        (Refusal(504), Unclear, "504"),
        (BrokenOff(), Unclear, "no whole answer"),
        (Words(b"<html>Sign in to the guest network</html>", status=200), Unclear, "a proxy"),
    ],
)
def test_contract_what_the_far_side_does_not_take_is_said(logs, fault, raised, said):
    logs.faults.append(fault)
    with pytest.raises(raised) as caught:
        sink(logs).deliver(a_notice())
    assert type(caught.value) is raised
    assert said in str(caught.value)
    assert len(logs.calls) == 1


@pytest.mark.parametrize(
    ("faults", "slept"),
    [([Refusal(429, headers={"Retry-After": "7"})], [7]), ([Refusal(429)], [1]), ([Refusal(503)], [1])],
)
def test_contract_what_was_not_taken_for_now_is_told_again(logs, faults, slept):
    clock = Clock()
    logs.faults.extend(faults)
    sink(logs, clock=clock).deliver(a_notice())
    assert (statuses(logs), [int(each) for each in clock.slept]) == ([faults[0].status, 204], slept)
    assert len(logs.rows) == 1


def test_contract_who_is_always_busy_has_enough(logs):
    logs.faults.extend([Refusal(429)] * 4)
    with pytest.raises(Throttled):
        sink(logs).deliver(a_notice())


def test_contract_silence_is_unclear(logs):
    logs.faults.append(Silence())
    with pytest.raises(Unclear, match="it fell silent"):
        sink(logs, timeouts=(1.0, 0.05)).deliver(a_notice())


def test_contract_without_a_connection_nothing_was_told():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(RemoteError, match="4 times in a row") as caught:
        sink(None, url=url).deliver(a_notice())
    assert not isinstance(caught.value, Unclear)


@pytest.mark.parametrize(("given", "status"), [({"audience": "https://graph.microsoft.com"}, 401), ({}, 403)])
def test_contract_who_may_not_write_is_told_which_role_is_missing(logs, given, status):
    logs.allowed = False
    with pytest.raises(NotPermitted, match=f"{status}.*needs the role {ROLE} on the data collection rule"):
        sink(logs, **given).deliver(a_notice())


@pytest.mark.parametrize("given", [{"rule": RULE[::-1]}, {"rule": "dcr-" + "0" * 32}, {"stream": "Custom-Other"}])
def test_contract_an_unknown_rule_or_stream_is_named(given):
    with Logs(COLUMNS) as logs, pytest.raises(SinkError, match="immutable id"):
        sink(logs, **given).deliver(a_notice())


def test_contract_the_fake_refuses_what_is_too_large_and_sees_what_the_service_would_drop(logs):
    with pytest.raises(Refused, match="ContentLengthLimitExceeded"):
        sink(logs)._post(b"[" + b'{"Fingerprint":"' + b"x" * (1 << 20) + b'"}]')
    sink(logs)._post(msgspec.json.encode([{"Title": "t", "Score": "1", "Summary": "x" * 70_000}]))
    assert logs.violations == ["Title is no column", "Score is no long: '1'", "Summary would be cut at 64 KB"]
    logs.violations.clear()


def test_what_was_told_cannot_be_asked_for(logs):
    assert (LogAnalytics.can_tell, LogAnalytics.for_people, sink(logs).find("f", NOON)) == (False, False, None)
    assert logs.calls == []


def test_a_preview_is_the_request_without_its_moment(logs):
    shown = sink(logs).preview(a_notice())
    assert (shown.method, shown.url) == (
        "POST",
        f"/dataCollectionRules/{RULE}/streams/{STREAM}?api-version=2023-01-01",
    )
    assert shown.body == [a_row(a_notice()) | {"TimeGenerated": None}]
    assert logs.calls == []


def test_five_thousand_commands_fit_and_what_is_left_out_is_counted(logs):
    long = a_command(1, command_line="x" * 100_000, decoded="\u202e" * 50_000)
    commands = (long, *(a_command(number) for number in range(2, 5_001)))
    reasons = tuple(f"reason {number} {'y' * 500}" for number in range(1_000))
    finding = a_finding(
        "f", commands=commands, reasons=reasons, actor=Process(file_name="a", command_line="z" * 99_999)
    )
    sink(logs).deliver(a_notice(finding))
    (row,) = logs.rows
    assert (row["CommandCount"], row["CommandsShown"]) == (5_000, len(row["Commands"]))
    assert 50 < row["CommandsShown"] < 5_000
    assert row["Commands"][0]["CommandLine"].endswith("x... (98,040 more characters)")
    assert row["Commands"][0]["Decoded"].endswith("\\u202e... (49,674 more characters)")
    assert row["ProcessCommandLine"].endswith("z... (68,039 more characters)")
    assert row["Reasons"][-1] == f"... ({1_001 - len(row['Reasons'])} more)"
    assert "4,990 more commands" in row["Summary"]


def _sizes(row):
    return {name: len(value.encode()) for name, value in row.items() if isinstance(value, str)} | {
        name: len(msgspec.json.encode(value)) for name, value in row.items() if isinstance(value, (list, dict))
    }


def _hostile(draw, text):
    """A finding every text of which others wrote."""
    write = lambda: draw(text)  # noqa: E731 - a draw by a shorter name
    commands = tuple(
        a_command(number, intent=write(), title=write(), command_line=write(), decoded=write(), parent=write())
        for number in range(draw(st.integers(0, 3)))
    )
    finding = a_finding(
        write(),
        title=write(),
        device=Device(write(), write()),
        account=Account(write(), write(), write()),
        actor=Process(
            file_name=write(), folder_path=write(), command_line=write(), sha1=write(), creation_time=write()
        ),
        commands=commands,
        techniques=(write(), write()),
        reasons=(write(), write()),
        chain=(Process(file_name=write()),),
        expected=write(),
        retracted=write(),
        aliases=(write(),),
    )
    context = DeviceContext(
        group=write(), logged_on=(write(),), alerts=(OpenAlert(id="", title=write(), severity="", time=""),)
    )
    return a_notice(finding, context=context, response=(write(),), links=Links(device=write(), hunting=write()))


@pytest.mark.property
@settings(max_examples=examples(quick=60, full=1_000), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_property_whatever_others_wrote_stays_in_its_column_and_can_be_seen(data):
    notice = _hostile(data.draw, HOSTILE)
    told = log_row.row(notice, NOON)
    row = json.loads(msgspec.json.encode(told))
    assert row == msgspec.to_builtins(told)
    assert set(row) == set(COLUMNS)
    assert [text for text in _texts(row) if not text.replace("\n", "").isprintable()] == []
    assert [name for name, text in row.items() if isinstance(text, str) and "\n" in text and name != "Summary"] == []
    assert all("<b>" not in row[name] and "](" not in row[name] for name in ("FindingTitle", "Summary"))


@pytest.mark.property
@settings(max_examples=examples(quick=15, full=1_000), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), factor=st.integers(1, 3_000))
def test_property_a_row_of_any_text_is_within_the_limits(data, factor):
    long = HOSTILE.map(lambda text: text * (factor if data.draw(st.booleans()) else 1))
    row = log_row.row(_hostile(data.draw, long), NOON)
    sizes = _sizes(msgspec.to_builtins(row))
    assert {name: size for name, size in sizes.items() if size > log_cut.MOST_BYTES} == {}
    assert sizes["FindingTitle"] <= 256
    assert sizes["Summary"] <= 5_000
    assert len(msgspec.json.encode([row])) < MOST_BYTES


@pytest.mark.property
@settings(max_examples=examples(quick=60, full=1_000), deadline=None)
@given(rows=st.lists(st.binary(min_size=1, max_size=30), max_size=40), most=st.integers(33, 120))
def test_property_batches_lose_nothing_and_hold_their_limit(rows, most):
    found = list(batches(rows, most))
    assert [each for batch in found for each in batch] == rows
    assert all(len(b"[" + b",".join(batch) + b"]") <= most for batch in found)
    assert all(found)


def _texts(value):
    match value:
        case str():
            yield value
        case list():
            for each in value:
                yield from _texts(each)
        case dict():
            yield from _texts(list(value.values()))
