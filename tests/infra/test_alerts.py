"""What wakes somebody: each rule's KQL is read by Microsoft's parser and run over rows that the exporter has made."""

import re
from datetime import datetime, timedelta
from itertools import islice

import pytest
from croniter import croniter

from engine import health, loader, parameters
from engine.lints.kusto import analyse
from tests.infra.bicep import INFRA, MODULES, read
from tests.infra.insights import NOW, TABLES, asked, moment, row, sent, spans
from tests.infra.shown import attributes, literals, metrics
from tests.tree import ROOT

(MODULE,) = [path for path in MODULES if path.name == "alerts.bicep"]
RULES = {rule["title"]: rule for rule in read(MODULE).variable["rules"].value.values()}
FILES = {
    title: re.fullmatch(r"loadTextContent\('\.\./alerts/(.+)'\)", each["query"])[1] for title, each in RULES.items()
}
QUERIES = {title: (INFRA / "alerts" / name).read_text("utf-8") for title, name in FILES.items()}
SPANS = {"P2D": timedelta(days=2), "P1D": timedelta(days=1), "PT4H": timedelta(hours=4), "PT1H": timedelta(hours=1)}
OK, BAD = {"status": "succeeded"}, {"status": "failed", "error": "no right"}
LATER, GAP = {"status": "throttled", "error": "busy"}, {"status": "gap", "error": "set aside: again"}
OLD, FRESH = {"newest": moment(1500)}, {"newest": moment(30)}


@pytest.fixture(scope="module")
def analyses():
    return analyse(QUERIES, TABLES)


def fired(title, rows):
    return asked(QUERIES[title], rows, period=SPANS[RULES[title]["period"]])


def when(ago):
    return f"{moment(ago)[:-1]}.0000000Z"


def test_the_rules_are_those_that_somebody_is_woken_for():
    assert set(RULES) == {
        *(
            "hunt overdue",
            "runs failing",
            "poison message",
            "no fresh data",
            "throttled for an hour",
            "sink dead letters",
        ),
    }
    assert set(FILES.values()) == {path.name for path in (INFRA / "alerts").glob("*.kql")}


def test_microsofts_parser_finds_no_fault_in_the_queries(analyses):
    assert {title: each.diagnostics for title, each in analyses.items() if each.diagnostics} == {}
    assert {each.open for each in analyses.values()} == {False}


@pytest.mark.parametrize("title", RULES)
def test_an_alert_is_told_apart_by_columns_of_text_that_its_query_has(analyses, title):
    kinds = {column.name: column.type for column in analyses[title].columns}
    assert {kinds[name] for name in RULES[title]["by"]} == {"string"}


@pytest.mark.parametrize("title", RULES)
def test_a_query_asks_only_for_what_the_telemetry_has(title):
    told = literals(QUERIES[title])
    assert {name for name in told if name.startswith("vizsla.")} <= attributes() | set(metrics())


@pytest.mark.parametrize("title", RULES)
def test_a_rule_names_a_section_of_the_run_book(title):
    page, _, anchor = RULES[title]["runBook"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text("utf-8"), re.MULTILINE)
    assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_a_rule_looks_no_further_back_than_azure_lets_it_and_further_than_it_waits():
    every = {"PT15M": timedelta(minutes=15), "PT1H": timedelta(hours=1)}
    for rule in RULES.values():
        assert every[rule["every"]] < SPANS[rule["period"]] <= timedelta(days=2)


