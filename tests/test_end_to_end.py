"""The scheduled path as in Azure: dispatch, queue on Azurite, Microsoft's worker, fake Graph, store on Azurite."""

import json
import shutil
import textwrap
from datetime import UTC, datetime, timedelta

import pytest

from engine.sinks.defender_alert import RIGHTS
from engine.sources.recorded import Recorded
from tests import process
from tests.fakes.azurite import Azurite
from tests.fakes.graph import Graph, Refusal
from tests.fakes.identity import Identity
from tests.fakes.teams import Teams
from tests.tree import ROOT

BEFORE = """
    import json
    from azure.identity import DefaultAzureCredential
    from tests.fakes.host import Host
    from tests.fakes.worker import Worker
    import os
    from engine import bootstrap
    host = Host(Worker('.'), os.environ['AzureWebJobsStorage__queueServiceUri'], DefaultAzureCredential())
    def show(**shown):
        desk = bootstrap.desk()
        runs = [[run.hunt, run.kind, run.status, run.findings, run.error] for run in desk.store.runs()]
        told = [[finding.hunt, finding.device.id] for finding in desk.sinks['memory'].findings]
        print(json.dumps({'runs': sorted(runs), 'told': sorted(told), 'log': host.log, **shown}))
"""


@pytest.fixture
def azurite():
    with Azurite() as running:
        yield running


def launch(device, seconds_ago, number, command):
    """A row of a few minutes ago."""
    moment = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    return {
        "Timestamp": f"{moment:%Y-%m-%dT%H:%M:%S}.{number:07d}Z",
        "DeviceId": device,
        "DeviceName": f"{device}.contoso.com",
        "ReportId": number,
        "ActionType": "ProcessCreated",
        "FileName": f"{command.split()[0]}.exe",
        "ProcessId": 5_000 + number,
        "ProcessCommandLine": command,
        "AccountSid": "S-1-5-21-1-2-3-1104",
        "AccountName": "anna",
        "InitiatingProcessFileName": "loader.exe",
        "InitiatingProcessFolderPath": "C:\\Users\\anna\\AppData\\Local\\Temp",
        "InitiatingProcessId": 77,
        "InitiatingProcessCreationTime": f"{moment:%Y-%m-%d}T00:00:00.0000000Z",
        "InitiatingProcessParentFileName": "winword.exe",
    }


COMMANDS = (
    "whoami /all",
    "ipconfig /all",
    "nltest /domain_trusts",
    'net group "domain admins" /domain',
    "systeminfo",
    "hostname",
    "tasklist /v",
    "net view /domain",
)


def intrusion(device):
    return [launch(device, 3_600 - 10 * number, number, command) for number, command in enumerate(COMMANDS)]


def play(azurite, rows, script, *faults, table, **environment):
    """Runs the script beside the app in a process of its own; gives what it shows."""
    with Recorded(tables={"DeviceProcessEvents": rows}) as recorded, Graph(recorded) as graph, Identity() as identity:
        graph.faults.extend(faults)
        return played(azurite, graph, identity, script, table=table, **environment)


def played(azurite, graph, identity, script, *, table, **environment):
    """The same beside fakes that are there already."""
    settings = {
        "VIZSLA_TABLES_URL": azurite.table,
        "VIZSLA_TENANT": table,
        "VIZSLA_GRAPH_URL": graph.url,
        "AzureWebJobsStorage__queueServiceUri": azurite.queue,
        **identity.environment,
        **azurite.environment,
        **environment,
    }
    code = textwrap.dedent(BEFORE) + textwrap.dedent(script)
    told, log = process.shown(code, timeout=240, **settings)
    assert graph.violations == []
    assert "domain admins" not in log
    return told


def test_end_to_end_from_the_timer_to_the_sink_once(azurite):
    script = """
        for _ in range(2):
            host.fire('dispatch')
            host.drain('hunt', 'vizsla-runs')
        status, _, body = host.worker.http('api', url='http://127.0.0.1/api/health/detail')
        show(health=[status, json.loads(body)['problems']], probe=host.worker.http('health', url='http://127.0.0.1/api/health')[0])
    """
    shown = play(azurite, intrusion("ws1"), script, table="once")
    hunts = ["discovery-burst", "discovery-by-device", "discovery-by-parent"]
    assert [run[:4] for run in shown["runs"]] == [[hunt, "window", "succeeded", 1] for hunt in hunts]
    assert shown["told"] == [[hunt, "ws1"] for hunt in hunts]
    assert (shown["health"], shown["probe"], shown["log"]) == ([200, []], 200, [])


