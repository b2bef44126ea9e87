"""What Application Insights hears of runs: the real exporter against an endpoint on loopback, a process a scenario."""

import os
import textwrap
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes.identity import Identity
from tests.fakes.ingestion import Ingestion
from tests.process import shown

ROOT = Path(__file__).parents[2]
LINE = "whoami /all /fo list 5c1d"
INSIGHTS = "https://monitor.azure.com/"

BEGIN = """
import json, logging, os, sys, time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from engine import loader, runner, telemetry
from engine.errors import SourceError, Throttled, TooManyRows
from engine.model.run import HuntRun, Window
from engine.record import Request
from engine.remote.budget import Limit
from engine.sinks.memory import Memory as Sink
from engine.stores.memory import Memory as Store

def elsewhere(event, told):
    if event == "socket.connect" and told[1][0] != "127.0.0.1":
        print("asked elsewhere:", told[1], file=sys.stderr)
    if event == "socket.getaddrinfo" and told[0] != "127.0.0.1":
        print("looked for elsewhere:", told[0], file=sys.stderr)

sys.addaudithook(elsewhere)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HUNT = loader.load(Path("tests/engine/hunts/two-questions"))
LINE = os.environ["LINE"]

class Rows:
    notes = ()

    def __init__(self, batches=(), *, ends=None, slow=0.0, most=timedelta(days=1)):
        self.batches, self.ends, self.slow, self.most = batches, ends, slow, most

    def rows(self, query, window):
        if window.end - window.start > self.most:
            raise TooManyRows("more than an answer holds")
        for batch in self.batches:
            time.sleep(self.slow)
            yield batch
        if self.ends:
            logging.getLogger("vizsla").error("the source broke off")
            raise self.ends

def launch(device, second):
    program = ("whoami", "ipconfig", "notepad")[second % 3]
    return {
        "Timestamp": f"2026-11-24T11:00:{second:02}.0000000Z",
        "DeviceId": device,
        "DeviceName": device,
        "ReportId": second,
        "FileName": f"{program}.exe",
        "ProcessCommandLine": LINE if program == "whoami" else program,
        "InitiatingProcessFileName": "tool.exe",
        "InitiatingProcessId": 7,
    }

def hunt(name, source, *, kind="window"):
    window = Window(NOON - timedelta(hours=1), NOON)
    now = NOON + timedelta(minutes=5)
    request = Request(id=name, tenant="t", window=window, now=now, scheduled=True, kind=kind)
    return runner.run(HUNT, request, source=source, sinks={"memory": Sink()}, store=Store()).run
"""
RUNS = """
telemetry.configure(os.environ)
told = [[launch("a", second) for second in range(3)], [launch("b", 0)]]
hunt("succeeded", Rows(told))
hunt("slow", Rows(told, slow=0.15), kind="present")
hunt("cut", Rows(told, most=timedelta(minutes=45)), kind="part")
hunt("failed", Rows(told, ends=SourceError("the answer broke off")))
hunt("throttled", Rows(ends=Throttled("busy until 12:15", until=NOON)))
try:
    hunt("broken", Rows(told, ends=RuntimeError(f"cannot read {LINE}")))
except RuntimeError:
    pass
telemetry.tell(HuntRun(id="gap", hunt="two-questions", status="gap", window=Window(NOON, NOON), events=0, findings=0,
                       dropped={}, seconds=0.0, error="older than Defender keeps", tenant="t"))
telemetry.delivery("two-questions", "teams", "sent")
quota = telemetry.counted(Store())
for _ in range(3):
    quota.take_call("t", NOON, (Limit(2, timedelta(minutes=1)),))
telemetry.flush()
print(json.dumps(sorted(name for name in sys.modules if name.startswith("opentelemetry.instrumentation."))))
"""


