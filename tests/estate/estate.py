"""The estate: a day's rows in order of time, with as many intrusions as are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from heapq import heappop, heappush, merge
from operator import itemgetter

from engine.model.event import span_ticks, timestamp
from tests.estate.chain import Today
from tests.estate.devices import DAY, Fleet, fleet
from tests.estate.intrusions import Intrusion, intrude
from tests.estate.noise import plan
from tests.estate.play import play
from tests.estate.processes import Row

_by_time = itemgetter("Timestamp", "DeviceId", "ReportId", "ProcessId")


@dataclass(frozen=True)
class Estate:
    """A company of `devices` computers (at least 10), played from `start`, a midnight in UTC.

    The same seed, devices, start and day give the same rows, in whatever order the days are asked for. Which device
    has which noise, and when, hangs on the seed alone: intrusions are added and change nothing else.
    """

    seed: int
    devices: int
    start: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.start.utcoffset() or self.start.time() != datetime.min.time():
            raise ValueError(f"{self.start}: an estate starts at a midnight in UTC, such as 2026-11-24T00:00Z.")

    @cached_property
    def fleet(self) -> Fleet:
        """The computers and the people at them."""
        return fleet(seed=self.seed, count=self.devices, start=self.midnight(0))

    def midnight(self, day: int) -> int:
        """When that day begins, in ticks."""
        return span_ticks(self.start - datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day))

    def day(self, n: int, *, intrusions: int = 0) -> Iterator[Row]:
        """The rows of the n-th day (the first is 0), ordered by Timestamp, made while they are read."""
        noise = self._noise(n)
        if not intrusions:
            return noise
        attacks = [
            row for rows, _ in intrude(self.fleet, midnight=self.midnight(n), day=n, count=intrusions) for row in rows
        ]
        return merge(noise, sorted(attacks, key=_by_time), key=_by_time)

    def intrusions(self, n: int, count: int) -> tuple[list[Row], list[Intrusion]]:
        """The rows that `day(n, intrusions=count)` adds, ordered by Timestamp, and the label of each intrusion."""
        played = list(intrude(self.fleet, midnight=self.midnight(n), day=n, count=count))
        return sorted((row for rows, _ in played for row in rows), key=_by_time), [label for _, label in played]

    def _noise(self, n: int) -> Iterator[Row]:
        midnight = self.midnight(n)
        end, today = timestamp(midnight + DAY), Today()
        waiting: list[tuple[tuple[str, str, int, int], Row]] = []
        for run in plan(self.fleet, midnight, n):
            # Later runs begin later: what is older than this one's start can go.
            now = timestamp(run.start)
            while waiting and waiting[0][0][0] < now:
                yield heappop(waiting)[1]
            for row in play(run, self.fleet, midnight=midnight, day=n, today=today):
                if row["Timestamp"] < end:  # a run is cut at midnight
                    heappush(waiting, (_by_time(row), row))
        while waiting:
            yield heappop(waiting)[1]
