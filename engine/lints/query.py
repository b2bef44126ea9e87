"""Lints of a hunt's KQL, by Microsoft's own parser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.errors import Fault
from engine.lints.interface import Needs, Subject


@dataclass(frozen=True)
class KqlIsClean:
    """A hunt's KQL, and what hunts have in common, has no error and no warning against the tables' columns."""

    name: str = "kql-is-clean"
    recommendation: str = "Run it in the portal, or see what the message says."
    needs: Needs = "node"

    def __call__(self, subject: Subject) -> Iterator[Fault]:
        """One fault a diagnostic, with its line and column."""
        for file, analysis in subject.everywhere.items():
            for found in analysis.diagnostics:
                if found.severity in ("error", "warning"):
                    place, message = f"column {found.column}", f"{found.message} ({found.code})"
                    yield Fault(file, place, message, self.recommendation, found.line)


@dataclass(frozen=True)
class NoControlCommands:
    """A hunt reads; it never sends a management command."""

    name: str = "no-control-commands"
    recommendation: str = "Take it out: hunts only read."
    needs: Needs = "node"

    def __call__(self, subject: Subject) -> Iterator[Fault]:
        """One fault for each file that holds a command that begins with a dot."""
        for file, analysis in subject.everywhere.items():
            if analysis.kind == "command":
                yield Fault(file, "", "holds a control command", self.recommendation)


@dataclass(frozen=True)
class TablesAreDeclared:
    """The tables that the query reads are those that hunt.yaml declares."""

    name: str = "tables-are-declared"
    recommendation: str = "Let `tables` name what the query reads, and no more."
    needs: Needs = "node"

    def __call__(self, subject: Subject) -> Iterator[Fault]:
        """One fault for each table that only one of the two names."""
        if not subject.analyses:
            return
        declared = set(subject.hunt.definition.tables)
        used = {table for analysis in subject.analyses.values() for table in analysis.tables}
        for table in sorted(used - declared):
            yield subject.fault("hunt.yaml", "tables", f"lacks {table}, which the query reads", self.recommendation)
        for table in sorted(declared - used):
            yield subject.fault(
                "hunt.yaml", "tables", f"names {table}, which the query does not read", self.recommendation
            )


@dataclass(frozen=True)
class ColumnsAreReturned:
    """Every column that the steps read is in the query's result, or was added by a step before."""

    name: str = "columns-are-returned"
    recommendation: str = "Project it at the query's end, or put the step that adds it before."
    needs: Needs = "node"

    def __call__(self, subject: Subject) -> Iterator[Fault]:
        """One fault a column and step."""
        analysis = subject.analyses.get("query.kql")
        if not analysis or analysis.columns is None:
            return
        known = {column.name for column in analysis.columns}
        for index, step in enumerate(subject.hunt.steps):
            for column in step.cls.reads:
                if column not in known:
                    place = f"steps[{index}].{step.name}"
                    yield subject.fault("hunt.yaml", place, f"reads {column}, which is not there", self.recommendation)
            known |= set(step.cls.adds)
