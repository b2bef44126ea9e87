"""Plays estates through the product and writes what came of it: `make evaluate`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.evaluation import telemetry
from tests.evaluation.methods import BURST, METHODS
from tests.evaluation.page import page
from tests.evaluation.prose import SPEED
from tests.evaluation.results import DayPlayed, Results
from tests.evaluation.work import Job, Plan, learn_day, play_day

SEEDS = (11, 12, 13, 14, 15, 16, 17, 18, 19)
"""Others than those on which thresholds were chosen."""


_FIGURES = ("seeds", "devices", "intrusions", "history", "runs", "rollouts", "smaller")


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the command line asks for; progress goes to stderr."""
    wanted = _parser().parse_args(arguments)
    seeds = SEEDS[: wanted.seeds]
    with TemporaryDirectory(prefix="vizsla-evaluation-") as folder:
        plan = Plan(Path(folder), wanted.devices, wanted.intrusions, wanted.history, wanted.runs, wanted.keep)
        results = evaluate(plan, seeds, wanted)
    wanted.out.write_text(page(results, speed=speed(wanted.out)), "utf-8")
    _say(f"{wanted.out} is written")
    return 0


def evaluate(plan: Plan, seeds: Sequence[int], wanted: argparse.Namespace) -> Results:
    """Everything that the page tells, each day learned and played in a process of its own."""
    small = replace(plan, devices=wanted.smaller, intrusions=plan.intrusions * wanted.smaller // plan.devices)
    days = [Job(plan, seed, plan.history, METHODS) for seed in seeds]
    rollouts = [Job(plan, seed, plan.rollout, (BURST,)) for seed in seeds[: wanted.rollouts]]
    smaller = [Job(small, seed, small.history, (BURST,)) for seed in seeds if wanted.smaller]
    with ProcessPoolExecutor(wanted.jobs, mp_context=get_context("spawn")) as pool:
        scored = pool.submit(telemetry.scored, wanted.telemetry)
        done = iter(_play(pool, [*days, *rollouts, *smaller]))
        return Results(
            command=_command(wanted),
            intrusions=plan.intrusions,
            runs=plan.runs,
            history=plan.history,
            days=tuple(islice(done, len(days))),
            rollouts=tuple(islice(done, len(rollouts))),
            smaller=tuple(done),
            telemetry=scored.result(),
        )


def _play(pool: ProcessPoolExecutor, jobs: Sequence[Job]) -> Iterator[DayPlayed]:
    """The days played, in order, once all that they rest on is learned."""
    began = time.monotonic()
    learned = list(dict.fromkeys(day for job in jobs for day in job.learned()))
    for number, (seed, n) in enumerate(pool.map(learn_day, *zip(*learned, strict=True)), 1):
        _say(f"day {n} of seed {seed} is learned: {number} of {len(learned)}, {time.monotonic() - began:.0f} s")
    for number, day in enumerate(pool.map(play_day, jobs), 1):
        _say(f"{day.devices} devices of seed {day.seed}: {number} of {len(jobs)}, {time.monotonic() - began:.0f} s")
        yield day


def speed(out: Path) -> str:
    """The section of the page that another command writes, as it stands there; empty when it does not."""
    text = out.read_text("utf-8") if out.exists() else ""
    _, heading, rest = text.partition(f"\n{SPEED}\n")
    own, _, _ = rest.partition("\n## ")
    return f"{SPEED}\n{own}" if heading else ""


def _command(wanted: argparse.Namespace) -> str:
    """The command again, without what does not change the figures."""
    given = {name: getattr(wanted, name) for name in _FIGURES}
    usual = {name: _parser().get_default(name) for name in given}
    told = [
        f" --{name} {value}" for name, value in given.items() if name in ("seeds", "devices") or value != usual[name]
    ]
    return f"python -m tests.evaluation{''.join(told)} --out docs/evaluation.md"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.evaluation", description="How well the hunts do.")
    parser.add_argument("--seeds", type=int, default=5, choices=range(1, len(SEEDS) + 1), help="how many estates (5)")
    parser.add_argument("--devices", type=int, default=1000, help="how many computers each has (1000)")
    parser.add_argument(
        "--intrusions", type=int, default=96, help="how many on the day (96: each sequence three times)"
    )
    parser.add_argument("--history", type=int, default=7, help="how many days are learned before (7)")
    parser.add_argument("--runs", type=int, default=24, help="in how many windows a day is played (24)")
    parser.add_argument("--rollouts", type=int, default=1, help="for how many seeds a rollout day is played (1)")
    parser.add_argument(
        "--smaller", type=int, default=100, help="how many computers smaller estates have (100; 0: none)"
    )
    parser.add_argument("--jobs", type=int, default=2, help="how many processes (2)")
    parser.add_argument("--telemetry", type=Path, default=telemetry.FOLDER, help="recorded telemetry with its labels")
    parser.add_argument("--keep", type=Path, help="a folder that keeps the estates' rows for the next time")
    parser.add_argument("--out", type=Path, required=True, help="the page to write")
    return parser


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
