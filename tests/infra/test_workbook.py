"""The workbook: its KQL is read by Microsoft's parser and run over rows that the exporter has made."""

import json

import pytest

from engine.lints.kusto import analyse
from engine.remote.budget import LIMITS
from tests.infra.bicep import INFRA
from tests.infra.insights import TABLES, asked, moment, row, sent, spans
from tests.infra.shown import attributes, instruments, literals, metrics
from tests.infra.workbook import FILE, PANELS, written
from tests.tree import ROOT

QUERIES = {panel.query: panel.item()["content"]["query"] for panel in PANELS}
COUNTED = """
def finding(severity, actor):
    return Finding(fingerprint=actor, hunt="burst", title="", severity=severity, score=0, device=Device("d", "d"),
                   account=Account("", ""), actor=Process(file_name=actor), start="", end="", commands=(),
                   techniques=(), reasons=())

def hunted(hunt, dropped, *findings):
    window = Window(NOW - timedelta(minutes=35), NOW - timedelta(minutes=5))
    request = Request(id=hunt, tenant="t", window=window, now=NOW, kind="window")
    run = HuntRun(id=hunt, hunt=hunt, status="succeeded", window=window, events=9, findings=len(findings),
                  dropped=dropped, seconds=2.0, tenant="t", began=NOW)
    with telemetry.run(request, hunt) as seen:
        seen.record(run, findings)

hunted("burst", {"known good: agent": 4, "no discovery": 7}, finding("high", "a.exe"), finding("low", "a.exe"))
hunted("wide", {"known good: agent": 1}, finding("low", "a.exe"), finding("low", "b.exe"))
for sink, state in [("teams", "sent"), ("teams", "sent"), ("teams", "dead"), ("log_analytics", "failed")]:
    telemetry.delivery("burst", sink, state)
quota = telemetry.counted(Memory())
for _ in range(17):
    quota.take_call("t", NOW, (Limit(15, timedelta(minutes=1)),))
"""


@pytest.fixture(scope="module")
def rows():
    """Two runs, what came of their deliveries, and calls: all of it a minute before NOW."""
    told = [row(each) | {"TimeGenerated": moment(1)} for each in sent(COUNTED)]
    return [each for each in told if each["Type"] == "AppMetrics"]


@pytest.fixture(scope="module")
def analyses():
    return analyse(QUERIES, TABLES)


def when(ago):
    return f"{moment(ago)[:-1]}.0000000Z"


def told(query, rows):
    """The panel's rows, each as its values."""
    return [tuple(each.values()) for each in asked(QUERIES[query], rows)]


def test_the_workbook_is_what_is_made_of_its_queries():
    """`python -m tests.infra.workbook` makes it."""
    assert FILE.read_text("utf-8") == written()
    assert {panel.query for panel in PANELS} == {path.stem for path in (INFRA / "workbook").glob("*.kql")}


def test_it_has_the_shape_that_the_portal_opens():
    document = json.loads(FILE.read_text("utf-8"))
    assert (document["version"], document["fallbackResourceIds"]) == ("Notebook/1.0", ["Azure Monitor"])
    kinds = {1: {"json"}, 3: {"query", "queryType", "resourceType", "visualization", "version"}, 9: {"parameters"}}
    assert [each["name"] for each in document["items"] if not kinds[each["type"]] <= set(each["content"])] == []
    names = [each["name"] for each in document["items"]]
    assert len(names) == len(set(names))
    parameters = {each["name"] for item in document["items"] for each in item["content"].get("parameters", ())}
    queries = [item["content"] for item in document["items"] if item["type"] == 3]
    assert {each["timeContextFromParameter"] for each in queries} == parameters


def test_microsofts_parser_finds_no_fault_in_the_queries(analyses):
    assert {name: each.diagnostics for name, each in analyses.items() if each.diagnostics} == {}
    assert {each.open for each in analyses.values()} == {False}


@pytest.mark.parametrize("panel", [panel for panel in PANELS if panel.axes], ids=lambda panel: panel.query)
def test_a_chart_is_drawn_of_columns_that_its_query_has(analyses, panel):
    has = {column.name for column in analyses[panel.query].columns}
    assert {panel.axes["xAxis"], *panel.axes["yAxis"], panel.axes["group"]} == has


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_asks_only_for_what_the_telemetry_has(query):
    text = literals(QUERIES[query])
    asked_metrics = text & set(metrics())
    assert {name for name in text if name.startswith("vizsla.")} <= attributes() | set(metrics())
    by = {name for name in text if f'Properties["{name}"]' in QUERIES[query]} - attributes()
    assert by <= {each for name in asked_metrics for each in metrics()[name]}


def test_the_telemetry_has_what_its_description_says(rows):
    assert set(metrics()) == instruments()
    runs = {each["Name"]: set(each["Properties"]) for each in rows}
    assert {name: by for name, by in metrics().items() if name in runs} == runs
    (span,) = spans([{"newest": moment(0), "error": "e"}])
    assert set(span["Properties"]) <= attributes()


def test_runs_are_counted_by_what_became_of_them():
    runs = [{"ago": 10}, {"ago": 20}, {"ago": 70, "status": "failed"}, {"ago": 30, "status": "bug"}]
    assert told("runs", spans(runs)) == [
        (when(120), "failed", 1),
        (when(60), "bug", 1),
        (when(60), "succeeded", 2),
    ]


def test_what_failed_is_shown_with_its_reason():
    runs = [{"ago": 10}, {"ago": 20, "status": "failed", "error": "no right"}, {"ago": 9, "status": "throttled"}]
    assert told("failures", spans(runs)) == [(when(20), "burst", "window", "failed", "1", "no right")]


def test_fresh_is_the_newest_event_of_any_run():
    runs = [{"ago": 10, "newest": moment(90)}, {"ago": 70, "newest": moment(72)}, {"ago": 5, "tenant": "u"}]
    assert told("freshness", spans(runs)) == [("t", when(72), when(10), 1.2), ("u", None, when(5), None)]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("lag", [(when(15), "burst", 5.0), (when(15), "wide", 5.0)]),
        ("findings", [("burst", "high", 1), ("burst", "low", 1), ("wide", "low", 2)]),
        ("noisy", [("a.exe", 3, 1, 2), ("b.exe", 1, 0, 1)]),
        ("dropped", [("burst", "no discovery", 7)]),
        ("known_good", [("agent", "burst", 4, when(1)), ("agent", "wide", 1, when(1))]),
        ("calls", [(when(60), "t", 15, 2, 1.0)]),
        (
            "deliveries",
            [("log_analytics", "failed", 1, when(1)), ("teams", "dead", 1, when(1)), ("teams", "sent", 2, when(1))],
        ),
    ],
)
def test_a_panel_counts_what_was_told(rows, query, shown):
    assert told(query, rows) == shown


@pytest.mark.parametrize("query", QUERIES)
def test_a_panel_over_nothing_is_empty(query):
    assert told(query, []) == []


def test_the_quota_is_what_the_budget_takes_a_third_of():
    (hourly,) = [limit.calls for limit in LIMITS if limit.within.total_seconds() == 3_600]
    assert f"100.0 * Made / {hourly * 3}" in QUERIES["calls"]


def test_known_good_is_counted_under_the_name_that_the_step_gives():
    assert "known good: " in literals(QUERIES["known_good"])
    assert '{f"known good: {entry}": n' in (ROOT / "engine" / "steps" / "drop_known_good.py").read_text("utf-8")