# What happened before NOW, and the rows by which the rule wakes somebody: none where it stays quiet.
CASES = {
    "hunt overdue": {
        "the third firing is not yet over": ([OK | {"ago": 54}], []),
        "the third firing is over": ([OK | {"ago": 56}], [("burst", when(61))]),
        "the present is judged, and the past is not": (
            [OK | {"ago": 56}, OK | {"ago": 5, "kind": "present"}],
            [("burst", when(61))],
        ),
        "the last run failed": ([OK | {"ago": 56}, BAD | {"ago": 5}], [("burst", when(61))]),
        "no run ever succeeded": ([BAD | {"ago": 5}], [("burst", None)]),
        "one of two": ([OK | {"ago": 9}, OK | {"ago": 90, "hunt": "other"}], [("other", when(95))]),
        "nothing ever ran": ([], [("every hunt", None)]),
        "nothing ran for two days": ([OK | {"ago": 49 * 60}], [("every hunt", None)]),
    },
    "runs failing": {
        "twice": ([BAD | {"ago": ago} for ago in (45, 30)], []),
        "three times": ([BAD | {"ago": ago} for ago in (45, 30, 15)], [("burst", "window", 3, when(15), "no right")]),
        "until it succeeded": ([OK | {"ago": 5}, *(BAD | {"ago": ago} for ago in (45, 30, 15))], []),
        "since it succeeded": (
            [OK | {"ago": 60}, *(BAD | {"ago": ago} for ago in (45, 30, 15))],
            [("burst", "window", 3, when(15), "no right")],
        ),
        "a person sees it": ([BAD | {"ago": ago, "kind": "demand"} for ago in (45, 30, 15)], []),
        "three hunts once": ([BAD | {"ago": ago, "hunt": f"{ago}"} for ago in (45, 30, 15)], []),
        "put off": ([LATER | {"ago": ago} for ago in (45, 30, 15)], []),
        "a bug, whose text is not told": (
            [{"status": "bug", "error": "secret", "ago": ago} for ago in (9, 7, 5)],
            [("burst", "window", 3, when(5), "a bug: RuntimeError")],
        ),
    },
    "poison message": {
        "set aside": ([GAP | {"ago": 50}], [("burst", "set aside: again", when(90), when(55))]),
        "long ago": ([GAP | {"ago": 61}], []),
        "failed": ([BAD], []),
    },
    "no fresh data": {
        "no event in any run": ([OK | {"ago": 1500}, OK | {"ago": 10}], [("t", 2, None)]),
        "only old ones": ([OK | {"ago": 1500} | OLD, OK | {"ago": 10}], [("t", 2, when(1500))]),
        "a new one": ([OK | {"ago": 1500} | OLD, OK | {"ago": 10} | FRESH], []),
        "runs that learn": ([OK | {"ago": 1500, "kind": "learn"}, OK | {"ago": 10, "kind": "learn"}], []),
        "less than a day of runs": ([OK | {"ago": 23 * 60}, OK | {"ago": 10}], []),
        "no run succeeds": ([BAD | {"ago": 1500}, BAD | {"ago": 10}], []),
    },
    "throttled for an hour": {
        "an hour": ([LATER | {"ago": 61}, LATER | {"ago": 10}], [("t", "burst", 2, when(61), "busy")]),
        "since it succeeded": ([OK | {"ago": 70}, LATER | {"ago": 61}], [("t", "burst", 1, when(61), "busy")]),
        "less than an hour": ([LATER | {"ago": 59}, LATER | {"ago": 10}], []),
        "until it succeeded": ([LATER | {"ago": 61}, OK | {"ago": 10}], []),
        "and failing": ([LATER | {"ago": 61}, BAD | {"ago": 10}], []),
    },
}
COLUMNS = {
    "hunt overdue": ("Hunt", "Judged"),
    "runs failing": ("Hunt", "Kind", "Failures", "Last", "Error"),
    "poison message": ("Hunt", "Why", "Start", "End"),
    "no fresh data": ("Tenant", "Runs", "Newest"),
    "throttled for an hour": ("Tenant", "Hunt", "PutOff", "Since", "Error"),
}


@pytest.fixture(scope="module")
def happened():
    """The rows of each case, all sent by one process."""
    told = iter(spans([run for cases in CASES.values() for runs, _ in cases.values() for run in runs]))
    return {(title, name): list(islice(told, len(runs))) for title in CASES for name, (runs, _) in CASES[title].items()}


@pytest.mark.parametrize(("title", "name"), [(title, name) for title in CASES for name in CASES[title]])
def test_somebody_is_woken_when_it_is_time_and_only_then(happened, title, name):
    alerts = [tuple(each[column] for column in COLUMNS[title]) for each in fired(title, happened[title, name])]
    assert alerts == CASES[title][name][1]


@pytest.mark.parametrize("hunt", loader.load_all().hunts.values(), ids=lambda hunt: hunt.id)
def test_what_a_shipped_hunt_may_lag_is_what_health_says(hunt):
    firings = croniter(hunt.definition.schedule.cron, NOW)
    third = NOW - [firings.get_prev(datetime) for _ in range(3)][-1]
    most = third + parameters.timespan(hunt.definition.schedule.settle) + timedelta(minutes=10)
    assert "let usual = 1h;" in QUERIES["hunt overdue"]
    assert most <= timedelta(hours=1)


def test_fresh_means_to_the_alert_what_it_means_to_health():
    assert QUERIES["no fresh data"].count("ago(24h)") == 2
    assert timedelta(hours=24) == health.STALE_AFTER


def logged(*lines):
    """Rows of AppTraces: each line is a format and what is put into it, a minute before NOW."""
    script = f"for form, *filled in {list(lines)!r}:\n    logging.getLogger('vizsla').error(form, *filled)"
    rows = [row(each) for each in sent(script)]
    return [each | {"TimeGenerated": moment(1)} for each in rows if each["Type"] == "AppTraces"]


def test_a_message_that_the_host_set_aside_is_a_poison_message():
    """In the words of the Functions host; the queue is ours."""
    told = logged(
        ("Message has reached MaxDequeueCount of 6. Moving message to queue 'vizsla-demands-poison'.",),
        ("Message has reached MaxDequeueCount of 6. Moving message to queue 'another-poison'.",),
        ("run a failed 5 times: tried in halves",),
    )
    assert [(each["Hunt"], each["Why"][-24:]) for each in fired("poison message", told)] == [
        ("unknown", "'vizsla-demands-poison'.")
    ]


def test_a_finding_that_a_sink_will_never_hear_of_is_a_dead_letter():
    """In the words of the outbox."""
    (form,) = re.findall(r'log\.error\("(delivery dead: [^"]+)"', (ROOT / "engine" / "outbox.py").read_text("utf-8"))
    told = logged((form, "teams:soc", "f1"), (form, "teams:soc", "f2"), (form, "teams:soc", "f2"), ("delivery sent",))
    (alert,) = fired("sink dead letters", told)
    assert (alert["Sink"], alert["Dead"], sorted(alert["Findings"])) == ("teams:soc", 2, ["f1", "f2"])
    assert fired("sink dead letters", logged(("delivery sent",))) == []
