"""Lints of what is named: the catalogue's programs in the query, and the words of a hunt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from engine import parameters
from engine.errors import Fault
from engine.lints.interface import Needs, Subject, texts
from engine.model.catalogue import Catalogue

_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True)
class CatalogueIsCovered:
    """A hunt's KQL asks for every program of the catalogue that its steps classify by."""

    name: str = "catalogue-is-covered"
    recommendation: str = "Add it to the list in the query: what is not fetched is not found."
    needs: Needs = ""

    def __call__(self, subject: Subject) -> Iterator[Fault]:
        """One fault for each program that the query's lists lack."""
        catalogues = [step.fields["catalogue"] for step in subject.hunt.steps if step.name == "classify"]
        for file, text in texts(subject.hunt).items():
            listed = _listed(text)
            for program in sorted(program for each in catalogues for program in _programs(each) - listed):
                yield subject.fault(file, "", f"does not ask for {program}", self.recommendation)


@dataclass(frozen=True)
class NamesAreClear:
    """Parameters are snake_case, as KQL's own `let` names are."""

    name: str = "names-are-clear"
    recommendation: str = "Parameters are snake_case words: burst_window."
    needs: Needs = ""

    def __call__(self, subject: Subject) -> Iterator[Fault]:
        """One fault a name."""
        for name in subject.hunt.definition.parameters:
            if not _SNAKE.fullmatch(name):
                yield subject.fault("hunt.yaml", f"parameters.{name}", "is no snake_case name", self.recommendation)


def _programs(catalogue: Catalogue) -> set[str]:
    """The file names whose launches can have an intent; a shell's own rows are fetched by another condition."""
    names = {name for intent in catalogue.intents for form in intent.forms for name in form.file_names}
    return names - {"cmd.exe"}


def _listed(query: str) -> set[str]:
    """Every item of the query's top-level lists, in lower case."""
    items: set[str] = set()
    for let in parameters.lets(query):
        try:
            value = parameters.read("string list", let.text)
        except ValueError:
            continue
        items |= {item.lower() for item in value} if isinstance(value, tuple) else set()
    return items
