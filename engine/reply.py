"""The answer to a run on demand: a verdict, figures, and comments that a playbook can write without code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from engine.errors import Throttled, VizslaError
from engine.model.demand import Counts, Demand, Resolved, Result, Verdict
from engine.model.finding import SEVERITIES, Finding
from engine.model.hunt import Hunt
from engine.model.run import Window
from engine.record import Outcome
from engine.report import comment, words

MOST_FINDINGS = 100
"""So many findings stand in an answer, the worst first."""
TAG = "vizsla"
_NAMED = 10


def answered(
    demand: Demand,
    hunt: Hunt,
    outcome: Outcome,
    found: Sequence[Resolved],
    *,
    silent: Sequence[str] = (),
    told: Sequence[str] = (),
) -> Result:
    """The answer of a run that succeeded. `silent` names devices that ran nothing.

    `told` says what went wrong when sinks were told of it.
    """
    findings, run = outcome.findings, outcome.run
    notes = (*run.notes, *_remarks(outcome, found, silent), *told)
    said = comment.Said(_headline(hunt, outcome), notes)
    verdict = _verdict(findings)
    return Result(
        id=demand.id,
        hunt=hunt.id,
        tenant=demand.tenant,
        status="succeeded",
        window=run.window,
        verdict=verdict,
        highest_severity=max((finding.severity for finding in findings), key=SEVERITIES.index, default=None),
        score=max((finding.score for finding in findings), default=0),
        counts=Counts(findings=len(findings), events=run.events, **words.by_severity(findings)),
        findings=findings[:MOST_FINDINGS],
        devices=tuple(found),
        comment_html=comment.html(said, findings),
        comment_markdown=comment.markdown(said, findings),
        tags=(TAG, f"{TAG}:{verdict}"),
        notes=notes,
    )


def failed(demand: Demand, window: Window, failure: VizslaError, *, throttled: bool = False) -> Result:
    """The answer of a run that did not succeed: no verdict, and why."""
    status: Literal["throttled", "failed"] = "throttled" if throttled or isinstance(failure, Throttled) else "failed"
    said = comment.Said(f"Vizsla: the hunt {demand.hunt} gave no answer", (str(failure),))
    return Result(
        id=demand.id,
        hunt=demand.hunt,
        tenant=demand.tenant,
        status=status,
        window=window,
        comment_html=comment.html(said, ()),
        comment_markdown=comment.markdown(said, ()),
        tags=(TAG, f"{TAG}:no-answer"),
        error=f"The hunt {demand.hunt} gave no answer: {failure}",
    )


def _verdict(findings: Sequence[Finding]) -> Verdict:
    if any(finding.severity == "high" for finding in findings):
        return "malicious-looking"
    return "suspicious" if any(finding.severity != "informational" for finding in findings) else "clean"


def _headline(hunt: Hunt, outcome: Outcome) -> str:
    found = words.count(len(outcome.findings), "finding") if outcome.findings else "no findings"
    read = f"{words.count(outcome.run.events, 'event')} from {words.window(outcome.run.window)}"
    return f"Vizsla, {hunt.title}: {found} in {read}"


def _remarks(outcome: Outcome, found: Sequence[Resolved], silent: Sequence[str]) -> Iterator[str]:
    """What a reader must know before trusting the verdict: above all, where there was nothing to judge."""
    if silent:
        yield f"Defender has recorded no launch in this window of {_listed(silent)}: nothing is said of them"
    unknown = [each.asked.called for each in found if not each.ids]
    if unknown:
        yield f"Defender does not know {_listed(unknown)}: nothing is said of them"
    several = [each.asked.called for each in found if each.ambiguous]
    if several:
        yield f"several devices share a name, and all were judged: {_listed(several)}"
    left = len(outcome.findings) - MOST_FINDINGS
    if left > 0:
        yield f"{words.count(left, 'finding')} more: counted, and left out of this answer"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
