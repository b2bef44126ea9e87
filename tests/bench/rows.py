"""What is measured: the flagship hunt's answer over days of a simulated estate, as pages of JSON, and a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import duckdb
import msgspec

from engine import learn, loader, runner
from engine.model import tables
from engine.model.baseline import Baseline, Day
from engine.model.event import Event
from engine.model.run import Window
from engine.record import Request
from engine.sources.columns import literal
from engine.sources.local import Local
from tests.evaluation.days import TABLE, day_of, write
from tests.evaluation.methods import BURST
from tests.evaluation.work import Plan, learn_day

ROWS = 100_000
HISTORY = 7
SEED = 11
_ASKED = (HISTORY, HISTORY + 1)
_INTRUSIONS = 96
_PAGE = 10_000


def judged_window() -> Window:
    """The days whose answer is judged."""
    return Window(day_of(_ASKED[0]).start, day_of(_ASKED[-1]).end)


def make(folder: Path, devices: int, *, rows: int = ROWS, jobs: int = 2) -> None:
    """Writes `baseline.gz`, what seven days taught, and `rows` rows of the answer over the next days, in pages.

    Those days have intrusions, so that there is something to find.
    """
    plan = Plan(folder, devices, intrusions=0, history=HISTORY, runs=24)
    days = [*range(HISTORY), *_ASKED]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        list(pool.map(learn_day, [plan] * len(days), [SEED] * len(days), days))
    baseline = Baseline(BURST.hunt)
    for n in range(HISTORY):
        baseline = baseline.with_day(msgspec.json.decode(plan.learned(SEED, n).read_bytes(), type=Day))
    learn.write(folder / "baseline.gz", baseline)
    files = [plan.rows(SEED, n) for n in _ASKED]
    for n in _ASKED:
        files.append(folder / f"DeviceProcessEvents-attacks-{n}.parquet")
        write(plan.estate(SEED).intrusions(n, _INTRUSIONS)[0], files[-1])
    answer = _answer(files)[:rows]
    if len(answer) < rows:
        raise ValueError(f"the estate's days hold {len(answer)} rows only: ask for more devices")
    kinds = tables.columns(TABLE)
    schema = [{"name": name, "type": kinds.get(name, "string")} for name in answer[0]]
    for start in range(0, rows, _PAGE):
        page = {"schema": schema, "results": answer[start : start + _PAGE]}
        (folder / f"page-{start:06}.json").write_bytes(msgspec.json.encode(page))


def pages(folder: Path) -> Sequence[Path]:
    """The pages, in order."""
    return sorted(folder.glob("page-*.json"))


def lines(file: Path, rows: Sequence[Path], count: int) -> None:
    """Writes `count` rows of NDJSON: those of the Parquet files over and over, each turn a day later."""
    listed = ", ".join(literal(str(each)) for each in rows)
    with duckdb.connect() as database:
        database.execute("SET enable_progress_bar=false")
        database.execute(f"CREATE VIEW rows AS SELECT * FROM read_parquet([{listed}])")  # noqa: S608 - through literal()
        (held,) = database.execute("SELECT count(*) FROM rows").fetchone() or (0,)
        turns = -(-count // held)
        database.execute(
            "COPY (SELECT rows.* REPLACE (Timestamp + to_days(turn::INTEGER) AS Timestamp) FROM rows, range("  # noqa: S608 - numbers
            f"{turns}) AS turns(turn) LIMIT {count}) TO {literal(str(file))} (FORMAT json)"
        )


def _answer(files: Sequence[Path]) -> list[Event]:
    hunt, window = loader.load(loader.HUNTS / BURST.hunt), judged_window()
    plan = runner.plan(hunt, Request(id="bench", tenant="estate", window=window, now=window.end))
    with Local(paths=[str(file) for file in files]) as source:
        return [row for batch in source.rows(plan.query, plan.reached) for row in batch]
