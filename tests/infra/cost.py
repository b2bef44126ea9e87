"""What a month costs: the parts that are measured here, and a table made of them.

`python -m tests.infra.cost` prints the tables of docs/cost.md from tests/infra/cost.json, and with `--measure EVENTS
BASELINE DEVICES` measures anew first. A run is played as in Azure but for two things: DuckDB answers in place of
Defender, whose time is a guess below, and the store is Azurite.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from statistics import linear_regression
from typing import Any

import msgspec
from croniter import croniter

from engine import loader
from tests.fakes.azurite import Azurite
from tests.fakes.identity import Identity
from tests.fakes.ingestion import Ingestion
from tests.infra.cost_play import SCRIPT
from tests.process import shown

MEASURED = Path(__file__).with_name("cost.json")
ESTATES = (1_000, 50_000)
HOURS, DAYS = 730, 365 / 12
GIGABYTES = 2.048
"""Memory of an instance: see `memory` in infra/main.bicep."""
MOST_ROWS, TENANT_CALLS = 100_000, 1_500
"""What Microsoft lets one answer hold, and all tools of a tenant ask in an hour."""
ANSWER_SECONDS = {1_000: 5, 50_000: 60}
SHORTEST_SECONDS, HOST_BYTES = 1.0, 5_000
"""Guesses, with that on Defender's answers: what is billed of the shortest execution, and what the host logs of one."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """Of scheduled runs: rows and calls by hunt, bytes sent; a line through seconds without answers, and requests."""

    devices: int
    runs: int
    rows: dict[str, float]
    calls: dict[str, float]
    seconds_a_run: float
    seconds_a_thousand_rows: float
    requests_a_run: float
    requests_a_thousand_rows: float
    telemetry_bytes: int
    dispatch_requests: int


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """An estate's month: `rows` is the longest answer, `calls` are those of an hour."""

    devices: int
    rows: int
    executions: int
    seconds: float
    log_bytes: float
    table_requests: float
    calls: float