def test_end_to_end_a_finding_is_an_incident_in_defender_and_a_card_in_teams_once(azurite):
    script = """
        for _ in range(2):
            host.fire('dispatch')
            host.drain('hunt', 'vizsla-runs')
        desk = bootstrap.desk()
        notes = [note for run in desk.store.runs() for note in run.notes]
        print(json.dumps({'notes': notes, 'log': host.log}))
    """
    roles = ("ThreatHunting.Read.All", *RIGHTS.values())
    rows = intrusion("ws1")
    rows[0]["ProcessCommandLine"] = "whoami /all & net use \\\\srv\\ipc$ /user:corp\\bob Winter2026 & whoami"
    with (
        Recorded(tables={"DeviceProcessEvents": rows}) as recorded,
        Graph(recorded) as graph,
        Identity(roles=roles) as identity,
        Teams() as teams,
    ):
        sinks = {
            "VIZSLA_SINKS": "teams;defender_alert",
            "VIZSLA_TEAMS_URL": teams.address,
            "VIZSLA_TEAMS_HOSTS": "127.0.0.1",
        }
        shown = played(azurite, graph, identity, script, table="told", **sinks)
        assert shown == {"notes": [], "log": []}
        assert (teams.violations, teams.failed) == ([], [])
        burst, *_ = (
            alert for alert in graph.alerts.alerts if "rundll32" in alert["title"] or "loader" in alert["title"]
        )
        assert len(graph.alerts.alerts) == len(graph.alerts.incidents)
        links = {alert["alertWebUrl"] for alert in graph.alerts.alerts}
        cards = [json.dumps(message) for message in teams.shown]
        assert burst["severity"] in {"medium", "high"}
        assert any(link in card for link in links for card in cards)
        told = json.dumps(graph.alerts.alerts) + "".join(cards)
    assert "Winter2026" not in told
    assert "/user:corp" in told


def test_end_to_end_a_throttled_run_waits_in_the_queue_and_is_no_failure(azurite):
    script = """
        host.fire('dispatch')
        host.drain('hunt', 'vizsla-runs')
        show(hidden=host.hidden('vizsla-runs'))
    """
    busy = [Refusal(429, "TooManyRequests", "busy", {"Retry-After": "600"})] * 3
    shown = play(azurite, intrusion("ws1"), script, *busy, table="throttled")
    assert {run[2] for run in shown["runs"]} == {"throttled"}
    assert (shown["hidden"], shown["log"], shown["told"]) == (3, [], [])


def test_end_to_end_what_keeps_failing_is_set_aside_and_the_rest_goes_through(azurite, tmp_path):
    # A launch that the steps trip over: no caller can send one, so the bug is put into a step.
    script = """
        from engine.steps import score
        whole = score.Score._finding
        def trips(self, burst, known, context):
            if burst.device_id == 'hostile':
                raise RuntimeError('a bug')
            return whole(self, burst, known, context)
        score.Score._finding = trips
        from engine import tasks
        tasks.TRIES = 1  # else it takes five times as long
        host.fire('dispatch')
        (task,) = [task for task in host.waiting('vizsla-runs') if task['hunt'] == 'discovery-by-parent']
        host.queue('vizsla-runs').clear_messages()
        host.queue('vizsla-runs').send_message(json.dumps(task))
        host.drain('hunt', 'vizsla-runs')
        show(aside=[task['hunt'] for task in host.waiting('vizsla-runs-poison')],
             watermark=str(bootstrap.desk().store.watermark('aside', 'discovery-by-parent')))
    """
    hunts = shutil.copytree(ROOT / "hunts", tmp_path / "hunts")
    hunt = hunts / "discovery-by-parent" / "hunt.yaml"
    hunt.write_text(hunt.read_text("utf-8").replace("lookback: 24h", "lookback: 70m"), "utf-8")
    unlimited = {"VIZSLA_CALLS_A_MINUTE": "100000", "VIZSLA_CALLS_AN_HOUR": "100000", "VIZSLA_HUNTS": str(hunts)}
    rows = [*intrusion("ws1"), *intrusion("hostile")]
    shown = play(azurite, rows, script, table="aside", **unlimited)
    assert set(shown["aside"]) == {"discovery-by-parent"}
    assert {run[2] for run in shown["runs"]} == {"succeeded", "gap"}
    assert shown["told"] == [["discovery-by-parent", "ws1"]]
    assert shown["watermark"] != "None"


def test_end_to_end_a_new_tenant_learns_its_past_and_only_observes_meanwhile(azurite):
    script = """
        host.fire('learn')
        host.drain('hunt', 'vizsla-runs')
        days = bootstrap.desk().store.days('learns', 'discovery-burst')
        _, _, body = host.worker.http('api', url='http://127.0.0.1/api/health/detail')
        show(days=len(days), observing={each['hunt']: each['observing'] for each in json.loads(body)['hunts']})
    """
    shown = play(azurite, intrusion("ws1"), script, table="learns")
    assert [run[:3] for run in shown["runs"]] == [["discovery-burst", "learn", "succeeded"]]
    assert shown["days"] == 1
    assert shown["observing"] == {
        "discovery-burst": True,
        "discovery-by-device": False,
        "discovery-by-parent": False,
    }
