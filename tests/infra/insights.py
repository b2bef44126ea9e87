"""Application Insights in a workspace: what the real exporter sends, as rows of its tables, and KQL run over them.

An envelope becomes a row the way Microsoft names the tables' columns; DuckDB runs the KQL, as it does for hunts over
files. The exporter is in a process of its own, for OpenTelemetry is global to one.
"""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from engine.sources import columns
from engine.sources.answer import events
from engine.sources.columns import ARRIVAL, duck_type, quoted
from engine.sources.kql import translate
from tests.fakes.ingestion import Ingestion
from tests.process import shown

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TABLES = json.loads(Path(__file__).with_name("telemetry-tables.json").read_text("utf-8"))["tables"]
_SCRIPT = """
import json, logging, os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
import msgspec
from engine import telemetry
from engine.model.finding import Account, Device, Finding, Process
from engine.model.run import HuntRun, Window
from engine.record import Request
from engine.remote.budget import Limit
from engine.stores.memory import Memory

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
telemetry.configure(os.environ)
"""
_TELL = """
def tell(name, hunt="burst", tenant="t", kind="window", status="succeeded", ago=0, newest="", error=""):
    end = NOW - timedelta(minutes=ago + 5)
    run = HuntRun(id=name, hunt=hunt, tenant=tenant, kind=kind, status=status, error=error, newest=newest, events=0,
                  findings=0, dropped={}, seconds=0.0, window=Window(end - timedelta(minutes=35), end))
    if status != "bug":
        telemetry.tell(run)
        return
    request = Request(id=name, tenant=tenant, window=run.window, now=NOW, kind=kind)
    with suppress(RuntimeError), telemetry.run(request, hunt):
        raise RuntimeError(error)

for run in json.loads(os.environ["RUNS"]):
    tell(**run)
"""
_END = """
telemetry.flush()
print(json.dumps(None))
"""


def sent(script, **environment):
    """The envelopes that the script has sent when it ends; they had the form that Application Insights takes."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "APPLICATIONINSIGHTS"))}
    with Ingestion() as there:
        told = {"APPLICATIONINSIGHTS_CONNECTION_STRING": there.connection, **environment}
        shown(_SCRIPT + script + _END, plain=plain, **told)
    assert there.refused == []
    return there.envelopes


def spans(runs):
    """A row of AppDependencies for each run, by its name; `ago` says how many minutes before NOW it began."""
    told = {f"{number}": run for number, run in enumerate(runs)}
    envelopes = sent(_TELL, RUNS=json.dumps([{"name": name, **run} for name, run in told.items()]))
    rows = [row(each) for each in envelopes if each["data"]["baseType"] == "RemoteDependencyData"]
    assert [each["Properties"]["vizsla.run"] for each in rows] == list(told)
    return [each | {"TimeGenerated": moment(run.get("ago", 0))} for each, run in zip(rows, runs, strict=True)]


def moment(ago):
    """The time so many minutes before NOW, as a table holds it."""
    return (NOW - timedelta(minutes=ago)).isoformat().replace("+00:00", "Z")


def row(envelope):
    """An envelope as its table's row; `Type` is the table."""
    told = envelope["data"]["baseData"]
    both = {
        "TimeGenerated": envelope["time"],
        "Properties": told.get("properties", {}),
        "AppRoleName": envelope["tags"]["ai.cloud.role"],
        "OperationId": envelope["tags"].get("ai.operation.id", ""),
    }
    match envelope["data"]["baseType"]:
        case "RemoteDependencyData":
            names = {"Type": "AppDependencies", "Name": told["name"], "DependencyType": told["type"], "Id": told["id"]}
            return {**both, **names, "Success": told["success"], "ResultCode": told["resultCode"]}
        case "MetricData":
            (point,) = told["metrics"]
            values = {
                "Sum": point["value"],
                "ItemCount": point["count"],
                "Min": point.get("min"),
                "Max": point.get("max"),
            }
            return {**both, "Type": "AppMetrics", "Name": point["name"], **values}
        case "MessageData":
            return {**both, "Type": "AppTraces", "Message": told["message"], "SeverityLevel": told["severityLevel"]}


def asked(query, rows, *, period=timedelta(days=30)):
    """The query's rows at NOW, over what lies within the period before: times and all else as KQL has them."""
    translation = translate(query, tuple((table, tuple(kinds)) for table, kinds in TABLES.items()))
    with duckdb.connect() as database:
        for statement in ("SET TimeZone='UTC'", *columns.MACROS):
            database.execute(statement)
        for table in translation.tables:
            _fill(database, table, [each for each in rows if each["Type"] == table], NOW - period)
        answer = events(database.cursor(), translation.sql, translation.parameters(NOW))
        return [each for batch in answer for each in batch]


def _fill(database, table, rows, since):
    """The table with its rows since a moment. Kusto knows no null text: it is empty."""
    kinds = TABLES[table] | {ARRIVAL: "datetime"}
    held = ", ".join(f"{quoted(name)} {duck_type(kind)}" for name, kind in kinds.items())
    database.execute(f"CREATE TABLE {quoted(table)} ({held})")
    cells = ", ".join(f"${place}::{duck_type(kind)}" for place, kind in enumerate(kinds.values(), 1))
    insert = f"INSERT INTO {quoted(table)} VALUES ({cells})"  # noqa: S608 - names of our own file
    for each in rows:
        if datetime.fromisoformat(each["TimeGenerated"]) > since:
            database.execute(insert, [_cell(each, *one) for one in kinds.items()])


def _cell(each, name, kind):
    value = each.get(name, "" if kind == "string" else None)
    if kind == "dynamic":
        return json.dumps(value)
    return value.rstrip("Z") if kind == "datetime" and value else value
