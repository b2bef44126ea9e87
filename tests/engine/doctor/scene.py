"""A function app where all is well: the fakes of the outside world, and an environment that leads to them."""

import shutil
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine import bootstrap, loader
from engine.doctor import HERE, diagnose
from engine.model.event import instant, timestamp
from engine.model.run import HuntRun, Window
from engine.sources.recorded import Recorded
from tests.engine.sinks.test_log_analytics import COLUMNS
from tests.fakes.graph import Graph
from tests.fakes.identity import TENANT, Identity
from tests.fakes.logs import RULE, Logs
from tests.fakes.teams import Teams

ROLES = (
    "ThreatHunting.Read.All",
    "SecurityAlert.Create.All",
    "SecurityAlert.Read.All",
    "SecurityIncident.ReadWrite.All",
)
HUNT = Path(__file__).parents[1] / "hunts" / "two-questions"
MINUTE = timedelta(minutes=1)


def tenant(*, age=MINUTE):
    """A tenant with one launch, so old; every other table is empty."""
    row = {
        "Timestamp": timestamp(instant(datetime.now(UTC) - age)),
        "DeviceId": "ws01",
        "DeviceName": "ws01.contoso.com",
        "ReportId": 1,
        "FileName": "whoami.exe",
        "ProcessCommandLine": "whoami",
    }
    return Recorded(tables={"DeviceProcessEvents": [row]})


class Scene:
    """What a test may spoil: `environment`, the `folder` of hunts, the fakes, the clock's `ahead`, the `machine`."""

    def __init__(self, folder, monkeypatch, recorded):
        self.place = folder
        self.machine = HERE
        self.ahead = timedelta()
        self._opened = ExitStack()
        self.graph = self._opened.enter_context(Graph(recorded))
        self.identity = self._opened.enter_context(Identity(roles=ROLES))
        self.teams = self._opened.enter_context(Teams())
        self.logs = self._opened.enter_context(Logs(COLUMNS))
        for name in ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in self.identity.environment.items():
            monkeypatch.setenv(name, value)
        self.folder = folder / "hunts"
        shutil.copytree(HUNT.parent / "_lists", self.folder / "_lists")
        shutil.copytree(HUNT, self.folder / HUNT.name)
        self.edit(HUNT.name, "hunt.yaml", "{to: memory, min_severity: low}", "{to: teams}")
        self.edit("_lists", "excused.yaml", "entries: []", self.entry(days=300))
        self.environment = {
            **self.identity.environment,
            "FUNCTIONS_WORKER_RUNTIME": "python",
            "AzureWebJobsStorage__accountName": "vizslastorage",
            "APPLICATIONINSIGHTS_CONNECTION_STRING": "InstrumentationKey=00000000-0000-0000-0000-000000000001",
            "VIZSLA_HUNTS": str(self.folder),
            "VIZSLA_STORE": str(folder / "store.db"),
            "VIZSLA_TENANT": TENANT,
            "VIZSLA_GRAPH_URL": self.graph.url,
            "VIZSLA_SINKS": "teams;log_analytics;defender_alert",
            "VIZSLA_TEAMS_URL": self.teams.address,
            "VIZSLA_TEAMS_HOSTS": "127.0.0.1",
            "VIZSLA_LOGS_URL": self.logs.url,
            "VIZSLA_LOGS_RULE": RULE,
        }
        self.ran()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._opened.close()

    @property
    def store(self):
        return bootstrap.store(Path(self.environment["VIZSLA_STORE"]))

    def entry(self, *, days):
        """A list of known-good with one entry that ends in so many days."""
        today = datetime.now(UTC).date()
        entry = {
            "id": "an-agent",
            "file_name": "agent.exe",
            "folder_paths": r"['C:\Program Files\Agent']",
            "owner": "anna",
            "reason": "Ours.",
            "added": today - timedelta(days=60),
            "expires": today + timedelta(days=days),
        }
        return "entries: [{" + ", ".join(f"{key}: {value}" for key, value in entry.items()) + "}]"

    def edit(self, hunt, file, old, new):
        """Changes a file of the hunts."""
        path = self.folder / hunt / file
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    def ran(self, **changes):
        """Every hunt has run, up to now."""
        now = datetime.now(UTC)
        window = Window(now - 20 * MINUTE, now - 5 * MINUTE)
        for hunt in loader.names(self.folder):
            given = {
                "events": 0,
                "findings": 0,
                "dropped": {},
                "seconds": 1.0,
                "began": now,
                "newest": timestamp(instant(now)),
            }
            run = {"id": "r", "hunt": hunt, "status": "succeeded", "window": window, "tenant": TENANT, **given}
            self.store.record_run(HuntRun(**run | changes))
            self.store.move_watermark(TENANT, hunt, window.end)

    def set(self, **changes):
        """Changes the environment; None takes a setting out."""
        known = self.environment | changes
        self.environment = {name: value for name, value in known.items() if value is not None}

    def examined(self, **how):
        return diagnose(self.environment, now=lambda: datetime.now(UTC) + self.ahead, machine=self.machine, **how)

    def amiss(self):
        """What is not well, or could not be looked at for that."""
        return [each for each in self.examined().diagnoses if each.state != "ok"]


def states(diagnoses):
    return [(each.check, each.about, each.state) for each in diagnoses]
