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
from engine.model.finding import Finding, at_least, recurrence_key

WITHIN = span_ticks(timedelta(hours=24))
Key: TypeAlias = tuple[str, str, str, str]


def key(finding: Finding) -> Key | None:
    """What a recurrence shares with the first finding; None for a finding that never recurs."""
    if not finding.identity or at_least(finding.severity, "medium"):
        return None
    return recurrence_key(finding)


def fold(findings: Iterable[Finding], earlier: Callable[[Key], Finding | None]) -> tuple[Finding, ...]:
    """The findings with recurrences folded into the first of them, in order of their start.

    `earlier` gives the finding last recorded under a key. One that was recorded comes back with its count grown; a
    recurrence that it has counted already changes nothing.
    """
    firsts: dict[Key, Finding] = {}
    others: list[Finding] = []
    for finding in sorted(findings, key=lambda each: (each.start, each.fingerprint)):
        shared = key(finding)
        if shared is None:
            others.append(finding)
            continue
        first = firsts.get(shared) or earlier(shared)
        if first is None or ticks(finding.start) - ticks(first.start) > WITHIN:
            others.extend(filter(None, [firsts.pop(shared, None)]))
            first = finding
        firsts[shared] = _counted(first, finding)
    return tuple(sorted((*others, *firsts.values()), key=lambda each: (each.start, each.fingerprint)))


def _counted(first: Finding, again: Finding) -> Finding:
    """The first finding with one recurrence more, unless it is the same burst or was counted before."""
    if again.fingerprint == first.fingerprint:
        return first if len(first.commands) >= len(again.commands) else again
    if ticks(again.start) <= ticks(first.last_seen or first.end):
        return first
    return msgspec.structs.replace(first, recurrences=first.recurrences + 1, last_seen=again.end)
