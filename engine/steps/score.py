"""Turns bursts into findings: a score of 0-100, each point of it with its reason."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

from engine.model.actor import Actor, image_path
from engine.model.burst import Burst
from engine.model.catalogue import Catalogue, Intent
from engine.model.event import TICKS_PER_SECOND, Event, text
from engine.model.finding import Account, Command, Device, Finding
from engine.steps.interface import Batch, Context

_POINTS = {1: 5, 2: 9, 3: 14}
_INTENTS_MOST = 65
_TECHNIQUES_MOST = 15
_USER_WRITABLE = ("\\users\\", "\\programdata\\", "\\windows\\temp\\", "\\temp\\", "\\perflogs\\", "\\$recycle.bin\\")
_DOCUMENTS = ("winword.exe", "excel.exe", "powerpnt.exe", "outlook.exe", "onenote.exe", "acrord32.exe", "acrobat.exe")
_WEB_SERVERS = ("w3wp.exe", "httpd.exe", "nginx.exe", "tomcat.exe", "php-cgi.exe")
_SCRIPT_HOSTS = ("wscript.exe", "cscript.exe", "mshta.exe", "rundll32.exe", "regsvr32.exe", "msbuild.exe")


class Part(NamedTuple):
    """Some points of a score, and the sentence that earns them."""

    points: int
    reason: str


@dataclass(frozen=True)
class Score:
    """Makes each burst a finding. Its score is the sum of its parts; its severity follows from the hunt's floors."""

    reads: ClassVar[tuple[str, ...]] = (
        "DeviceId", "DeviceName", "Timestamp", "FileName", "ProcessCommandLine", "ProcessId", "ReportId", "AccountName",
        "AccountDomain", "AccountSid", "InitiatingProcessFileName", "Intent", "Actor",
    )  # fmt: skip
    adds: ClassVar[tuple[str, ...]] = ()

    catalogue: Catalogue

    def __call__(self, batch: Batch, context: Context) -> Batch:
        """The batch with a finding for each of its bursts."""
        known = {intent.id: intent for intent in self.catalogue.intents}
        return replace(batch, findings=tuple(_finding(burst, known, context) for burst in batch.bursts))


def parts(burst: Burst, known: dict[str, Intent]) -> Iterator[Part]:
    """What speaks for a finding: the intents by weight, how many techniques, the pace, and who ran it."""
    intents = [known[intent] for intent in burst.intents]
    yield _intents(intents)
    techniques = sorted({intent.technique for intent in intents})
    words = f"{_many(len(techniques), 'technique')} of ATT&CK: {', '.join(techniques)}"
    yield Part(min(3 * (len(techniques) - 1), _TECHNIQUES_MOST), words)
    yield _pace(burst)
    yield _actor(burst.actor)


def _intents(intents: list[Intent]) -> Part:
    heavy = [intent.title for intent in intents if intent.weight >= max(_POINTS)]
    words = f"{_many(len(intents), 'different thing')} asked"
    words += f", {len(heavy)} of them rarely asked by anyone but an intruder: {', '.join(heavy)}" if heavy else ""
    return Part(min(sum(_POINTS[intent.weight] for intent in intents), _INTENTS_MOST), words)


def _pace(burst: Burst) -> Part:
    seconds = (burst.end - burst.start) / TICKS_PER_SECOND
    words = f"{_many(len(burst.events), 'launch')} within {_lasting(seconds)}"
    return Part(5 if seconds <= len(burst.events) * 20 else 0, words)


def _actor(actor: Actor) -> Part:
    name = actor.process.file_name.lower()
    path = image_path(actor.process.folder_path, name)
    if path and any(folder in path for folder in _USER_WRITABLE):
        folder = path.rpartition("\\")[0]
        return Part(15, f"{actor.process.file_name} runs from a folder that users can write to: {folder}")
    for names, words in (
        (_DOCUMENTS, "opens documents"),
        (_WEB_SERVERS, "serves web pages"),
        (_SCRIPT_HOSTS, "runs others' code"),
    ):
        if name in names:
            return Part(15 if names is not _SCRIPT_HOSTS else 10, f"the actor, {actor.process.file_name}, {words}")
    return Part(0, _described(actor))


def _described(actor: Actor) -> str:
    match actor.kind:
        case "session":
            return f"run in one desktop session, below {actor.process.file_name}"
        case "remote":
            return f"run by {actor.process.file_name}, which runs commands for others, under one account"
        case _:
            return f"run by {actor.process.file_name or 'an unknown process'}, process {actor.process.process_id}"


def _finding(burst: Burst, known: dict[str, Intent], context: Context) -> Finding:
    first = burst.events[0]
    earned = tuple(parts(burst, known))
    score = sum(part.points for part in earned)
    who = burst.actor.process.file_name or "an unknown process"
    device = Device(burst.device_id, text(first, "DeviceName") or burst.device_id)
    actor = burst.actor
    return Finding(
        fingerprint=_fingerprint(burst, context),
        hunt=context.hunt,
        title=f"{_many(len(burst.intents), 'discovery command')} by {who} on {device.name}",
        severity=context.severity.of(score),
        score=score,
        device=device,
        account=Account(text(first, "AccountName"), text(first, "AccountDomain"), text(first, "AccountSid")),
        actor=actor.process,
        start=first["Timestamp"],
        end=burst.events[-1]["Timestamp"],
        commands=tuple(_command(event, known) for event in burst.events),
        techniques=tuple(sorted({known[intent].technique for intent in burst.intents})),
        reasons=(*(f"{part.reason} (+{part.points})" for part in earned), *_lacking(burst)),
        chain=actor.chain,
    )


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
    )


def _fingerprint(burst: Burst, context: Context) -> str:
    first = burst.events[0]
    identity = (context.tenant, context.hunt, *burst.actor.key, first["Timestamp"], text(first, "ReportId"))
    return hashlib.sha256("\0".join(identity).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _many(count: int, noun: str) -> str:
    plural = noun if count == 1 else noun + ("es" if noun.endswith("ch") else "s")
    return f"{count} {plural}"


def _lasting(seconds: float) -> str:
    if seconds < 120:  # noqa: PLR2004 - two minutes are still told in seconds
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes"
