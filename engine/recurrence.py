"""What comes again is a count on the earlier finding, not another one.

A recurrence is the same actor identity with the same intents on the same device within 24 hours of the first raise.
Only findings below medium recur; shells, sessions and generic hosts never do: a returning intruder is news.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TypeAlias

import msgspec

from engine.model.event import span_ticks, ticks
from engine.model.finding import Finding, at_least, by_start, recurrence_key

WITHIN = span_ticks(timedelta(hours=24))
Key: TypeAlias = tuple[str, str, str, str]


def key(finding: Finding) -> Key | None:
    """What a recurrence shares with the first finding; None for a finding that never recurs."""
    if not finding.identity or at_least(finding.severity, "medium"):
        return None
    return recurrence_key(finding)


def fold(findings: Iterable[Finding], earlier: Callable[[Key], Finding | None]) -> tuple[Finding, ...]:
    """The findings, each recurrence among them marked as one and counted on the first, in order of their start.

    `earlier` gives the finding that was recorded under a key; it comes back too where its count has grown.
    """
    firsts: dict[Key, Finding] = {}
    folded: dict[str, Finding] = {}
    for finding in sorted(findings, key=by_start):
        shared = key(finding)
        first = (firsts.get(shared) or earlier(shared)) if shared else None
        if first is None or abs(ticks(finding.start) - ticks(first.start)) > WITHIN:
            first = finding
        elif first.fingerprint != finding.fingerprint:
            folded[finding.fingerprint] = msgspec.structs.replace(finding, recurs=first.fingerprint)
            first = _counted(first, finding)
        folded[first.fingerprint] = first
        if shared:
            firsts[shared] = first
    return tuple(sorted(folded.values(), key=by_start))


def _counted(first: Finding, again: Finding) -> Finding:
    """The first finding with one recurrence more."""
    last_seen = max(first.last_seen or first.end, again.end, key=ticks)
    return msgspec.structs.replace(first, recurrences=first.recurrences + 1, last_seen=last_seen)
