"""Measures the engine and prints what it found; with `--write` docs/evaluation.md gets it too."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from tests.bench import rows
from tests.bench.measure import Measured
from tests.evaluation.prose import SPEED
from tests.evaluation.work import Plan
from tests.tree import ROOT

_MOST_SECONDS, _MOST_MEGABYTES = 1.0, 300
_LINES = 1_000_000
_SHORTEST = 0.005  # what takes less has no rate worth telling
_PAGE = ROOT / "docs" / "evaluation.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the command line asks for; progress goes to stderr."""
    wanted = _parser().parse_args(arguments)
    with TemporaryDirectory(prefix="vizsla-bench-") as name:
        folder = Path(name)
        sys.stderr.write("Playing ten days of an estate\n")
        rows.make(folder, wanted.devices, rows=wanted.rows)
        measured, graph = _measured("judge", folder), _measured("graph", folder)
        plan = Plan(folder, wanted.devices, intrusions=0, history=rows.HISTORY, runs=24)
        lines = folder / "DeviceProcessEvents.ndjson"
        sys.stderr.write(f"Writing {wanted.lines:,} rows of NDJSON\n")
        rows.lines(lines, [plan.rows(rows.SEED, n) for n in range(rows.HISTORY)], wanted.lines)
        told = "\n".join(
            (*judged(measured), _read(graph), "", *_loaded(_measured("local", lines), _measured("plain", lines)))
        )
    sys.stdout.write(f"{told}\n")
    if wanted.write:
        put(_PAGE, told)
    return 0


def _measured(kind: str, path: Path) -> Measured:
    command = [sys.executable, "-m", "tests.bench.measure", kind, str(path)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=Measured)


def judged(measured: Measured) -> Iterator[str]:
    yield "| step | seconds | rows a second |"
    yield "|---|---|---|"
    for name, seconds in measured.parts.items():
        yield f"| {name} | {seconds:.2f} | {_rate(measured.rows, seconds)} |"
    yield f"| **in all** | {measured.seconds:.2f} | {measured.rows / measured.seconds:,.0f} |"
    yield ""
    yield f"{measured.rows:,} rows of the flagship hunt's answer, {measured.findings:,} findings, on one core:"
    yield _beside("seconds", measured.seconds, _MOST_SECONDS)
    yield _beside("MB of memory at most", measured.megabytes, _MOST_MEGABYTES)


def _rate(rows: int, seconds: float) -> str:
    return f"{rows / seconds:,.0f}" if seconds >= _SHORTEST else ""


def _beside(what: str, measured: float, most: float) -> str:
    verdict = "met" if measured <= most else f"missed by {measured - most:.2f}"
    return f"- {measured:.2f} {what}; the target is {most:g}: {verdict}"


def _read(graph: Measured) -> str:
    return f"- {graph.seconds:.2f} seconds to read those rows as the source over Graph does, in place of decode"


def _loaded(local: Measured, plain: Measured) -> Iterator[str]:
    yield f"The local source takes in {local.rows:,} rows of NDJSON in {local.seconds:.1f} s, {local.megabytes:.0f} MB:"
    yield (
        f"{local.seconds / plain.seconds:.1f} times as long as DuckDB takes to count them ({plain.seconds:.1f} s), and "
        f"{local.megabytes / plain.megabytes:.1f} times its memory ({plain.megabytes:.0f} MB)."
    )


def put(page: Path, told: str) -> None:
    """Puts the figures into the page's section on speed, in place of what stood there."""
    before, heading, rest = page.read_text("utf-8").partition(f"\n{SPEED}\n")
    if not heading:
        raise SystemExit(f"{page} has no section {SPEED}: `make evaluate` writes it.")
    _, following, after = rest.partition("\n## ")
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    section = f"\nMeasured by `make bench` on {day}; another machine gives other figures.\n\n{told}\n"
    page.write_text(f"{before}{heading}{section}{following}{after}", "utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="How fast the engine is.")
    parser.add_argument("--devices", type=int, default=1000, help="how many computers the estate has (1000)")
    parser.add_argument("--rows", type=int, default=rows.ROWS, help="how many rows are judged (100000)")
    parser.add_argument("--lines", type=int, default=_LINES, help="how many rows of NDJSON are loaded (1000000)")
    parser.add_argument("--write", action="store_true", help=f"write the figures into {_PAGE.name} too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
