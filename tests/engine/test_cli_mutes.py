"""`vizsla mute`, `mutes`, `unmute`: from the command to what the next run does not tell, and what it tells anyway."""

import shutil
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from engine import loader, runner
from engine.model.mute import Mute
from engine.model.run import Window
from engine.record import Request
from engine.sinks.memory import Memory as Sink
from engine.stores.sqlite import Sqlite
from tests.engine.test_cli import SMALL, vizsla
from tests.engine.test_runner import Rows

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
TOOL = r"c:\tools\tool.exe"
WHY = ("--until", "7d", "--owner", "anna", "--reason", "a trial")
HEAVY = """
  - id: whose
    title: Whose is this
    technique: T1069.002
    weight: 3
    forms: [{file_names: [net.exe]}]
    examples: [net group]
    near_misses: [network]
"""


class House:
    """A hunt that knows a heavy intent, by the clock: a store, a sink, and the commands beside them."""

    def __init__(self, folder):
        self.hunts, self.file = folder / "hunts", folder / "store.db"
        shutil.copytree(SMALL, self.hunts)
        with (self.hunts / "_lists" / "questions.yaml").open("a", encoding="utf-8") as catalogue:
            catalogue.write(HEAVY)
        self.hunt = loader.load(self.hunts / "two-questions")
        self.began = datetime.now(UTC) - timedelta(minutes=30)
        self.sink, self.store = Sink(), Sqlite(self.file)

    def run(self, *programs, device="ws01"):
        """A scheduled run over these launches of c:\\tools\\tool.exe, now. Gives how many findings are kept quiet."""
        rows = [self.launch(device, number, program) for number, program in enumerate(programs)]
        now = datetime.now(UTC)
        window = Window(self.began - MINUTE, now)
        request = Request(id=f"{now}", tenant="t", window=window, now=now, scheduled=True, kind="window")
        outcome = runner.run(self.hunt, request, source=Rows(rows), sinks={"memory": self.sink}, store=self.store)
        assert (outcome.run.status, outcome.run.error) == ("succeeded", "")
        return outcome.run.muted

    def launch(self, device, number, program):
        return {
            "Timestamp": f"{self.began + number * SECOND:%Y-%m-%dT%H:%M:%S}.0000000Z",
            "DeviceId": device,
            "DeviceName": f"{device}.contoso.com",
            "ReportId": number,
            "FileName": f"{program}.exe",
            "ProcessCommandLine": f"{program} {number}",
            "InitiatingProcessFileName": "tool.exe",
            "InitiatingProcessFolderPath": r"C:\Tools\tool.exe",
            "InitiatingProcessId": 7,
        }

    @property
    def told(self):
        """How many findings were raised, and how many updates of them were told."""
        return self.sink.raised, self.sink.updated

    def command(self, name, *arguments):
        hunts = ("--hunts", self.hunts) if name == "mute" else ()
        return vizsla(name, *arguments, *hunts, VIZSLA_STORE=str(self.file), VIZSLA_TENANT="t", COLUMNS="160")

    def mute(self, *what):
        done = self.command("mute", *WHY, *what, "--format", "json")
        assert (done.returncode, done.stderr) == (0, "")
        return msgspec.json.decode(done.stdout, type=Mute)

    def mutes(self, *how):
        return msgspec.json.decode(self.command("mutes", "--format", "json", *how).stdout, type=list[Mute])


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def test_a_finding_that_is_muted_grows_unheard_until_it_does_something_heavy(house):
    assert (house.run("whoami", "ipconfig"), house.told) == (0, (1, 0))
    (finding,) = house.sink.findings
    muted = house.mute(finding.fingerprint)
    assert (muted.fingerprint, muted.owner, muted.reason, muted.heavy) == (finding.fingerprint, "anna", "a trial", ())
    assert muted.until - muted.since == 7 * DAY
    assert (house.run("whoami", "ipconfig"), house.told) == (0, (1, 0))
    assert (house.run("whoami", "ipconfig", "whoami"), house.told) == (1, (1, 0))
    (kept,) = house.mutes()
    assert (kept.id, kept.kept, kept.last is None) == (muted.id, 1, False)
    assert house.run("whoami", "ipconfig", "whoami") == 1
    assert [each.kept for each in house.mutes()] == [1]
    assert (house.run("whoami", "ipconfig", "whoami", "net"), house.told) == (0, (1, 1))
    assert [command.intent for command in house.sink.findings[0].commands] == ["who", "where", "who", "whose"]


