"""baseline.kql says of a day what the steps would say of its rows."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine import learn, loader
from engine.model.identity import Identity, identity_of
from engine.model.run import Window
from engine.sources.local import Local
from engine.sources.recorded import Recorded
from engine.steps.interface import Batch
from tests.engine.steps.events import CONTEXT

SAMPLES = Path(__file__).parents[2] / "samples"
EVERYTHING = "DeviceProcessEvents"


@pytest.fixture(scope="module")
def hunt():
    return loader.load(loader.HUNTS / "discovery-burst")


@pytest.fixture(scope="module")
def day_and_rows(hunt):
    with Local(paths=[str(SAMPLES)]) as source:
        rows = [row for batch in source.rows(EVERYTHING, None) for row in batch]
        return learn.learn(hunt, source, source.whole), rows


@pytest.fixture(scope="module")
def judged(hunt, day_and_rows):
    """(identity, intent) -> the devices that had it, by the steps alone."""
    _, rows = day_and_rows
    shells = tuple(row for row in rows if row["FileName"].lower() in hunt.defaults["shells"])
    batch = Batch(tuple(rows), shells)
    for step in [spec.build(hunt.defaults) for spec in hunt.steps if spec.name in ("classify", "name_actors")]:
        batch = step(batch, CONTEXT)
    devices = {}
    for event in batch.events:
        pair = identity_of(event, frozenset(hunt.defaults["generic_hosts"])), event["Intent"]
        devices.setdefault(pair, set()).add(event["DeviceId"])
    return devices


def test_kusto_and_python_name_the_same_actors_and_intents(day_and_rows, judged):
    day, _ = day_and_rows
    learned = {(each.identity, each.intent) for each in (*day.pairs, *day.own) if each.intent}
    assert learned == set(judged)


def test_a_pair_never_counts_more_devices_than_there_were(day_and_rows, judged):
    day, _ = day_and_rows
    assert day.devices == 60
    pairs = [pair for pair in day.pairs if pair.intent]
    assert all(3 <= pair.devices <= len(judged[pair.identity, pair.intent]) for pair in pairs)


def test_what_is_a_devices_own_names_that_device(day_and_rows, judged):
    day, _ = day_and_rows
    assert all(own.device_id in judged[own.identity, own.intent] for own in day.own)


def test_generic_hosts_are_learned_by_their_whole_sets(day_and_rows, judged):
    day, _ = day_and_rows
    assert day.sets
    for group in day.sets:
        assert group.identity.file_name.replace("#", "") or group.identity.path
        assert set(group.intents) <= {intent for identity, intent in judged if identity == group.identity}


def test_no_user_or_host_stands_in_what_is_learned(day_and_rows):
    day, rows = day_and_rows
    hosts = {row["DeviceName"].partition(".")[0] for row in rows}
    users = {row["AccountName"].lower() for row in rows if len(row["AccountName"]) > 5} - {"system"}
    text = " ".join(pair.command + pair.identity.path for pair in day.pairs)
    assert [name for name in hosts | users if name in text] == []


def test_a_persons_account_is_learned_with_its_devices(day_and_rows):
    day, rows = day_and_rows
    devices = {}
    for row in rows:
        if (row["AccountSid"] or "").startswith("S-1-5-21-"):
            devices.setdefault(row["AccountSid"], set()).add(row["DeviceId"])
    few = {sid: tuple(sorted(places)) if len(places) <= 20 else () for sid, places in devices.items()}
    assert {presence.account_sid: presence.device_ids for presence in day.presences} == few
    assert few


def test_cmdlets_and_searches_are_learned_too(hunt):
    shared = {"Timestamp": "2026-11-24T10:00:00.0000000Z", "DeviceName": "ws01.contoso.com", "ReportId": 1}
    launcher = {
        "InitiatingProcessFileName": "agent.exe",
        "InitiatingProcessFolderPath": "C:\\Agent\\agent.exe",
        "InitiatingProcessAccountSid": "S-1-5-18",
    }
    rows = [
        {**shared, **launcher, "DeviceId": device, "ActionType": action, "AdditionalFields": fields}
        for device in "abc"
        for action, fields in (
            ("PowerShellCommand", '{"Command": "Get-NetTCPConnection"}'),
            ("LdapSearch", '{"SearchFilter": "(objectClass=trustedDomain)"}'),
            ("PowerShellCommand", '{"Command": "Out-String"}'),
        )
    ]
    with Recorded(tables={"DeviceEvents": rows, "DeviceProcessEvents": []}) as source:
        day = learn.learn(hunt, source, Window(datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC)))
    agent = Identity("c:\\agent\\agent.exe", "S-1-5-18", "")
    assert {(pair.identity, pair.intent, pair.devices) for pair in day.pairs} == {
        (agent, "network-connections", 3),
        (agent, "domain-trusts", 3),
    }
