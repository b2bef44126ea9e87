"""What is known of a device stands in the notice; where it is not known, the notice goes without."""

import json
import logging
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine import loader, runner
from engine.context import BOUND, COLUMNS, FILE, contexts, question
from engine.errors import SourceError, Throttled
from engine.lints.kusto import analyse
from engine.model import tables
from engine.model.finding import Device
from engine.model.notice import DeviceContext, OpenAlert
from engine.model.run import Window
from engine.parameters import lets
from engine.record import Request
from engine.sinks.memory import Memory as Sink
from engine.sources.local import Local
from engine.sources.recorded import Recorded
from engine.stores.memory import Memory as Store
from tests.engine.sources.tenant import asked
from tests.engine.stores.test_contract import a_command, a_finding

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
PORTAL = "https://security.microsoft.com"
SMALL = Path(__file__).parent / "hunts"


def at(hours, minutes=0):
    return f"{NOON + timedelta(hours=hours, minutes=minutes):%Y-%m-%dT%H:%M:%S}.0000000Z"


def info(device, hours, **columns):
    return {"DeviceId": device, "Timestamp": at(hours), "OSPlatform": "Windows11", **columns}


def evidence(device, alert, hours, **columns):
    return {"DeviceId": device, "AlertId": alert, "Timestamp": at(hours), **columns}


def launch(device, report, process, **columns):
    return {"DeviceId": device, "ReportId": report, "ProcessId": process, "Timestamp": at(-1), **columns}


ANNA = [{"UserName": "anna", "DomainName": "CONTOSO", "Sid": "S-1-5-21-1"}, {"UserName": None, "Sid": "S-1-5-21-2"}]
REMOTE = {
    "IsProcessRemoteSession": True,
    "ProcessRemoteSessionDeviceName": "LAPTOP-7",
    "ProcessRemoteSessionIP": "10.0.0.7",
}
LAUNCHER = {"IsInitiatingProcessRemoteSession": True, "InitiatingProcessRemoteSessionIP": "10.0.0.9"}
TENANT = {
    "DeviceInfo": [
        info("d", -2, MachineGroup="Old", AssetValue="Low"),
        info(
            "d",
            -1,
            MachineGroup="Servers",
            DeviceRoles='["DomainController", "DnsServer"]',
            DeviceType="Server",
            AssetValue="High",
            ExposureLevel="Medium",
            IsInternetFacing=True,
            LoggedOnUsers=json.dumps(ANNA),
        ),
        info("d", -0.5, OSPlatform="", MachineGroup="a row that is not filled in"),
        info("e", -1, DeviceType="Workstation", LoggedOnUsers="no JSON"),
        info("other", -1, MachineGroup="Others"),
    ],
    "AlertEvidence": [
        evidence("d", "a1", -3, EntityType="Machine"),
        evidence("d", "a1", -2, EntityType="Process"),
        evidence("d", "a2", -5, Title="Its own", Severity="Low"),
        evidence("d", "old", -25),
        evidence("other", "a3", -1),
    ],
    "AlertInfo": [
        {"AlertId": "a1", "Timestamp": at(-3), "Title": "Suspicious logon", "Severity": "High"},
        {"AlertId": "a3", "Timestamp": at(-3), "Title": "Elsewhere", "Severity": "High"},
    ],
    "DeviceProcessEvents": [
        launch("d", 1, 1, **REMOTE),
        launch("d", 1, 99, IsProcessRemoteSession=True, ProcessRemoteSessionDeviceName="another launch"),
        launch("e", 1, 1),
        launch("f", 1, 1, **LAUNCHER),
        launch("other", 1, 1, **REMOTE),
    ],
}
SERVER = DeviceContext(
    group="Servers",
    role="DomainController, DnsServer",
    asset_value="High",
    exposure="Medium",
    internet_facing=True,
    logged_on=("CONTOSO\\anna", "S-1-5-21-2"),
    remote_device="LAPTOP-7",
    remote_address="10.0.0.7",
    alerts=(
        OpenAlert(id="a1", title="Suspicious logon", severity="High", time=at(-2), link=f"{PORTAL}/alerts/a1"),
        OpenAlert(id="a2", title="Its own", severity="Low", time=at(-5), link=f"{PORTAL}/alerts/a2"),
    ),
)
KNOWN = {
    "f": SERVER,
    "g": DeviceContext(role="Workstation"),
    "h": DeviceContext(remote_address="10.0.0.9"),
}


def a_found(fingerprint, device, **changes):
    given = {"start": at(-1), "end": at(-1), "commands": (a_command(1),)}
    return a_finding(fingerprint, device=Device(device, device), **{**given, **changes})


FINDINGS = (a_found("f", "d"), a_found("g", "e"), a_found("h", "f"), a_found("i", "unknown"))


def told(source, findings=FINDINGS, folder=loader.HUNTS):
    return contexts(findings, source=source, now=NOON, folder=folder, portal=PORTAL)


def test_a_tenant_tells_what_it_knows_of_each_device_in_one_answer(monkeypatch):
    with Recorded(tables=TENANT) as recorded, asked(recorded, monkeypatch) as (graph, source):
        assert told(source) == KNOWN
    (call,) = graph.calls
    assert call.timespan == "2026-11-23T12:00:00.000000Z/2026-11-24T12:00:00.000000Z"