def measure(events: Path, baseline: Path, devices: int) -> Measured:
    """Plays runs of each hunt over a day and takes the means. Raises ValueError where one fails."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "APPLICATIONINSIGHTS"))}
    with Azurite() as azurite, Identity() as identity, Ingestion() as there:
        told = {"EVENTS": str(events), "BASELINE": str(baseline), "TABLE": azurite.table}
        told["APPLICATIONINSIGHTS_CONNECTION_STRING"] = there.connection
        played, _ = shown(SCRIPT, timeout=1_800, plain=plain, **told, **identity.environment, **azurite.environment)
    if {status for _, status, _ in played["runs"]} != {"succeeded"}:
        raise ValueError(f"not every run succeeded: {played['runs']}")
    hunts = [hunt for hunt, _, _ in played["runs"]]
    own, calls, rows = zip(*_spans(there), strict=True)
    seconds = linear_regression(rows, own)
    requests = linear_regression(rows, [number for *_, number in played["runs"]])
    return Measured(
        devices=devices,
        runs=len(hunts),
        rows=_means(hunts, rows),
        calls=_means(hunts, calls),
        seconds_a_run=round(max(seconds.intercept, 0.0), 3),
        seconds_a_thousand_rows=round(1_000 * seconds.slope, 3),
        requests_a_run=round(max(requests.intercept, 0.0), 1),
        requests_a_thousand_rows=round(1_000 * requests.slope, 1),
        telemetry_bytes=round(sum(map(len, there.raw)) / len(hunts)),
        dispatch_requests=played["dispatch"],
    )


def _spans(there: Ingestion) -> Iterator[tuple[float, int, int]]:
    """Of each run, in order: its seconds without those of its questions, how many these were, and their rows."""
    traces: dict[str, list[Mapping[str, Any]]] = {}
    for envelope, span in there.of("RemoteDependencyData"):
        traces.setdefault(envelope["tags"]["ai.operation.id"], []).append(span)
    for spans in traces.values():
        questions = [span for span in spans if span["name"] == "query"]
        (whole,) = [_seconds(span) for span in spans if span["name"] == "hunt run"]
        rows = sum(int(span["properties"]["vizsla.rows"]) for span in questions)
        yield whole - sum(map(_seconds, questions)), len(questions), rows


def _seconds(span: Mapping[str, Any]) -> float:
    """How long a span lasted; less than a day."""
    hours, minutes, seconds = span["duration"].partition(".")[2].split(":")
    return 3_600 * int(hours) + 60 * int(minutes) + float(seconds)


def _means(hunts: Sequence[str], values: Sequence[float]) -> dict[str, float]:
    total: Counter[str] = Counter()
    for hunt, value in zip(hunts, values, strict=True):
        total[hunt] += value
    return {hunt: round(total[hunt] / hunts.count(hunt), 1) for hunt in sorted(total)}


def month(measured: Measured, devices: int) -> Month:
    """What the shipped hunts do in a month of so many devices: rows grow with them, and all else with the rows."""
    hunts = loader.load_all().hunts
    rows = {hunt: measured.rows[hunt] * devices / measured.devices for hunt in hunts}
    parts = {hunt: math.ceil(rows[hunt] / MOST_ROWS) for hunt in hunts}
    runs = {hunt: firings(each.definition.schedule.cron) for hunt, each in hunts.items()}
    others = HOURS * len(hunts) + round(DAYS * sum(bool(each.baseline_query) for each in hunts.values()))
    clock, done = HOURS * 60 + HOURS, sum(runs.values()) + others
    judged = sum(runs[hunt] * rows[hunt] for hunt in hunts) / 1_000
    waits = ANSWER_SECONDS[devices] * (sum(runs[hunt] * parts[hunt] for hunt in hunts) + others)
    asked = sum(runs[hunt] * (measured.calls[hunt] + parts[hunt] - 1) for hunt in hunts) + others
    return Month(
        devices=devices,
        rows=round(max(rows.values())),
        executions=done + clock,
        seconds=done * measured.seconds_a_run
        + judged * measured.seconds_a_thousand_rows
        + waits
        + clock * SHORTEST_SECONDS,
        log_bytes=done * measured.telemetry_bytes + (done + clock) * HOST_BYTES,
        table_requests=done * measured.requests_a_run
        + judged * measured.requests_a_thousand_rows
        + clock * measured.dispatch_requests,
        calls=asked / HOURS,
    )


def firings(cron: str) -> int:
    """How often a cron line fires in a month."""
    start = datetime(2026, 11, 1, tzinfo=UTC)
    firings, end = croniter(cron, start - timedelta(seconds=1)), start + timedelta(hours=HOURS)
    return sum(1 for _ in takewhile(lambda fired: fired < end, firings.all_next(datetime)))


def inputs(measured: Measured) -> str:
    """The table of what was measured."""
    rows = {
        "runs played, of all hunts": f"{measured.runs}, over {measured.devices:,} devices",
        **{f"rows a run, `{hunt}`": f"{rows:,.0f}" for hunt, rows in measured.rows.items()},
        **{f"questions a run, `{hunt}`": f"{calls:.1f}" for hunt, calls in measured.calls.items()},
        "seconds a run, without Defender's": f"{measured.seconds_a_run:.2f}",
        "seconds more for a thousand rows": f"{measured.seconds_a_thousand_rows:.3f}",
        "bytes of telemetry a run": f"{measured.telemetry_bytes:,}",
        "requests to the table store a run": f"{measured.requests_a_run:.1f}",
        "requests more for a thousand rows": f"{measured.requests_a_thousand_rows:.0f}",
        "requests of `dispatch`, each minute": f"{measured.dispatch_requests}",
    }
    return "\n".join(["| measured | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])


def table(measured: Measured) -> str:
    """The table of a month."""
    months = [month(measured, devices) for devices in ESTATES]
    lines = {
        "rows of the longest answer": [f"{each.rows:,}" for each in months],
        "executions": [f"{each.executions:,}" for each in months],
        "seconds that functions run": [f"{each.seconds:,.0f}" for each in months],
        "**GBs**: GB-seconds": [f"{each.seconds * GIGABYTES:,.0f}" for each in months],
        "**E**: millions of executions": [f"{each.executions / 1e6:.3f}" for each in months],
        "**L**: GB of logs": [f"{each.log_bytes / 1e9:.2f}" for each in months],
        "**T**: ten thousands of table requests": [f"{each.table_requests / 1e4:,.0f}" for each in months],
        "calls to the tenant an hour": [f"{each.calls:.1f}" for each in months],
        "share of the tenant's calls": [f"{each.calls / TENANT_CALLS:.1%}" for each in months],
    }
    head = "| a month | " + " | ".join(f"{devices:,} devices" for devices in ESTATES) + " |"
    return "\n".join([head, "|---|---|---|", *(f"| {name} | {' | '.join(cells)} |" for name, cells in lines.items())])


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", nargs=3, metavar=("EVENTS", "BASELINE", "DEVICES"))
    wanted = parser.parse_args(arguments)
    if wanted.measure:
        events, baseline, devices = wanted.measure
        taken = measure(Path(events), Path(baseline), int(devices))
        MEASURED.write_bytes(msgspec.json.format(msgspec.json.encode(taken), indent=2) + b"\n")
    measured = msgspec.json.decode(MEASURED.read_bytes(), type=Measured)
    sys.stdout.write(f"{inputs(measured)}\n\n{table(measured)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
