"""`vizsla tick` and `vizsla runs`: the product from a cron line; and `vizsla run` where no files are named."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from engine.sources.recorded import Recorded
from tests.engine.test_cli import SMALL, rows, vizsla
from tests.fakes.graph import Graph
from tests.fakes.identity import Identity


def recent(device):
    """A burst of an hour ago."""
    begun = datetime.now(UTC) - timedelta(hours=1)
    return [
        {**row, "Timestamp": f"{begun + timedelta(seconds=row['ReportId']):%Y-%m-%dT%H:%M:%S}.0000000Z"}
        for row in rows(device, "whoami", "ipconfig")
    ]


@pytest.fixture
def files(tmp_path):
    file = tmp_path / "DeviceProcessEvents.ndjson"
    file.write_bytes(b"\n".join(map(msgspec.json.encode, recent("ws01"))))
    return str(file)


def test_tick_does_what_is_due_once_and_runs_shows_it(files, tmp_path):
    store = tmp_path / "store.db"
    environment = {"VIZSLA_FROM": files, "VIZSLA_STORE": str(store)}
    first = vizsla("tick", "--hunts", SMALL, **environment)
    assert first.returncode == 0, first.stderr
    told = [line for line in first.stderr.splitlines() if "two-questions" in line]
    assert [line.partition(" findings")[0] for line in told] == ["two-questions: window succeeded, 2 events, 1"]
    assert vizsla("tick", "--hunts", SMALL, **environment).stderr == ""
    shown = vizsla("runs", "two-questions", "--hunts", SMALL, "--format", "json", **environment)
    answer = msgspec.json.decode(shown.stdout)
    assert [(run["hunt"], run["status"], run["findings"]) for run in answer["runs"]] == [
        ("two-questions", "succeeded", 1)
    ]
    assert (shown.returncode, answer["healthy"], answer["problems"]) == (0, True, [])
    table = vizsla("runs", "--hunts", SMALL, COLUMNS="160", **environment)
    assert "two-questions" in table.stdout
    assert "succeeded" in table.stdout


@pytest.mark.parametrize("command", ["tick", "runs"])
def test_without_a_store_it_is_said_where_to_name_one(command):
    done = vizsla(command, "--hunts", SMALL)
    assert (done.returncode, done.stderr) == (
        1,
        "nothing says where to remember: give --store FILE, or set VIZSLA_STORE.\n",
    )


def test_a_tick_that_fails_says_why_and_exits_so(tmp_path):
    done = vizsla("tick", "--hunts", SMALL, VIZSLA_FROM=str(tmp_path), VIZSLA_STORE=str(tmp_path / "store.db"))
    assert done.returncode == 1
    assert "two-questions: window failed" in done.stderr
    assert "no telemetry" in done.stderr
    assert "Traceback" not in done.stderr


def test_run_without_files_asks_the_tenant_and_remembers_no_finding():
    with (
        Recorded(tables={"DeviceProcessEvents": recent("ws01")}) as recorded,
        Graph(recorded) as graph,
        Identity() as identity,
    ):
        environment = {**identity.environment, "VIZSLA_GRAPH_URL": graph.url, "VIZSLA_SIGN_IN": "identity"}
        done = vizsla("run", "two-questions", "--hunts", SMALL, "--last", "2h", "--format", "json", **environment)
        assert graph.violations == []
    assert done.returncode == 0, done.stderr
    answer = msgspec.json.decode(done.stdout)
    assert (answer["run"]["kind"], answer["run"]["findings"]) == ("demand", 1)
