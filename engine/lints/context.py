"""The lint of what is asked about devices: it can be bound, and answers what is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine import parameters
from engine.context import BOUND, COLUMNS, FILE, question
from engine.errors import Fault, VizslaError
from engine.lints.interface import Needs, Subject


@dataclass(frozen=True)
class ContextCanBeAsked:
    """`_lists/context.kql`, where there is one, has a line for all that the engine binds, and the columns it reads."""

    name: str = "context-can-be-asked"
    recommendation: str = "Begin with a copy of the shipped context.kql."
    needs: Needs = ""

    def __call__(self, subject: Subject) -> Iterator[Fault]:
        """One fault a line or column that is missing; columns are known where Microsoft's parser is installed."""
        try:
            query = question(subject.hunt.folder.parent)
        except VizslaError as error:
            yield Fault(FILE, "", str(error), self.recommendation)
            return
        if query is None:
            return
        written = {let.name: let.text for let in parameters.lets(query)}
        for name, kind in BOUND.items():
            try:
                parameters.read(kind, written.get(name, ""))
            except ValueError:
                yield Fault(FILE, f"let {name}", f"is no line with a {kind}", self.recommendation)
        analysis = subject.lists.get(FILE)
        returned = [column.name for column in analysis.columns] if analysis and analysis.columns else list(COLUMNS)
        for column in COLUMNS:
            if column not in returned:
                yield Fault(FILE, "", f"does not return {column}", self.recommendation)
