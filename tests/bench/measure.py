"""Measures one thing in a process of its own and prints it as JSON: `python -m tests.bench.measure judge FOLDER`."""

from __future__ import annotations

import os
import re
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import msgspec

from engine import learn, loader, runner
from engine.model.baseline import History
from engine.model.event import Event
from engine.record import Request
from engine.sources.columns import literal
from engine.sources.local import Local
from engine.sources.rows import Answer
from tests.bench.rows import judged_window, pages
from tests.evaluation.methods import BURST

_REPEATS = 3
_READ = "read from disk"


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds by part, seconds in all, the most memory that the process held (MB), and what was counted."""

    seconds: float
    megabytes: float
    rows: int
    parts: dict[str, float] = {}
    findings: int = 0


def judge(folder: Path) -> Measured:
    """Decodes pages and judges them on one core, as a run does; the best of a few tries, in seconds of that core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    hunt, window = loader.load(loader.HUNTS / BURST.hunt), judged_window()
    request = Request(id="bench", tenant="estate", window=window, now=window.end)
    baseline = learn.read(folder / "baseline.gz", hunt.id)
    tries = [
        _judge(folder, runner.plan(hunt, request, history=History(baseline)), [step.name for step in hunt.steps])
        for _ in range(_REPEATS)
    ]
    return min(tries, key=lambda each: each.seconds)


def _judge(folder: Path, plan: runner.Plan, names: list[str]) -> Measured:
    parts: defaultdict[str, float] = defaultdict(float)
    rows = findings = 0
    began = time.thread_time()
    for events in runner.whole_devices(_decoded(folder, parts)):
        rows += len(events)
        batch = runner.to_judge(events)
        for name, step in zip(names, plan.steps, strict=True):
            start = time.thread_time()
            batch = step(batch, plan.context)
            parts[name] += time.thread_time() - start
        findings += len(batch.findings)
    # In a run the pages come over the network, not from a file.
    seconds = time.thread_time() - began - parts.pop(_READ)
    parts["cut into devices, let go"] = seconds - sum(parts.values())
    return Measured(seconds=seconds, megabytes=_megabytes(), rows=rows, parts=dict(parts), findings=findings)


def _decoded(folder: Path, parts: defaultdict[str, float]) -> Iterator[list[Event]]:
    for page in pages(folder):
        start = time.thread_time()
        body = page.read_bytes()
        parts[_READ] += time.thread_time() - start
        start = time.thread_time()
        rows = msgspec.json.decode(body)["results"]
        parts["decode"] += time.thread_time() - start
        yield rows


def graph(folder: Path) -> Measured:
    """Reads the pages as the source over Graph does: each value as its column's type, rows in order; in CPU seconds."""
    began = time.thread_time()
    rows = 0
    for page in pages(folder):
        rows += sum(len(batch) for batch in Answer(bytearray(page.read_bytes())).batches(before=None))
    return Measured(seconds=time.thread_time() - began, megabytes=_megabytes(), rows=rows)


def local(file: Path) -> Measured:
    """Opens the local source over a file of NDJSON."""
    began = time.perf_counter()
    with Local(paths=[str(file)]) as source:
        seconds = time.perf_counter() - began
        return Measured(seconds=seconds, megabytes=_megabytes(), rows=sum(source.counts.values()))


def plain(file: Path) -> Measured:
    """Lets DuckDB alone count the rows of a file of NDJSON."""
    began = time.perf_counter()
    with duckdb.connect() as database:
        database.execute("SET enable_progress_bar=false")
        (rows,) = database.execute(f"SELECT count(*) FROM read_json({literal(str(file))})").fetchone() or (0,)  # noqa: S608 - through literal()
    return Measured(seconds=time.perf_counter() - began, megabytes=_megabytes(), rows=rows)


def _megabytes() -> float:
    """The most memory that this process held.

    Linux carries ru_maxrss over from the process that started this one, so there the kernel's own high-water mark is
    read; elsewhere ru_maxrss, in kilobytes, on macOS in bytes.
    """
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text("utf-8"), re.MULTILINE)
        if found:
            return int(found[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


KINDS: dict[str, Callable[[Path], Measured]] = {"judge": judge, "graph": graph, "local": local, "plain": plain}

if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(KINDS[sys.argv[1]](Path(sys.argv[2]))))
