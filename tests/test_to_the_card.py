"""From a command, a list or a table to the card in Teams: `vizsla tick` over files, the real sink, a channel played."""

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tests.engine.sinks.test_card import lines
from tests.engine.test_cli import vizsla
from tests.fakes.teams import Teams
from tests.tree import ROOT

HUNT = "discovery-by-parent"
DEVICE = "ws1.contoso.com"
COMMANDS = ("whoami /all", "ipconfig /all", "systeminfo", "hostname", "tasklist /v", "net view", "route print")
CASES = "cases: [{name: a, expect: []}, {name: b, expect: [{device: d, intents: [i]}]}]"
HEAVY = 'net group "domain admins" /domain'


@pytest.fixture
def house(tmp_path):
    """One hunt that tells Teams at once, a file of launches, a file of devices, and a store."""
    hunts = shutil.copytree(ROOT / "hunts", tmp_path / "hunts")
    cases = hunts / HUNT / "cases.yaml"
    cases.write_text(CASES, "utf-8")  # its own are another hunt's
    for other in ("discovery-burst", "discovery-by-device"):
        shutil.rmtree(hunts / other)
    settings = hunts / HUNT / "hunt.yaml"
    settings.write_text(settings.read_text("utf-8").replace(", digest: daily", ""), "utf-8")
    (tmp_path / "files").mkdir()
    return House(tmp_path, hunts, datetime.now(UTC) - timedelta(minutes=40))


class House:
    def __init__(self, folder, hunts, begun):
        self.folder, self.hunts, self.begun = folder, hunts, begun
        inventory = {"DeviceId": "d1", "DeviceName": DEVICE, "OSPlatform": "Windows11", "MachineGroup": "Finance"}
        self.write("DeviceInfo", [{**inventory, "Timestamp": self.at(0), "IsInternetFacing": False}])

    def at(self, second):
        return f"{self.begun + timedelta(seconds=second):%Y-%m-%dT%H:%M:%S}.0000000Z"

    def write(self, table, rows):
        (self.folder / "files" / f"{table}.ndjson").write_bytes(b"\n".join(map(msgspec.json.encode, rows)))

    def ran(self, *commands):
        """So many launches of one process, a second apart."""
        self.write("DeviceProcessEvents", [self.launch(number, line) for number, line in enumerate(commands)])

    def launch(self, number, line):
        return {
            "Timestamp": self.at(number),
            "DeviceId": "d1",
            "DeviceName": DEVICE,
            "ReportId": number,
            "ActionType": "ProcessCreated",
            "FileName": f"{line.split()[0]}.exe",
            "ProcessCommandLine": line,
            "ProcessId": 5_000 + number,
            "AccountName": "anna",
            "AccountDomain": "contoso",
            "AccountSid": "S-1-5-21-1-2-3-1104",
            "InitiatingProcessFileName": "loader.exe",
            "InitiatingProcessFolderPath": "C:\\Users\\anna\\loader.exe",
            "InitiatingProcessId": 77,
            "InitiatingProcessCreationTime": self.at(-60),
        }

    def vizsla(self, *command, teams):
        sinks = {"VIZSLA_SINKS": "teams", "VIZSLA_TEAMS_URL": teams.address, "VIZSLA_TEAMS_HOSTS": "127.0.0.1"}
        where = {"VIZSLA_STORE": str(self.folder / "store.db"), "VIZSLA_FROM": str(self.folder / "files")}
        done = vizsla(*command, **where, **sinks, VIZSLA_HUNTS=str(self.hunts))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def tick(self, teams):
        """What the cards say that one tick leads to."""
        before = len(teams.shown)
        self.vizsla("tick", teams=teams)
        assert (teams.violations, teams.failed) == ([], [])
        return [lines(message) for message in teams.shown[before:]]

    def again(self, teams):
        """The same half an hour later: the hunt's watermark is put back instead of the clock."""
        with closing(sqlite3.connect(self.folder / "store.db")) as store, store:
            back = f"{datetime.now(UTC) - timedelta(minutes=35):%Y-%m-%dT%H:%M:%S.%f}+00:00"
            store.execute("UPDATE watermark SET moment = ? WHERE mark = 'window'", (back,))
        return self.tick(teams)


def test_what_the_device_is_stands_on_the_card(house):
    house.ran(*COMMANDS)
    with Teams() as teams:
        (card,) = house.tick(teams)
        assert "group Finance, not internet-facing" in card
        assert house.again(teams) == []


def test_an_authorised_test_stands_on_the_card_and_lowers_it_only_where_it_says_so(house):
    house.ran(*COMMANDS)
    entry = {
        "name": "pentest",
        "devices": [DEVICE],
        "from": f"{house.begun - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
        "to": f"{house.begun + timedelta(hours=9):%Y-%m-%dT%H:%M:%SZ}",
        "owner": "red-team",
        "reason": "ticket 4711",
    }
    windows = house.hunts / "_lists" / "windows.yaml"
    with Teams() as teams:
        windows.write_text(json.dumps({"entries": [{**entry, "lower": True}]}), "utf-8")
        assert house.tick(teams) == []  # informational: below what this channel wants
        (house.folder / "store.db").unlink()
        windows.write_text(json.dumps({"entries": [entry]}), "utf-8")
        (card,) = house.tick(teams)
    (expected,) = (line for line in card if line.startswith("Expected:"))
    assert "pentest" in expected
    assert expected.endswith("red-team: ticket 4711")


def test_a_mute_keeps_a_growing_finding_off_the_channel_until_a_heavy_intent_speaks(house):
    house.ran(*COMMANDS)
    with Teams() as teams:
        (card,) = house.tick(teams)
        fingerprint = card[card.index("Finding") + 1]
        why = ("--until", "7d", "--owner", "anna", "--reason", "known")
        house.vizsla("mute", fingerprint, *why, teams=teams)
        house.ran(*COMMANDS, "netstat -ano")
        assert house.again(teams) == []
        (mute,) = json.loads(house.vizsla("mutes", "--format", "json", teams=teams))
        assert mute["kept"] == 1
        house.ran(*COMMANDS, "netstat -ano", HEAVY)
        (card,) = house.again(teams)
    assert card[0].startswith("UPDATE")
