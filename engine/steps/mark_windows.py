"""Marks findings that a maintenance window or an authorised test explains, and lowers those that its entry lowers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC
from typing import ClassVar, NamedTuple

import msgspec

from engine.model.burst import Burst
from engine.model.event import Event, instant, text
from engine.model.finding import Finding
from engine.model.windows import WindowEntry, Windows
from engine.steps.interface import Batch, Context


class Fit(NamedTuple):
    """An entry that a finding falls into; `beyond` says with what it does not: nothing where it lies in it wholly."""

    entry: WindowEntry
    beyond: tuple[str, ...]


@dataclass(frozen=True)
class MarkWindows:
    """Marks each finding that falls into an entry of `windows`: its device and accounts fit, and its time.

    Where every launch of it lies in the entry and ran under one of its accounts, an entry with `lower` makes it
    informational. One that lies in it only in part is marked as such and keeps its severity.
    """

    reads: ClassVar[tuple[str, ...]] = ("DeviceId", "DeviceName", "AccountName", "AccountDomain", "AccountSid")
    adds: ClassVar[tuple[str, ...]] = ()

    windows: Windows

    def __call__(self, batch: Batch, context: Context) -> Batch:  # noqa: ARG002 - every step is called alike
        """The batch with its findings marked. They are those that `score` made, one for each burst."""
        if not batch.findings or not self.windows.entries:
            return batch
        pairs = zip(batch.bursts, batch.findings, strict=True)
        return replace(batch, findings=tuple(self._marked(burst, finding) for burst, finding in pairs))

    def fits(self, burst: Burst) -> Iterator[Fit]:
        """Each entry that a burst falls into, wholly or in part, in the list's order."""
        for entry in self.windows.entries:
            if _names(entry.devices, _device(burst)) and _overlaps(entry, burst):
                within = [event for event in burst.events if _names(entry.accounts, _account(event))]
                if within:
                    yield Fit(entry, tuple(_beyond(entry, burst, within)))

    def _marked(self, burst: Burst, finding: Finding) -> Finding:
        fit = min(self.fits(burst), key=_best_first, default=None)
        if fit is None:
            return finding
        told = describe(fit.entry)
        if fit.beyond:
            why = f"only in part within {fit.entry.name}, so that its severity stays: {' and '.join(fit.beyond)}"
            return msgspec.structs.replace(finding, expected=f"in part {told}", reasons=(*finding.reasons, why))
        if not fit.entry.lower or finding.severity == "informational":
            return msgspec.structs.replace(finding, expected=told)
        why = f"lowered from {finding.severity} to informational, as {fit.entry.name} says: {told}"
        return msgspec.structs.replace(
            finding, expected=told, severity="informational", reasons=(*finding.reasons, why)
        )


def describe(entry: WindowEntry) -> str:
    """`authorised: red-team until 2026-11-27 17:00 UTC, security-testing: The exercise`."""
    until = f"{entry.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return f"authorised: {entry.name} until {until}, {entry.owner}: {entry.reason.strip().rstrip('.')}"


def _best_first(fit: Fit) -> tuple[bool, bool]:
    return bool(fit.beyond), not fit.entry.lower


def _beyond(entry: WindowEntry, burst: Burst, within: list[Event]) -> Iterator[str]:
    if burst.start < instant(entry.since):
        yield "it began before"
    if burst.end >= instant(entry.until):
        yield "it went on after"
    if len(within) < len(burst.events):
        yield f"{len(burst.events) - len(within):,} of {len(burst.events):,} launches ran under other accounts"


def _overlaps(entry: WindowEntry, burst: Burst) -> bool:
    return burst.start < instant(entry.until) and burst.end >= instant(entry.since)


def _names(wanted: tuple[str, ...], known_as: set[str]) -> bool:
    """Whether what goes by these names is wanted; nothing wanted is anything."""
    return not wanted or any(each.casefold() in known_as for each in wanted)


def _device(burst: Burst) -> set[str]:
    return {burst.device_id.casefold(), text(burst.events[0], "DeviceName").casefold()}


def _account(event: Event) -> set[str]:
    named = f"{text(event, 'AccountDomain')}\\{text(event, 'AccountName')}"
    return {named.casefold(), text(event, "AccountSid").casefold()}
