"""What a lint is: one thing that `vizsla check` looks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, TypeVar

from engine.errors import Fault
from engine.lints.kusto import Analysis
from engine.model.hunt import Hunt, StepSpec

T = TypeVar("T")
Needs: TypeAlias = Literal["", "node", "local"]


@dataclass(frozen=True, slots=True)
class Subject:
    """A hunt, and what Microsoft's parser says of its KQL: file -> analysis, empty where it is not installed.

    `lists` are the analyses of the KQL that hunts have in common, `_lists/file` -> analysis.
    """

    hunt: Hunt
    analyses: Mapping[str, Analysis]
    lists: Mapping[str, Analysis] = field(default_factory=dict)

    @property
    def everywhere(self) -> Mapping[str, Analysis]:
        """All analyses, by the file's path from the folder of hunts."""
        return {f"{self.hunt.id}/{file}": each for file, each in self.analyses.items()} | dict(self.lists)

    def taken(self, kind: type[T]) -> Iterator[tuple[StepSpec, str, T]]:
        """The lists of a kind that the hunt's steps take: the step, the list's file, and what it holds."""
        for written, step in zip(self.hunt.definition.steps, self.hunt.steps, strict=True):
            for key, value in step.fields.items():
                if isinstance(value, kind):
                    yield step, f"_lists/{(written[step.name] or {})[key]}.yaml", value

    def fault(self, file: str, place: str, message: str, cure: str, line: int | None = None) -> Fault:
        """A fault in one of the hunt's files."""
        return Fault(f"{self.hunt.id}/{file}", place, message, cure, line)


def texts(hunt: Hunt) -> dict[str, str]:
    """File -> KQL of a hunt: its query, and what it has beside it."""
    beside = {"baseline.kql": hunt.baseline_query, "late.kql": hunt.late_query}
    return {"query.kql": hunt.query} | {file: text for file, text in beside.items() if text}


def common_texts(folder: Path) -> dict[str, str]:
    """`_lists/file` -> KQL that the hunts of a folder have in common; what is no UTF-8 in it, the parser refuses."""
    return {f"_lists/{path.name}": path.read_text("utf-8", "replace") for path in sorted(folder.glob("_lists/*.kql"))}


class Lint(Protocol):
    """A small frozen class that looks for one kind of mistake in a hunt.

    `name` is what the report calls it, `recommendation` what to do about its faults. `needs` is what must be installed
    for it: `node` for Microsoft's parser, `local` for DuckDB.
    """

    @property
    def name(self) -> str:
        """Kebab-case, equal for no two lints."""
        ...

    @property
    def recommendation(self) -> str:
        """What to do about a fault, in one sentence."""
        ...

    @property
    def needs(self) -> Needs:
        """What must be installed."""
        ...

    def __call__(self, subject: Subject) -> Iterator[Fault]:
        """Every fault of this kind in the hunt, in the order of its files' lines."""
        ...
