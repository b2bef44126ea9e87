"""Says what a repeat is: `net.exe` starts `net1.exe` for the same command, scripts poll, `ipconfig` runs nine times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar, Literal

from engine.model.event import Event, text
from engine.steps.interface import Batch, Context, Tally
from engine.steps.rarity import Kind, kind_of, weights

_HEAVY = 2
Form = Literal["each", "all", "majority"]


@dataclass(frozen=True)
class FoldRepeats:
    """Sets how the windows of the next step count. Drops nothing: repeats stay as evidence.

    `each`: a command counts once however often it ran. `all`: launches count, and a binary whose launches are all that
    the window holds counts for nothing. `majority`: launches count, and a binary that has more than half of them, up
    to all, counts for nothing.
    """

    reads: ClassVar[tuple[str, ...]] = (
        "Intent",
        "FileName",
        "ProcessId",
        "InitiatingProcessId",
        "InitiatingProcessFileName",
    )
    adds: ClassVar[tuple[str, ...]] = ()

    form: Form = "each"

    def __call__(self, batch: Batch, context: Context) -> Batch:  # noqa: ARG002 - every step is called alike
        """The batch with its tally set."""
        return replace(batch, tally=TALLIES[self.form])


class EachOnce:
    """Distinct intents, each by what its launches weigh in the window: see `weights`.

    Beside a rare heavy intent (2) the routine ones count too: whoever asks for the Domain Admins and runs ipconfig and
    whoami does not become routine by the latter.
    """

    def __init__(self) -> None:
        self._launches: dict[Kind, int] = {}
        self._holds: int | None = 0

    def add(self, event: Event) -> None:
        """One more launch of its intent."""
        kind = kind_of(event)
        before = self._launches.get(kind, 0)
        self._launches[kind] = before + 1
        if not before:
            self._holds = None

    def remove(self, event: Event) -> None:
        """One launch less."""
        kind = kind_of(event)
        left = self._launches[kind] - 1
        if left:
            self._launches[kind] = left
        else:
            del self._launches[kind]
            self._holds = None

    def count(self) -> int:
        """What the intents in the window weigh; counted anew only when a kind of launch has come or gone."""
        if self._holds is None:
            heaviest: dict[str, int] = {}
            kinds = tuple(self._launches)
            for (intent, *_), weight in zip(kinds, weights(kinds), strict=True):
                heaviest[intent] = max(weight, heaviest.get(intent, 0))
            held = heaviest.values()
            self._holds = max(sum(held), len(held) if _HEAVY in held else 0)
        return self._holds


class _Launches:
    """Launches by binary; net.exe and the net1.exe that it started are one launch of one binary."""

    def __init__(self) -> None:
        self._binaries: dict[str, Counter[tuple[str, ...]]] = {}

    def add(self, event: Event) -> None:
        """One more launch of its binary."""
        binary, launch = _launch(event)
        self._binaries.setdefault(binary, Counter())[launch] += 1

    def remove(self, event: Event) -> None:
        """One launch less."""
        binary, launch = _launch(event)
        launches = self._binaries[binary]
        launches[launch] -= 1
        if not launches[launch]:
            del launches[launch]
        if not launches:
            del self._binaries[binary]

    def _counts(self) -> tuple[int, int]:
        """All launches, and those of the binary that has the most."""
        counts = [len(launches) for launches in self._binaries.values()]
        return sum(counts), max(counts, default=0)


class NotAll(_Launches):
    """Launches, unless one binary is all of them."""

    def count(self) -> int:
        """How many launches are in the window, or none."""
        total, most = self._counts()
        return 0 if most == total else total


class NoMajority(_Launches):
    """Launches, without a binary that has more than half of them."""

    def count(self) -> int:
        """How many launches are left in the window."""
        total, most = self._counts()
        return total - most if most * 2 > total else total


TALLIES: MappingProxyType[Form, Callable[[], Tally]] = MappingProxyType(
    {"each": EachOnce, "all": NotAll, "majority": NoMajority}
)


def _launch(event: Event) -> tuple[str, tuple[str, ...]]:
    binary = text(event, "FileName").lower()
    if binary != "net1.exe":
        return binary, (binary, text(event, "ProcessId"), text(event, "ProcessCreationTime"))
    if text(event, "InitiatingProcessFileName").lower() == "net.exe":
        return "net.exe", ("net.exe", text(event, "InitiatingProcessId"), text(event, "InitiatingProcessCreationTime"))
    return "net.exe", (binary, text(event, "ProcessId"), text(event, "ProcessCreationTime"))
