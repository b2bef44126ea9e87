"""Runs a hunt's cases: the rows go through the real query on DuckDB and through the real steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from engine import parameters, runner
from engine.errors import Fault, VizslaError
from engine.lints.case_events import START, rows
from engine.lints.interface import Needs, Subject
from engine.model.finding import Finding
from engine.model.hunt import Case, Expectation, Hunt
from engine.model.run import Window
from engine.record import Request
from engine.sources.recorded import Recorded

_LASTING = parameters.timespan("2d")


@dataclass(frozen=True)
class CasesPass:
    """A hunt finds in each of its cases what the case expects."""

    name: str = "cases-pass"
    recommendation: str = "Correct the case, the query or the steps."
    needs: Needs = "local"

    def __call__(self, subject: Subject) -> Iterator[Fault]:
        """One fault for each case whose findings are not those expected, or that cannot be run."""
        for index, case in enumerate(subject.hunt.cases):
            try:
                difference = _difference(case, tuple(findings(subject.hunt, case)))
            except VizslaError as error:
                difference = f"cannot be run: {error}".removesuffix(".")
            if difference:
                yield subject.fault("cases.yaml", f"cases[{index}] {case.name}", difference, self.recommendation)


def findings(hunt: Hunt, case: Case) -> Iterator[Finding]:
    """What the hunt finds in the case's events."""
    given = hunt.definition.parameters
    values = {name: parameters.coerce(name, given[name], value) for name, value in case.parameters.items()}
    window = Window(START, START + _LASTING)
    request = Request(id=case.name, tenant="case", window=window, now=START, values=values)
    with Recorded(tables=rows(case)) as source:
        yield from runner.judge(hunt, request, source=source)


def _difference(case: Case, found: tuple[Finding, ...]) -> str:
    """The first way in which findings differ from what is expected, or nothing."""
    left = list(found)
    for expected in case.expect:
        match = next((finding for finding in left if _meets(expected, finding)), None)
        if match is None:
            return f"expected {_told(expected)}; found {'; '.join(map(_seen, found)) or 'nothing'}"
        left.remove(match)
    return f"found what no one expects: {'; '.join(map(_seen, left))}" if left else ""


def _meets(expected: Expectation, finding: Finding) -> bool:
    names = (finding.device.name, finding.device.name.partition(".")[0], finding.device.id)
    return (
        expected.device in names
        and Counter(expected.intents) == Counter({command.intent for command in finding.commands})
        and expected.commands in (None, len(finding.commands))
        and expected.severity in (None, finding.severity)
    )


def _told(expected: Expectation) -> str:
    words = [*sorted(expected.intents), expected.commands and f"{expected.commands} commands", expected.severity]
    return f"{expected.device}: {', '.join(word for word in words if word)}"


def _seen(finding: Finding) -> str:
    intents = sorted({command.intent for command in finding.commands})
    return f"{finding.device.name}: {', '.join(intents)} ({len(finding.commands)} commands, {finding.severity})"
