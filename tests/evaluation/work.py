"""The pieces of work of an evaluation, each done in a process of its own: a day learned, a day played."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec

from engine import learn, loader
from engine.model.baseline import Baseline, Day
from engine.model.catalogue import Catalogue
from engine.model.hunt import Hunt
from engine.sources.local import Local
from tests.estate import Estate
from tests.evaluation.days import START, day_of, ends_of, part_by_arrival, write
from tests.evaluation.judgement import Case, Judged, intents_of, judged
from tests.evaluation.methods import BURST
from tests.evaluation.novelty import novelty
from tests.evaluation.play import Method, play, settle
from tests.evaluation.results import DayPlayed
from tests.evaluation.why import reasons, seen

_ROLLOUTS = (9, 3)  # every nine days, from day 3: see the noise `rollout` of the estate


@dataclass(frozen=True, slots=True)
class Plan:
    """What is played: how large the estates are, how many days are learned before, and in how many runs a day.

    `folder` is for the time of the work; rows that `kept` holds already are not made again, without it none are kept.
    """

    folder: Path
    devices: int
    intrusions: int
    history: int
    runs: int
    kept: Path | None = None

    @property
    def rollout(self) -> int:
        """The first day with a rollout that has enough days before it."""
        every, first = _ROLLOUTS
        return next(n for n in range(self.history, self.history + every) if n % every == first and n > self.history)

    def estate(self, seed: int) -> Estate:
        """The estate of a seed."""
        return Estate(seed=seed, devices=self.devices, start=START)

    def rows(self, seed: int, n: int) -> Path:
        """The file of a day's rows."""
        return (self.kept or self.folder) / f"DeviceProcessEvents-{self.devices}-{seed}-{n}.parquet"

    def learned(self, seed: int, n: int) -> Path:
        """The file of what was learned of a day."""
        return self.folder / f"learned-{self.devices}-{seed}-{n}.json"


class Job(NamedTuple):
    """A day to play: of which plan and seed, which day it is, and by which methods."""

    plan: Plan
    seed: int
    n: int
    methods: tuple[Method, ...]

    def learned(self) -> list[tuple[Plan, int, int]]:
        """The days to learn before it, and itself."""
        return [(self.plan, self.seed, n) for n in range(self.n - self.plan.history, self.n + 1)]


def learn_day(plan: Plan, seed: int, n: int) -> tuple[int, int]:
    """Writes a day's rows and what is learned of it. Returns seed and day."""
    if not plan.rows(seed, n).exists():
        fresh = plan.folder / plan.rows(seed, n).name.replace(".", "-new.")
        write(plan.estate(seed).day(n), fresh)
        shutil.move(fresh, plan.rows(seed, n))
    with Local(paths=[str(plan.rows(seed, n))]) as source:
        day = learn.learn(_hunt(), source, day_of(n))
    plan.learned(seed, n).write_bytes(msgspec.json.encode(day))
    return seed, n


def play_day(job: Job) -> DayPlayed:
    """Plays a day of which all days before were written, and judges what was delivered."""
    plan, seed, n, methods = job
    hunt, ends = _hunt(), ends_of(day_of(n), plan.runs)
    baseline = _baseline(plan, seed, n, hunt)
    rows, labels = plan.estate(seed).intrusions(n, plan.intrusions)
    intents = intents_of(labels, rows, _catalogue(hunt))
    with TemporaryDirectory(dir=plan.folder) as folder:
        attacks = Path(folder) / "DeviceProcessEvents-attacks.parquet"
        write(rows, attacks)
        files = [plan.rows(seed, n - 1), plan.rows(seed, n), attacks]
        parts = part_by_arrival(files, Path(folder), ends=ends, settle=settle(hunt))
        delivered = play(methods, parts, ends, baseline)
        worth = {name: judged(each, labels, intents) for name, each in delivered.items()}
        missed = {case.id for case in worth[BURST.name].cases if case.visible and case.seconds is None}
        with Local(paths=[str(file) for file in files]) as source:
            why = reasons([label for label in labels if label.id in missed], hunt, source, day_of(n), baseline)
        with Local(paths=[str(file) for file in files if file != attacks]) as source:
            fresh = novelty(seen((), hunt, source, day_of(n), baseline).counted)
    worth[BURST.name] = _told(worth[BURST.name], why)
    return DayPlayed(seed=seed, devices=plan.devices, novelty=fresh, methods=worth)


def _told(judged: Judged, why: dict[str, str]) -> Judged:
    cases: tuple[Case, ...] = tuple(msgspec.structs.replace(case, why=why.get(case.id, "")) for case in judged.cases)
    return msgspec.structs.replace(judged, cases=cases)


def _hunt() -> Hunt:
    return loader.load(loader.HUNTS / BURST.hunt)


def _catalogue(hunt: Hunt) -> Catalogue:
    catalogue: Catalogue = next(step.fields["catalogue"] for step in hunt.steps if "catalogue" in step.fields)
    return catalogue


def _baseline(plan: Plan, seed: int, n: int, hunt: Hunt) -> Baseline:
    """What the days before taught."""
    baseline = Baseline(hunt.id)
    for earlier in range(n - plan.history, n):
        baseline = baseline.with_day(msgspec.json.decode(plan.learned(seed, earlier).read_bytes(), type=Day))
    return baseline
