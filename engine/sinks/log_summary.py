"""What an alert says of a finding, in lines of plain text: who did what, where, when, why that is odd, and the rest."""

from __future__ import annotations

from collections.abc import Iterator

from engine.model.event import ticks
from engine.model.finding import Finding
from engine.model.notice import DeviceContext, Notice
from engine.report import words
from engine.sinks.plain_text import safe

_LONGEST_LINE = 600
_COMMANDS = 10
_COMMAND = 240


def state(notice: Notice) -> str:
    """`New`, `Grown`, `Absorbed` (it is part of another by now) or `Retracted` (it no longer stands)."""
    if notice.finding.retracted:
        return "Retracted"
    if notice.finding.absorbed_by:
        return "Absorbed"
    return "New" if notice.earlier is None else "Grown"


def summary(notice: Notice) -> str:
    """The lines, the most important first: whoever cuts it cuts the end. What others wrote cannot act in it."""
    return "\n".join(safe(line, _LONGEST_LINE) for line in _lines(notice))


def _lines(notice: Notice) -> Iterator[str]:
    finding = notice.finding
    yield _who(finding)
    yield f"Why: {'; '.join(finding.reasons)}"
    yield from _notes(notice)
    yield (
        f"Context: {_known(notice.context)}"
        if notice.context
        else "Context unavailable: nothing is known of the device."
    )
    yield f"Hunt: {notice.hunt_title}, score {finding.score}, {', '.join(finding.techniques)}"
    if notice.response:
        yield f"To do: {' '.join(notice.response)}"
    yield from _commands(finding)


def _who(finding: Finding) -> str:
    start, end = (words.moment(ticks(each)) for each in (finding.start, finding.end))
    what = f"{words.count(len(finding.commands), 'command')} by {words.image(finding.actor)}"
    return f"{words.account(finding.account)} on {words.device(finding)}, {start} to {end} UTC: {what}"


def _notes(notice: Notice) -> Iterator[str]:
    """What changes how the rest is to be read."""
    finding = notice.finding
    if finding.retracted:
        yield f"Withdrawn: {finding.retracted}"
    if finding.absorbed_by:
        yield f"It is part of finding {finding.absorbed_by} now."
    if state(notice) == "Grown":
        yield "It was told before, and is more or other than it was then."
    if finding.aliases:
        yield f"It holds what was told as {', '.join(finding.aliases)}."
    if finding.expected:
        yield f"Expected: {finding.expected}"
    if notice.perhaps_told:
        yield "This may repeat an earlier message: the answer to it was lost."


def _known(context: DeviceContext) -> str:
    facing = {True: "internet-facing", False: "", None: ""}[context.internet_facing]
    session = " ".join(filter(None, (context.remote_device, context.remote_address)))
    known = (
        context.role,
        context.group and f"group {context.group}",
        context.asset_value and f"asset value {context.asset_value}",
        context.exposure and f"exposure {context.exposure}",
        facing,
        f"logged on {', '.join(context.logged_on)}" if context.logged_on else "",
        session and f"remote session from {session}",
        words.count(len(context.alerts), "open alert") if context.alerts else "",
    )
    return ", ".join(filter(None, known)) or "nothing that stands out"


def _commands(finding: Finding) -> Iterator[str]:
    """The first commands, each with what is encoded in it."""
    for command in finding.commands[:_COMMANDS]:
        decoded = f" (decoded: {safe(command.decoded, _COMMAND)})" if command.decoded else ""
        time = words.clock(command.time, beside=finding.start)
        yield f"{time}  {safe(command.command_line, _COMMAND)}{decoded}"
    left = len(finding.commands) - _COMMANDS
    if left > 0:
        yield f"{words.count(left, 'more command')}: see the finding in VizslaFindings_CL"