def test_files_tell_the_same_and_those_without_such_tables_nothing(tmp_path):
    for table, rows in TENANT.items():
        (tmp_path / f"{table}.ndjson").write_text("\n".join(map(json.dumps, rows)))
    with Local(paths=[str(tmp_path)]) as source:
        assert told(source) == KNOWN
    with Local(paths=[str(tmp_path / "DeviceProcessEvents.ndjson")]) as source:
        assert told(source) == {
            "f": DeviceContext(remote_device="LAPTOP-7", remote_address="10.0.0.7"),
            "h": DeviceContext(remote_address="10.0.0.9"),
        }


class Asked:
    """A source that keeps what it is asked, and answers as it is told."""

    notes = ()

    def __init__(self, answer):
        self.answer = answer
        self.asked = []

    def rows(self, query, window):
        self.asked.append((query, window))
        if isinstance(self.answer, Exception):
            raise self.answer
        yield self.answer


def test_late_findings_have_their_launches_looked_up_where_they_lie_but_for_a_week_at_most():
    source = Asked([])
    for hours in (-1, -50, -24 * 9):
        told(source, (a_found("f", "d", start=at(hours), end=at(hours)),))
    assert [window for _, window in source.asked] == [
        Window(NOON - timedelta(hours=hours), NOON) for hours in (24, 50, 24 * 7)
    ]
    assert all("since = datetime(2026-11-23T12:00:00.000000Z)" in query for query, _ in source.asked)


@pytest.mark.parametrize("failure", [SourceError("gone"), Throttled("busy", until=NOON)])
def test_a_source_that_does_not_answer_costs_the_context_alone(failure, caplog):
    with caplog.at_level(logging.DEBUG):
        assert told(Asked(failure)) == {}
    assert caplog.record_tuples == [("vizsla", logging.WARNING, f"context unavailable: {failure}")]


def test_a_bug_is_not_caught():
    with pytest.raises(RuntimeError, match="a bug"):
        told(Asked(RuntimeError("a bug")))


def test_without_the_file_nothing_is_asked_and_one_that_cannot_be_read_is_told(tmp_path, caplog):
    source = Asked([])
    assert (told(source, folder=SMALL), told(source, ())) == ({}, {})
    (tmp_path / "_lists").mkdir()
    (tmp_path / FILE).write_bytes(b"\xff")
    assert caplog.record_tuples == []
    assert told(source, folder=tmp_path) == {}
    ((*_, message),) = caplog.record_tuples
    assert message.startswith(f"context unavailable: {FILE} cannot be read: ")
    assert source.asked == []


def test_of_more_than_a_thousand_devices_those_of_the_worst_findings_are_asked_about():
    many = [a_found(f"{number}", f"device-{number}", score=number % 7, severity="low") for number in range(1_200)]
    worst = a_found("w", "worst", severity="high")
    source = Asked([])
    told(source, (*many, worst, a_found("again", "worst"), a_found("odd", "\x00")))
    ((query, _),) = source.asked
    (devices,) = (json.loads(let.text[len("dynamic(") : -1]) for let in lets(query) if let.name == "devices")
    assert (len(devices), devices[0]) == (1_000, "worst")
    assert {f"device-{number}" for number in range(1_200) if number % 7 > 1} < set(devices)


def test_an_id_that_kql_cannot_hold_costs_no_other_its_context():
    with Recorded(tables=TENANT) as source:
        assert told(source, (*FINDINGS, a_found("odd", "\x00"))) == KNOWN


def test_the_shipped_question_is_clean_and_returns_what_is_read():
    known = {table: tables.columns(table) for table in tables.names()}
    query = question(loader.HUNTS)
    analysis = analyse({"q": query}, known)["q"]
    assert analysis.diagnostics == ()
    assert sorted(column.name for column in analysis.columns) == sorted(COLUMNS)
    assert set(BOUND) < {let.name for let in lets(query)}


@pytest.mark.parametrize("answers", [True, False])
def test_from_the_question_to_the_delivered_notice(tmp_path, answers):
    hunts = shutil.copytree(SMALL, tmp_path / "hunts")
    if answers:
        shutil.copy(loader.HUNTS / FILE, hunts / FILE)
    ran = [
        launch("d", number, number, FileName=f"{program}.exe", ProcessCommandLine=program, InitiatingProcessId=7)
        | {"InitiatingProcessFileName": "tool.exe", "DeviceName": "ws01.contoso.com"}
        | REMOTE
        for number, program in enumerate(("whoami", "ipconfig"), 1)
    ]
    sink = Sink()
    request = Request(id="r", tenant="t", window=Window(NOON - timedelta(hours=2), NOON), now=NOON, scheduled=True)
    with Recorded(tables=TENANT | {"DeviceProcessEvents": ran}) as source:
        hunt = loader.load(hunts / "two-questions")
        outcome = runner.run(hunt, request, source=source, sinks={"memory": sink}, store=Store())
    (notice,) = sink.notices.values()
    assert (outcome.run.status, notice.key) == ("succeeded", outcome.findings[0].fingerprint)
    assert notice.context == (SERVER if answers else None)
    assert notice.links.device == f"{PORTAL}/machines/v2/d"
    assert notice.links.hunting.startswith(f"{PORTAL}/v2/advanced-hunting?query=H4sI")