def test_what_an_actor_does_on_a_device_is_kept_quiet_from_the_start_and_nothing_else(house):
    house.mute("--device", "WS01.contoso.com", "--actor", r"C:\Tools\Tool.exe")
    assert (house.run("whoami", "ipconfig"), house.told) == (1, (0, 0))
    assert (house.run("whoami", "ipconfig", device="ws02"), house.told) == (0, (1, 0))
    assert [finding.device.id for finding in house.sink.findings] == ["ws02"]
    shown = house.command("mutes").stdout
    assert "c:\\tools\\tool.exe on WS01.contoso.com" in shown
    assert shown.splitlines()[-1] == "1 mute, 1 finding kept quiet."


def test_a_heavy_intent_is_muted_where_it_was_seen_before_or_is_named(house):
    house.run("whoami", "net")
    assert house.told == (1, 0)
    assert house.mute("--device", "ws01.contoso.com", "--actor", TOOL).heavy == ("whose",)
    assert (house.run("whoami", "net", "net"), house.told) == (1, (1, 0))
    assert (house.run("whoami", "net", device="ws02"), house.told) == (0, (2, 0))
    named = house.mute("--device", "ws03", "--actor", TOOL, "--intents", "who,where", "--intents", "whose")
    assert (named.intents, named.heavy) == (("who", "where", "whose"), ("whose",))
    assert (house.run("whoami", "net", device="ws03"), house.told) == (1, (2, 0))


def test_what_is_taken_back_is_told_when_it_is_seen_again(house):
    muted = house.mute("--device", "ws01", "--all", "--until", "1h")
    assert (house.run("whoami", "ipconfig"), house.told) == (1, (0, 0))
    done = house.command("unmute", muted.id)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"{muted.id} is taken back, it kept quiet: everything on ws01\n"
    assert (house.run("whoami", "ipconfig"), house.told) == (0, (1, 0))
    assert house.mutes("--past") == []
    again = house.command("unmute", muted.id)
    assert (again.returncode, again.stderr) == (1, f"{muted.id} is no mute of t. Nothing is muted.\n")


def test_a_mute_is_told_in_a_line_and_shown_after_its_end_when_asked(house):
    done = house.command("mute", "--device", "ws01", "--actor", TOOL, *WHY)
    assert done.returncode == 0
    told = r"UTC: c:\tools\tool.exe on ws01 (heavy among it: none; another one speaks anyway)." + "\n"
    assert done.stdout.endswith(told)
    (held,) = house.mutes()
    house.store.record_mute(msgspec.structs.replace(held, until=held.since))
    assert house.command("mutes").stdout == "0 mutes, 0 findings kept quiet.\n"
    past = house.command("mutes", "--past").stdout
    assert held.id in past
    assert "over" in past
    assert "anna: a trial" in past


@pytest.mark.parametrize(
    ("what", "code", "said"),
    [
        (("--device", "ws01", *WHY), 1, "give --device and --actor both, or add --all, for 24 hours at most."),
        (("--device", "ws01", "--actor", "tool.exe", *WHY), 1, "actor: tool.exe is no full path"),
        (("0123", *WHY), 1, "0123 is no finding of t"),
        (("--device", "ws01", "--actor", TOOL), 2, "Missing option '--until'"),
        (("--device", "ws01", "--actor", TOOL, "--intents", "whos", *WHY), 1, "Did you mean whose?"),
    ],
)
def test_what_cannot_be_muted_is_refused_and_nothing_is_kept(house, what, code, said):
    done = house.command("mute", *what)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert house.mutes() == []


@pytest.mark.parametrize("command", [("mute", "f", *WHY), ("mutes",), ("unmute", "m")])
def test_without_a_store_it_is_said_where_to_name_one(command):
    done = vizsla(*command)
    said = "nothing says where to remember: give --store FILE, or set VIZSLA_STORE.\n"
    assert (done.returncode, done.stderr) == (1, said)