def process(script, **environment):
    """What the script shows, with nothing of OpenTelemetry in the environment but what is given."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "APPLICATIONINSIGHTS"))}
    return shown(BEGIN + textwrap.dedent(script), "-W", "error", plain=plain, LINE=LINE, **environment)


@pytest.fixture(scope="module")
def heard():
    """The endpoint, after every kind of run was told."""
    with Ingestion() as there:
        there.modules, there.said = process(RUNS, APPLICATIONINSIGHTS_CONNECTION_STRING=there.connection)
        yield there


def spans(there):
    """Every span: its name, the id of its run, its success, attributes and seconds."""
    found = there.of("RemoteDependencyData")
    runs = {
        (envelope["tags"]["ai.operation.id"], told["id"]): told["properties"]["vizsla.run"]
        for envelope, told in found
        if told["name"] == "hunt run"
    }
    for envelope, told in found:
        span = told["id"] if told["name"] == "hunt run" else envelope["tags"]["ai.operation.parentId"]
        yield (
            told["name"],
            runs[envelope["tags"]["ai.operation.id"], span],
            told["success"],
            {name.removeprefix("vizsla."): value for name, value in told.get("properties", {}).items()},
            seconds(told["duration"]),
        )


def seconds(duration):
    days, _, clock = duration.rpartition(".")[0].rpartition(".")
    hours, minutes, whole = clock.split(":")
    fraction = duration.rpartition(".")[2]
    span = timedelta(days=int(days or 0), hours=int(hours), minutes=int(minutes), seconds=int(whole))
    return span.total_seconds() + float(f"0.{fraction}")


def test_all_that_is_sent_has_the_form_that_application_insights_takes(heard):
    assert heard.refused == []
    kinds = {envelope["data"]["baseType"] for envelope in heard.envelopes}
    assert kinds == {"RemoteDependencyData", "MetricData", "MessageData"}
    assert {envelope["tags"]["ai.cloud.role"] for envelope in heard.envelopes} == {"vizsla"}


WINDOW = {"start": "2026-11-24T11:00:00+00:00", "end": "2026-11-24T12:00:00+00:00"}
NEWEST = {"newest": "2026-11-24T11:00:02.0000000Z"}
GAP = {"start": "2026-11-24T12:00:00+00:00", "end": "2026-11-24T12:00:00+00:00"}


@pytest.mark.parametrize(
    ("name", "kind", "success", "outcome"),
    [
        ("succeeded", "window", True, {"status": "succeeded", "rows": "4", "slices": "1", "findings": "1", **NEWEST}),
        ("cut", "part", True, {"status": "succeeded", "rows": "4", "slices": "2", "findings": "1", **NEWEST}),
        (
            "failed",
            "window",
            False,
            {"status": "failed", "rows": "0", "slices": "1", "findings": "0", "error": "the answer broke off"},
        ),
        (
            "throttled",
            "window",
            True,
            {"status": "throttled", "rows": "0", "slices": "1", "findings": "0", "error": "busy until 12:15"},
        ),
        ("broken", "window", False, {"error": "a bug: RuntimeError"}),
        (
            "gap",
            "window",
            False,
            {"status": "gap", "rows": "0", "slices": "1", "findings": "0", "error": "older than Defender keeps"},
        ),
    ],
)
def test_a_run_is_a_span_that_says_what_became_of_it(heard, name, kind, success, outcome):
    (told,) = [span for span in spans(heard) if span[:2] == ("hunt run", name)]
    window = GAP if name == "gap" else WINDOW
    assert told[2:4] == (
        success,
        {"run": name, "tenant": "t", "hunt": "two-questions", "kind": kind, **window, **outcome},
    )


@pytest.mark.parametrize(
    ("name", "children"),
    [
        ("succeeded", [("deliver", True), ("query", True), ("steps", True)]),
        ("cut", [("deliver", True), ("query", True), ("query", True), ("query", True), ("steps", True)]),
        ("failed", [("query", False), ("steps", True)]),
        ("throttled", [("query", True), ("steps", True)]),
        ("broken", [("query", True), ("steps", True)]),
        ("gap", []),
    ],
)
def test_questions_steps_and_deliveries_are_children_of_their_run(heard, name, children):
    found = [(what, success) for what, run, success, _, _ in spans(heard) if run == name and what != "hunt run"]
    assert sorted(found) == children


def test_a_query_says_what_it_looked_at_and_what_came_of_it(heard):
    told = [(run, said) for what, run, _, said, _ in spans(heard) if what == "query"]
    queries = {run: [said for name, said in told if name == run] for run, _ in told}
    half = {"start": "2026-11-24T11:00:00+00:00", "end": "2026-11-24T11:40:00+00:00", "rows": "4"}
    assert queries["succeeded"] == [{**WINDOW, "rows": "4"}]
    assert queries["failed"] == [{**WINDOW, "rows": "4", "error": "the answer broke off"}]
    assert queries["cut"][:2] == [{**WINDOW, "rows": "0", "error": "more than an answer holds"}, half]


def test_queries_and_steps_take_turns_and_each_has_its_own_time(heard):
    took = {what: span for what, run, _, _, span in spans(heard) if run == "slow"}
    assert 0.3 <= took["query"] < took["hunt run"]
    assert took["steps"] + took["deliver"] <= took["hunt run"] - took["query"]


def test_metrics_count_by_hunt(heard):
    counted = {}
    for _, told in heard.of("MetricData"):
        (point,) = told["metrics"]
        by = tuple(value for name, value in sorted(told["properties"].items()) if name != "hunt")
        assert told["properties"].get("hunt", "two-questions") == "two-questions"
        counted[(point["name"], *by)] = point.get("count") if point["name"] == "vizsla.seconds" else point["value"]
    lag = counted.pop(("vizsla.lag",))
    assert 3_900 <= lag < 3_910  # the last was throttled, so that its window is still to be judged
    assert counted == {
        ("vizsla.deliveries", "memory", "sent"): 3,
        ("vizsla.runs", "window", "succeeded"): 1,
        ("vizsla.runs", "present", "succeeded"): 1,
        ("vizsla.runs", "part", "succeeded"): 1,
        ("vizsla.runs", "window", "failed"): 1,
        ("vizsla.runs", "window", "throttled"): 1,
        ("vizsla.runs", "window", "gap"): 1,
        ("vizsla.seconds", "succeeded"): 3,
        ("vizsla.seconds", "failed"): 1,
        ("vizsla.seconds", "throttled"): 1,
        ("vizsla.findings", "tool.exe", "low"): 3,
        ("vizsla.deliveries", "teams", "sent"): 1,
        ("vizsla.calls", "made", "t"): 2,
        ("vizsla.calls", "held", "t"): 1,
        ("vizsla.dropped", "in no burst"): 3,
        ("vizsla.dropped", "no discovery"): 3,
        ("vizsla.rows",): 12,
        ("vizsla.slices",): 6,
        ("vizsla.throttles",): 1,
    }


def test_no_command_line_is_told(heard):
    sent = b"".join(heard.raw)
    assert b"a bug: RuntimeError" in sent
    assert b"whoami" not in sent


def test_our_log_lines_belong_to_their_run(heard):
    runs = {
        told["id"]: told["properties"]["vizsla.run"]
        for _, told in heard.of("RemoteDependencyData")
        if told["name"] == "hunt run"
    }
    lines = [
        (runs[envelope["tags"]["ai.operation.parentId"]], told["severityLevel"], told["message"])
        for envelope, told in heard.of("MessageData")
    ]
    assert lines == [(run, 3, "the source broke off") for run in ("failed", "throttled", "broken")]


def test_nothing_is_instrumented_nobody_else_is_asked_and_nothing_complains(heard):
    assert [name for name in heard.modules if name.split(".")[2] in {"requests", "urllib", "urllib3", "django"}] == []
    assert heard.said == "the source broke off\n" * 3


NOTHING = """
import function_app
telemetry.configure(os.environ) if sys.argv[1:] else None
hunt("quiet", Rows())
telemetry.tell(hunt("told", Rows()))
telemetry.delivery("two-questions", "teams", "sent")
telemetry.counted(Store()).take_call("t", NOON, ())
telemetry.flush()
print(json.dumps([name for name in sys.modules if name.startswith(("opentelemetry", "azure.monitor", "psutil"))]))
"""


@pytest.mark.parametrize(
    ("configured", "environment"),
    [
        (True, {}),
        (True, {"APPLICATIONINSIGHTS_CONNECTION_STRING": ""}),
        (False, {"APPLICATIONINSIGHTS_CONNECTION_STRING": "InstrumentationKey=not-asked-for"}),
    ],
)
def test_nothing_is_imported_for_nobody_nor_before_a_trigger(configured, environment):
    script = NOTHING.replace("if sys.argv[1:]", f"if {configured}")
    assert process(script, **environment) == ([], "")


def test_a_connection_string_that_is_none_costs_no_hunt():
    script = """
        telemetry.configure(os.environ)
        run = hunt("r", Rows())
        telemetry.flush()
        print(json.dumps(run.status))
    """
    status, said = process(script, APPLICATIONINSIGHTS_CONNECTION_STRING="InstrumentationKey=none")
    assert status == "succeeded"
    assert said.startswith("APPLICATIONINSIGHTS_CONNECTION_STRING is no connection string, so nobody is told of runs:")


ONE = """
telemetry.configure(os.environ)
telemetry.configure(os.environ)
from opentelemetry import context, trace
from opentelemetry.trace import NonRecordingSpan, SpanContext
left_out = SpanContext(trace_id=0xABC, span_id=0xDEF, is_remote=True)
context.attach(trace.set_span_in_context(NonRecordingSpan(left_out)))
hunt("failed", Rows(ends=SourceError("gone")))
telemetry.flush()
print(json.dumps(None))
"""


def test_a_failure_is_told_though_its_trigger_was_sampled_away():
    with Ingestion() as there:
        process(ONE, APPLICATIONINSIGHTS_CONNECTION_STRING=there.connection, OTEL_TRACES_SAMPLER="always_off")
    found = [envelope for envelope, told in there.of("RemoteDependencyData") if told["name"] == "hunt run"]
    parents = [(each["tags"]["ai.operation.id"], each["tags"]["ai.operation.parentId"]) for each in found]
    assert parents == [("00000000000000000000000000000abc", "0000000000000def")]


def test_in_functions_log_lines_are_left_to_the_host_and_the_role_is_the_app():
    with Ingestion() as there:
        process(
            ONE,
            APPLICATIONINSIGHTS_CONNECTION_STRING=there.connection,
            FUNCTIONS_WORKER_RUNTIME="python",
            WEBSITE_SITE_NAME="hunts",
        )
    kinds = {envelope["data"]["baseType"] for envelope in there.envelopes}
    assert (kinds, there.refused) == ({"RemoteDependencyData", "MetricData"}, [])
    assert {envelope["tags"]["ai.cloud.role"] for envelope in there.envelopes} == {"hunts"}


def test_the_app_tells_from_its_first_trigger_on_and_of_runs_that_cannot_begin():
    script = """
        from tests.fakes.worker import Worker
        worker = Worker(".")
        early = "opentelemetry.sdk" in sys.modules
        window = {"start": "2020-01-01T00:00:00Z", "end": "2020-01-01T01:00:00Z"}
        task = {"id": "r", "tenant": "default", "hunt": "no-such-hunt", "window": window, "kind": "window"}
        worker.queue("hunt", json.dumps(task))
        telemetry.flush()
        print(json.dumps(early))
    """
    with Ingestion() as there:
        early, _ = process(
            script,
            APPLICATIONINSIGHTS_CONNECTION_STRING=there.connection,
            VIZSLA_FROM="samples",
        )
    ((_, told),) = there.of("RemoteDependencyData")
    assert not early
    assert (told["success"], told["properties"]["vizsla.status"]) == (False, "failed")
    assert told["properties"]["vizsla.error"].startswith("no-such-hunt/hunt.yaml: ")


@pytest.mark.parametrize(
    ("asked", "client"),
    [
        ("Authorization=AAD", None),
        (
            "Authorization=AAD;ClientId=22222222-2222-2222-2222-222222222222",
            "22222222-2222-2222-2222-222222222222",
        ),
    ],
)
def test_the_managed_identity_signs_in(tmp_path, asked, client):
    with Ingestion(tmp_path) as there, Identity(roles=()) as identity:
        process(
            ONE,
            APPLICATIONINSIGHTS_CONNECTION_STRING=there.connection,
            APPLICATIONINSIGHTS_AUTHENTICATION_STRING=asked,
            REQUESTS_CA_BUNDLE=str(there.bundle),
            **identity.environment,
        )
    assert {*identity.asked} == {(INSIGHTS, client)}
    assert there.authorizations
    assert {*there.authorizations} <= {f"Bearer {token}" for token in identity.issued}
    assert "failed" in {run for _, run, *_ in spans(there)}
