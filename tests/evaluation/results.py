"""What a run of the evaluation knows in the end, and how it is summed over seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from engine.model.finding import Severity
from tests.evaluation.judgement import Case, Judged
from tests.evaluation.novelty import Novelty
from tests.evaluation.tables import percent
from tests.evaluation.telemetry import Scored


class DayPlayed(msgspec.Struct, frozen=True, kw_only=True):
    """One day of one estate: how new its noise was, and each method's worth, by the method's name."""

    seed: int
    devices: int
    novelty: Novelty
    methods: dict[str, Judged]


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the page is written from.

    `runs` is how many windows a day was played in, `history` how many days were learned before.
    """

    command: str
    intrusions: int
    runs: int
    history: int
    days: tuple[DayPlayed, ...]
    rollouts: tuple[DayPlayed, ...]
    smaller: tuple[DayPlayed, ...]
    telemetry: Scored | None


class Played:
    """One method over several days."""

    def __init__(self, name: str, days: Sequence[DayPlayed]) -> None:
        self.name = name
        self._days = [(day, day.methods[name]) for day in days]

    def cases(self) -> Iterator[tuple[int, Case]]:
        """Each intrusion that shows enough, with its seed."""
        return ((day.seed, case) for day, judged in self._days for case in judged.cases if case.visible)

    def hidden(self) -> list[Case]:
        """The intrusions that show too little."""
        return [case for _, judged in self._days for case in judged.cases if not case.visible]

    def judged(self) -> list[Judged]:
        """Each day's worth."""
        return [judged for _, judged in self._days]

    def found(self) -> list[float]:
        """Percent of the intrusions that show enough, by day."""
        return self._share(lambda case: case.seconds is not None)

    def raised(self) -> list[float]:
        """The same, at whatever severity."""
        return self._share(lambda case: case.raised is not None)

    def false(self, *severities: Severity) -> list[float]:
        """False findings of these severities per 1,000 device-days, by day."""
        return [
            1000 * sum(noise.severity in severities for noise in judged.false) / day.devices
            for day, judged in self._days
        ]

    def _share(self, counts: Callable[[Case], bool]) -> list[float]:
        shares = []
        for _, judged in self._days:
            visible = [case for case in judged.cases if case.visible]
            shares.append(percent(sum(map(counts, visible)), len(visible)))
        return shares
