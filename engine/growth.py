"""A burst goes on, and is the same finding: a run sees it in part, and what came before is in the store.

Two findings of a device that share a launch are one. What has grown beyond the window of a run is judged again over all
of it, so that its evidence, score and reasons are those of one run that saw everything. Late rows may join two findings
that were told apart: the older absorbs the younger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

import msgspec

from engine.model.event import instant, moment_of, span_ticks, ticks
from engine.model.finding import Finding, by_start
from engine.model.run import Window
from engine.recurrence import key

Met: TypeAlias = Callable[[str, tuple[int, int]], tuple[Finding, ...]]
"""What stands in the store on a device (its id) and meets a span (ticks)."""
Again: TypeAlias = Callable[[str, Window], Sequence[Finding]]
"""What is found on a device (its id) over another window."""
Launch: TypeAlias = tuple[str, int | None, int | None, str]
_MICROSECOND = span_ticks(timedelta(microseconds=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What a run knows of earlier ones: `view` is the window that it judged."""

    view: Window
    met: Met
    again: Again

    def settle(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """The findings as they are to be recorded: under the fingerprint that each was told under before.

        Those that the store holds as they are come back so; absorbed ones come back beside the one that they are now
        part of. Each fingerprint once.
        """
        judged = tuple(findings)
        settled: dict[str, Finding] = {}
        done: set[str] = set()
        for finding in judged:
            if finding.fingerprint in done:
                continue
            bursts, became = self._one(finding, [each for each in judged if each.device.id == finding.device.id])
            done.update(each.fingerprint for each in bursts)
            settled.update({each.fingerprint: each for each in became})
        return tuple(settled.values())

    def withdrawn(self, device_id: str, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Recorded findings on the device, whole in the view, of whose launches none is in any of the `findings`."""
        start, end = span(self.view)
        seen = _all(each for each in findings if each.device.id == device_id)
        for held in self.met(device_id, (start, end)):
            if start <= ticks(held.start) and ticks(held.end) < end and not launches(held) & seen:
                reason = "rows that arrived later say otherwise: its launches are no burst now"
                yield msgspec.structs.replace(held, retracted=reason)

    def _one(self, finding: Finding, judged: Sequence[Finding]) -> tuple[Sequence[Finding], Iterable[Finding]]:
        """The judged findings that hang together with this one, and what becomes of them and of those recorded."""
        device, view = finding.device.id, self.view
        together, held = self._together([finding], judged)
        if _all(together) < _all(held):
            return together, held  # a part of what is known, cut off by the window
        bursts = together
        while wider := _wider(view, held):
            view = wider
            found = self.again(device, view)
            shared = _all(bursts) | _all(held)
            bursts, held = self._together([each for each in found if launches(each) & shared] or bursts, found)
        return together, _named(bursts, held)

    def _together(self, bursts: Sequence[Finding], judged: Sequence[Finding]) -> tuple[list[Finding], list[Finding]]:
        """The bursts with those that the same recorded findings have launches in common with, and these findings."""
        while True:
            within = min(ticks(each.start) for each in bursts), max(ticks(each.end) for each in bursts)
            met = self.met(bursts[0].device.id, within)
            shared = _all(bursts)
            held = [each for each in met if launches(each) & shared]
            shared |= _all(held)
            more = [each for each in judged if launches(each) & shared]
            if len(more) <= len(bursts):
                return list(bursts), held
            bursts = more


def launches(finding: Finding) -> frozenset[Launch]:
    """The launches that a finding rests on, each as Defender tells them apart on a device."""
    return frozenset(
        (command.time, command.report_id, command.process_id, command.command_line) for command in finding.commands
    )


def span(window: Window) -> tuple[int, int]:
    """The window in ticks."""
    return instant(window.start), instant(window.end)


def _named(bursts: Sequence[Finding], held: Sequence[Finding]) -> Iterator[Finding]:
    """Each burst under the fingerprint of the earliest held finding that it shares launches with and no burst before.

    A held finding that is left over is absorbed by the burst that has its launches.
    """
    left = list(held)
    ordered = sorted(bursts, key=by_start)
    for place, burst in enumerate(ordered):
        later = [launches(each) for each in ordered[place + 1 :]]
        mine = [each for each in left if launches(each) & launches(burst)]
        if not mine:
            yield burst
            continue
        first, *others = mine
        joined = [each for each in others if not any(launches(each) & further for further in later)]
        left = [each for each in left if each is not first and each not in joined]
        yield _grown(first, burst, joined)
        for each in joined:
            yield msgspec.structs.replace(each, absorbed_by=first.fingerprint)


def _grown(first: Finding, burst: Finding, joined: Sequence[Finding]) -> Finding:
    """The burst as the finding that it was before. A recurrence that has become something else is one no more."""
    joining = (name for each in joined for name in (each.fingerprint, *each.aliases))
    return msgspec.structs.replace(
        burst,
        fingerprint=first.fingerprint,
        aliases=tuple(dict.fromkeys((*first.aliases, *joining))),
        recurrences=first.recurrences,
        last_seen=first.last_seen,
        recurs=first.recurs if key(burst) == key(first) else "",
    )


def _all(findings: Iterable[Finding]) -> frozenset[Launch]:
    return frozenset[Launch]().union(*map(launches, findings))


def _wider(view: Window, held: Sequence[Finding]) -> Window | None:
    """The view with all of the held findings in it, or None where it has them already."""
    start, end = span(view)
    first = min((ticks(each.start) for each in held), default=start)
    last = max((ticks(each.end) for each in held), default=end - 1)
    if start <= first and last < end:
        return None
    return Window(moment_of(min(start, first)), moment_of(max(end, last + _MICROSECOND)))
