"""The app as Azure loads it: Microsoft's own worker indexes and calls it. Its state is global: a process a scenario."""

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests import process
from tests.tree import ROOT


def scenario(script, **environment):
    """Runs the script beside a Worker on the app in a process of its own; gives what it prints as JSON."""
    begin = "import json\nfrom tests.fakes.worker import InvocationError, Worker\n"
    given = {"VIZSLA_FROM": str(ROOT / "samples"), **environment}
    return process.shown(begin + textwrap.dedent(script), **given)


def test_the_worker_finds_timers_queue_functions_and_routes():
    shown, _ = scenario("print(json.dumps(Worker('.').functions))")
    types = {name: sorted(binding["type"] for binding in bindings) for name, bindings in shown.items()}
    assert types == {
        "dispatch": ["queue", "timerTrigger"],
        "learn": ["queue", "timerTrigger"],
        "hunt": ["queue", "queue", "queueTrigger"],
        "demand": ["queueTrigger"],
        "api": ["http", "httpTrigger"],
        "run": ["http", "httpTrigger"],
        "health": ["http", "httpTrigger"],
    }
    queues = {binding["queueName"] for bindings in shown.values() for binding in bindings if "queueName" in binding}
    assert queues == {"vizsla-runs", "vizsla-runs-poison", "vizsla-demands"}


@pytest.mark.parametrize(
    ("environment", "guard"), [({}, "FUNCTION"), ({"VIZSLA_REQUIRE_APP_ROLE": "Hunt.Run"}, "ANONYMOUS")]
)
def test_a_key_is_the_guard_unless_a_role_is(environment, guard):
    shown, _ = scenario("print(json.dumps(Worker('.').functions))", **environment)
    triggers = {name: bindings[0] for name, bindings in shown.items() if bindings[0]["type"] == "httpTrigger"}
    assert {name: (each["route"], str(each["authLevel"]).upper()) for name, each in triggers.items()} == {
        "api": ("{*rest}", guard),
        "run": ("runs/{run}/{page?}", "ANONYMOUS"),
        "health": ("health", "ANONYMOUS"),
    }


ROLES = """
    import base64
    def principal(role):
        said = {'auth_typ': 'aad', 'claims': [{'typ': 'roles', 'val': role}]}
        return {'X-MS-CLIENT-PRINCIPAL': base64.b64encode(json.dumps(said).encode()).decode()}
    worker = Worker('.')
    ask = lambda headers: worker.http('api', url='https://vizsla.example/api/hunts', headers=headers)[0]
    health = worker.http('health', url='https://vizsla.example/api/health')[0]
    print(json.dumps([ask({}), ask(principal('Other')), ask(principal('Hunt.Run')), health]))
"""


@pytest.mark.parametrize(
    ("signs_in", "statuses"),
    [("True", [403, 403, 200, 200]), ("", [503, 503, 503, 200]), ("False", [503, 503, 503, 200])],
)
def test_a_role_is_believed_only_where_app_service_signs_callers_in(signs_in, statuses):
    given = {"VIZSLA_REQUIRE_APP_ROLE": "Hunt.Run", "WEBSITE_AUTH_ENABLED": signs_in}
    assert scenario(ROLES, **given)[0] == statuses


def test_an_app_that_is_set_up_wrongly_says_so():
    script = """
        status, _, body = Worker('.').http('api', url='https://vizsla.example/api/hunts')
        print(json.dumps([status, json.loads(body)['detail'][:30]]))
    """
    assert scenario(script, VIZSLA_SINKS="pager")[0] == [503, "VIZSLA_SINKS: pager is no sink."[:30]]


FULL_CIRCLE = """
    worker = Worker('.')
    tasks = json.loads(worker.timer('dispatch')['messages'])
    for task in tasks:
        task = json.loads(task) if isinstance(task, str) else task
        task['window'] = {'start': '2020-01-01T00:00:00Z', 'end': '2030-01-01T00:00:00Z'}
        worker.queue('hunt', json.dumps(task))
    from engine import bootstrap
    parts = bootstrap.desk()
    again = json.loads(worker.timer('dispatch')['messages'])
    runs = {run.hunt: [run.status, run.findings, run.error] for run in parts.store.runs()}
    print(json.dumps({'runs': runs, 'delivered': len(parts.sinks['memory'].findings), 'again': again}))
"""


def test_from_the_timer_to_the_sink():
    shown, _ = scenario(FULL_CIRCLE)
    assert {hunt: run[0] for hunt, run in shown["runs"].items()} == {
        "discovery-burst": "succeeded",
        "discovery-by-device": "succeeded",
        "discovery-by-parent": "succeeded",
    }
    assert shown["runs"]["discovery-burst"][1] > 0
    assert shown["delivered"] > 0
    assert shown["again"] == []


@pytest.fixture
def hunts(tmp_path):
    return Path(shutil.copytree(ROOT / "hunts", tmp_path / "hunts"))


def test_a_broken_hunt_disables_itself_alone_and_is_named_in_the_log(hunts):
    (hunts / "discovery-by-parent" / "hunt.yaml").write_text("title: [\n")
    shown, log = scenario(FULL_CIRCLE, VIZSLA_HUNTS=str(hunts))
    assert {hunt: run[0] for hunt, run in shown["runs"].items()} == {
        "discovery-burst": "succeeded",
        "discovery-by-device": "succeeded",
        "discovery-by-parent": "failed",
    }
    assert "hunt discovery-by-parent is disabled until it is mended" in log


def test_a_hunt_that_breaks_between_dispatch_and_run_is_a_failed_run_with_its_reason(hunts):
    script = """
        worker = Worker('.')
        task = json.loads(worker.timer('dispatch')['messages'])[0]
        task = json.loads(task) if isinstance(task, str) else task
        from pathlib import Path
        import os
        (Path(os.environ['VIZSLA_HUNTS']) / task['hunt'] / 'query.kql').unlink()
        worker.queue('hunt', json.dumps(task))
        from engine import bootstrap
        run = bootstrap.desk().store.runs()[0]
        print(json.dumps([run.hunt, run.status, run.error.splitlines()[0][:41]]))
    """
    shown, _ = scenario(script, VIZSLA_HUNTS=str(hunts))
    assert shown == ["discovery-burst", "failed", "discovery-burst/query.kql: cannot be read"]


def test_a_message_that_is_none_of_ours_is_left_to_azures_retries():
    script = """
        try:
            Worker('.').queue('hunt', 'not json')
        except InvocationError as error:
            print(json.dumps(str(error)))
    """
    shown, _ = scenario(script)
    assert "JSON is malformed" in shown


def test_indexing_the_app_imports_nothing_of_the_engine(capsys):
    script = (
        "import sys, time; began = time.perf_counter(); import function_app; "
        "print(time.perf_counter() - began, [name for name in sys.modules if name.partition('.')[0] == 'engine'])"
    )
    shown = [
        subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for _ in range(5)
    ]
    assert {each.partition(" ")[2] for each in shown} == {"[]\n"}
    with capsys.disabled():
        print(f"import function_app: {min(float(each.partition(' ')[0]) for each in shown) * 1000:.0f} ms, best of 5")  # noqa: T201
