"""How figures, times and names are worded, on a page and in a terminal alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from engine.model.event import TICKS_PER_SECOND, ticks, timestamp
from engine.model.finding import SEVERITIES, Account, Finding, Process, Severity, by_worst
from engine.model.run import HuntRun, Window

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def count(number: int, noun: str) -> str:
    """`1 finding`, `43,102 findings`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def moment(instant: int) -> str:
    """An instant in ticks, to the second: `2026-11-24 10:50:01`."""
    return timestamp(instant)[:19].replace("T", " ")


def clock(time: str, *, beside: str) -> str:
    """A Timestamp in UTC to the millisecond, `10:50:01.123`; with its date where that is not the date of `beside`."""
    written = timestamp(ticks(time))[:23].replace("T", " ")
    return written.removeprefix(moment(ticks(beside))[:11])


def duration(span: int) -> str:
    """A span in ticks by its two largest units: `6 min 12 s`; below ten seconds to the tenth."""
    seconds = span / TICKS_PER_SECOND
    if seconds < 10:  # noqa: PLR2004 - "below ten seconds"
        return f"{seconds:.1f} s"
    parts, rest = [], round(seconds)
    for unit, size in _UNITS:
        amount, rest = divmod(rest, size)
        parts.append((amount, unit))
    first = next(place for place, (amount, _) in enumerate(parts) if amount)
    return " ".join(f"{amount} {unit}" for amount, unit in parts[first : first + 2] if amount)


def window(span: Window) -> str:
    """`2026-11-23 11:00 to 2026-11-24 11:00 UTC`; the second date is left out when it is the first."""
    start, end = (_utc(edge) for edge in (span.start, span.end))
    return f"{start:%Y-%m-%d %H:%M} to {end:{'%H:%M' if start.date() == end.date() else '%Y-%m-%d %H:%M'}} UTC"


def heading(hunt: str) -> str:
    """A hunt's id as a heading: `discovery-burst` is `Discovery burst`."""
    words = hunt.replace("-", " ")
    return words[:1].upper() + words[1:]


def account(who: Account) -> str:
    r"""`CONTOSO\anna`, the SID of an account without a name, or `unknown account`."""
    return "\\".join(filter(None, (who.domain, who.name))) if who.name else who.sid or "unknown account"


def image(process: Process) -> str:
    """The file name of a process, or `unknown process`."""
    return process.file_name or "unknown process"


def path(process: Process) -> str:
    """The full path of an image. Defender gives the folder with the file name or without; here it is always with it."""
    folder = process.folder_path.rstrip("\\")
    if not folder or folder.casefold().endswith("\\" + process.file_name.casefold()):
        return folder or process.file_name
    return f"{folder}\\{process.file_name}"


def begins_with_path(process: Process) -> bool:
    """Whether the command line alone tells the full path, or nothing does."""
    return process.command_line.lstrip('"').casefold().startswith(path(process).casefold()) or not process.folder_path


def origin(process: Process) -> str:
    """`PID 9316, started 2026-11-24 09:41:52, signature Valid`, or what of it is known."""
    started = process.creation_time[:19].replace("T", " ")
    known = (
        "" if process.process_id is None else f"PID {process.process_id}",
        started and f"started {started}",
        process.signature_status and f"signature {process.signature_status}",
    )
    return ", ".join(filter(None, known))


def device(finding: Finding) -> str:
    """The device's name, or its id when it has none."""
    return finding.device.name or finding.device.id


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """By severity, then score, then the earlier."""
    return sorted(findings, key=by_worst)


def by_severity(findings: Sequence[Finding]) -> dict[Severity, int]:
    """How many of each severity, the worst first, zeros included."""
    counted = Counter(finding.severity for finding in findings)
    return {severity: counted[severity] for severity in reversed(SEVERITIES)}


def set_aside(run: HuntRun) -> list[tuple[str, int]]:
    """Why events were dropped and how many, the most first."""
    return sorted(run.dropped.items(), key=lambda each: (-each[1], each[0]))


def titles(finding: Finding) -> list[str]:
    """What the commands are for, in words, each once, in order of first appearance."""
    return list({command.intent: command.title or command.intent for command in finding.commands}.values())


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment
