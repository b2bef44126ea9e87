"""A Log Analytics workspace as far as its rules need one: tables that KQL is run on, and a rule's runs over hours.

The KQL is run by DuckDB, as the engine runs hunts over files. A run of a scheduled rule sees what Microsoft says it
sees: rows with a TimeGenerated within the rule's period up to its scheduled time, five minutes later, when it is run.
"""

# ruff: noqa: S608 - names go through quoted(), and moments are ours

import json
from datetime import timedelta
from pathlib import Path

import duckdb

from engine.sources import columns
from engine.sources.answer import events
from engine.sources.columns import ARRIVAL, duck_type, quoted
from engine.sources.kql import translate

INFRA = Path(__file__).parents[2] / "infra"
FINDINGS, ALERTS = "VizslaFindings_CL", "SecurityAlert"
_KUSTO = {"boolean": "bool"}
SCHEMA = {
    FINDINGS: {
        each["name"]: _KUSTO.get(each["type"], each["type"])
        for each in json.loads((INFRA / "findings-table.json").read_text("utf-8"))
    },
    ALERTS: {"TimeGenerated": "datetime", "AlertName": "string", "ExtendedProperties": "string"},
}
DELAY = timedelta(minutes=5)
"""So much later than scheduled Sentinel runs a rule."""


class Workspace:
    """Rows as the sink writes them, each with the moment (UTC) at which it arrived, and the alerts made of them."""

    def __init__(self):
        self._database = duckdb.connect()
        for statement in ("SET TimeZone='UTC'", *columns.MACROS):
            self._database.execute(statement)
        for table, kinds in SCHEMA.items():
            held = {name: duck_type(kind) for name, kind in kinds.items()} | {ARRIVAL: "TIMESTAMP_NS"}
            listed = ", ".join(f"{quoted(name)} {kind}" for name, kind in held.items())
            self._database.execute(f"CREATE TABLE {quoted(f'held {table}')} ({listed})")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._database.close()

    def write(self, table, row, arrived):
        """A row as JSON has it. Kusto knows no null text: it is empty."""
        kinds = SCHEMA[table]
        chosen = [
            f"coalesce(json_extract_string($1, '$.{name}'), '')"
            if kind == "string"
            else f"json_extract($1, '$.{name}')"
            if kind == "dynamic"
            else f"CAST(rtrim(json_extract_string($1, '$.{name}'), 'Z') AS {duck_type(kind)})"
            for name, kind in kinds.items()
        ]
        sql = f"INSERT INTO {quoted(f'held {table}')} SELECT {', '.join(chosen)}, $2::TIMESTAMP_NS"
        self._database.execute(sql, [json.dumps(row), _moment(arrived)])

    def run(self, query, *, now, until=None, executed=None, period=None):
        """The query's rows; of what arrived until it is `executed`, with a TimeGenerated in the `period` to `until`."""
        translation = translate(query, tuple((table, tuple(kinds)) for table, kinds in SCHEMA.items()))
        cursor = self._database.cursor()
        limits = ["true"]
        if executed:
            limits = [
                f"{quoted(ARRIVAL)} <= '{_moment(executed)}'",
                f"TimeGenerated <= '{_moment(until)}'",
                f"TimeGenerated > '{_moment(until - period)}'",
            ]
        for table in translation.tables:
            view = f"CREATE TEMP VIEW {quoted(table)} AS SELECT * FROM {quoted(f'held {table}')} WHERE "
            cursor.execute(view + " AND ".join(limits))
        try:
            return [row for batch in events(cursor, translation.sql, translation.parameters(now)) for row in batch]
        finally:
            cursor.close()


def _moment(moment):
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"
