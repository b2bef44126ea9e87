"""The lint of maintenance windows and authorised tests: none is left standing, and each has a name of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from engine.errors import Fault
from engine.lints.interface import Needs, Subject
from engine.model.windows import Windows

_KEPT = timedelta(days=30)


@dataclass(frozen=True)
class WindowsAreCurrent:
    """No entry ended more than 30 days ago: nothing older is judged any more. `now` is the clock's when None."""

    name: str = "windows-are-current"
    recommendation: str = "Take out what is over, and give each entry a name of its own."
    needs: Needs = ""
    now: datetime | None = None

    def __call__(self, subject: Subject) -> Iterator[Fault]:
        """One fault an entry that is long over, and one for each whose name stands above it."""
        now = self.now or datetime.now(UTC)
        for _, file, windows in subject.taken(Windows):
            yield from _faults(file, windows, now)


def _faults(file: str, windows: Windows, now: datetime) -> Iterator[Fault]:
    names: set[str] = set()
    for index, entry in enumerate(windows.entries):
        if entry.until + _KEPT <= now:
            message = f"{entry.name} ended on {entry.until:%Y-%m-%d}, and nothing that old is judged any more"
            yield Fault(file, f"entries[{index}].to", message, f"Take it out; {entry.owner} answers for it.")
        if entry.name in names:
            message = f"{entry.name} stands here twice"
            yield Fault(file, f"entries[{index}].name", message, "Give each entry a name of its own.")
        names.add(entry.name)
