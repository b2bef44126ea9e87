"""Turns bursts into findings: a score of 0-100, each point of it with its reason."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar

from engine.model.burst import Burst
from engine.model.catalogue import Catalogue, Intent
from engine.model.event import Event, text
from engine.model.finding import Account, Command, Device, Finding, Severity, at_least
from engine.steps.interface import Batch, Context
from engine.steps.rarity import HEAVY, Rarity, covered, kinds_of
from engine.steps.reasons import parts


@dataclass(frozen=True)
class Score:
    """Makes each burst a finding. Its score is the sum of its parts; its severity follows from the hunt's floors.

    With a weak baseline, a burst whose intents that the fleet does not share weigh less than `at_least` is low at most.
    """

    reads: ClassVar[tuple[str, ...]] = (
        "DeviceId", "DeviceName", "Timestamp", "FileName", "ProcessCommandLine", "ProcessId", "ReportId", "AccountName",
        "AccountDomain", "AccountSid", "InitiatingProcessFileName", "Intent", "Actor",
    )  # fmt: skip
    adds: ClassVar[tuple[str, ...]] = ()

    catalogue: Catalogue
    at_least: int = 0

    def __call__(self, batch: Batch, context: Context) -> Batch:
        """The batch with a finding for each of its bursts."""
        known = {intent.id: intent for intent in self.catalogue.intents}
        return replace(batch, findings=tuple(self._finding(burst, known, context) for burst in batch.bursts))

    def _finding(self, burst: Burst, known: dict[str, Intent], context: Context) -> Finding:
        first = burst.events[0]
        earned = parts(burst, known, new_for=new_for(burst, context))
        score = sum(part.points for part in earned)
        severity, weak = self._severity(burst, score, context)
        device = Device(burst.device_id, text(first, "DeviceName") or burst.device_id)
        who = burst.actor.process.file_name or "an unknown process"
        return Finding(
            fingerprint=_fingerprint(burst, context),
            hunt=context.hunt,
            title=f"{len(burst.intents)} discovery commands by {who} on {device.name}",
            severity=severity,
            score=score,
            device=device,
            account=Account(text(first, "AccountName"), text(first, "AccountDomain"), text(first, "AccountSid")),
            actor=burst.actor.process,
            start=first["Timestamp"],
            end=burst.events[-1]["Timestamp"],
            commands=tuple(_command(event, known) for event in burst.events),
            techniques=tuple(sorted({known[intent].technique for intent in burst.intents})),
            reasons=(*(str(part) for part in earned), *weak, *_lacking(burst)),
            chain=burst.actor.chain,
            identity=text(first, "Identity"),
            tenant=context.tenant,
        )

    def _severity(self, burst: Burst, score: int, context: Context) -> tuple[Severity, tuple[str, ...]]:
        severity = context.severity.of(score)
        rarity: Rarity | None = burst.events[0].get("Rarity")
        if rarity is None or not rarity.weak or not rarity.fleet:
            return severity, ()
        unshared = {
            each["Intent"]: each["Weight"]
            for each, known in zip(burst.events, covered(kinds_of(burst.events)), strict=True)
            if not (known or each["Rarity"].routine)
        }
        if sum(unshared.values()) >= self.at_least:
            return severity, ()
        shared = f"weak baseline: too few days are known, and the {rarity.fleet:,} devices here share these commands"
        return ("low" if at_least(severity, "low") else severity), (shared,)


def new_for(burst: Burst, context: Context) -> int:
    """For how many days before the burst its account was not seen on its device; 0 where it was, or who can tell."""
    first = burst.events[0]
    seen = context.history.before(date.fromisoformat(first["Timestamp"][:10]))
    return seen.days if seen.is_newcomer(text(first, "AccountSid"), burst.device_id) else 0


def _lacking(burst: Burst) -> tuple[str, ...]:
    return tuple(dict.fromkeys(note for event in burst.events for note in event["Actor"].notes))


def _command(event: Event, known: dict[str, Intent]) -> Command:
    intent = known[event["Intent"]]
    return Command(
        time=event["Timestamp"],
        intent=intent.id,
        title=intent.title,
        technique=intent.technique,
        file_name=text(event, "FileName"),
        command_line=text(event, "ProcessCommandLine"),
        process_id=event.get("ProcessId"),
        report_id=event.get("ReportId"),
        parent=text(event, "InitiatingProcessFileName"),
        heavy=intent.weight == HEAVY,
    )


def _fingerprint(burst: Burst, context: Context) -> str:
    first = burst.events[0]
    identity = (context.tenant, context.hunt, *burst.actor.key, first["Timestamp"], text(first, "ReportId"))
    return hashlib.sha256("\0".join(identity).encode("utf-8", "surrogatepass")).hexdigest()[:32]
