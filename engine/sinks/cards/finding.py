"""The card of a finding, and the shorter one of what has become of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from engine.model.event import ticks
from engine.model.finding import Command, Finding
from engine.model.notice import DeviceContext, Notice
from engine.report import words
from engine.sinks.cards.parts import (
    COLOURS,
    STYLES,
    Element,
    code,
    container,
    fact,
    heading,
    literal,
    message,
    opens,
    paragraph,
    row,
    run,
    subtle,
)
from engine.sinks.cards.room import Room

REPEATED = "This may repeat an earlier message: the answer to that one was lost."
_LATEST, _MAIN = 5, 2
"""How many commands and reasons stand on the shorter card."""
_ADVICE = "advice"


def raised(notice: Notice, room: Room) -> Element:
    """The message that tells of a finding for the first time."""
    finding = notice.finding
    band = _band(notice, finding.severity.upper(), room)
    advice = notice.response[: room.reasons]
    body = [
        *_reasons(finding, room),
        *_facts(finding, notice.tactic, room),
        *_timeline("Commands", notice, _telling(finding.commands, room.commands), room),
        *_context(notice.context, room),
        *([_advice(advice, room)] if advice else []),
    ]
    return message(STYLES[finding.severity], band, body, _actions(notice, has_advice=bool(advice)))


def changed(notice: Notice, room: Room) -> Element:
    """The message that tells what has become of a finding that was told before."""
    finding = notice.finding
    band = _band(notice, f"UPDATE · {finding.severity.upper()}", room)
    news = [paragraph(run(each, weight="Bolder"), spacing="Small") for each in _news(notice, room)]
    less = dataclasses.replace(room, reasons=min(_MAIN, room.reasons), commands=min(_LATEST, room.commands))
    latest = finding.commands[-less.commands :]
    odd = [*_reasons(finding, less), *_timeline("The latest commands", notice, latest, less)]
    body = [*news, *(odd if finding.stands else [])]
    style = STYLES[finding.severity] if finding.stands else "emphasis"
    return message(style, band, body, _actions(notice, has_advice=False))


def occasion(finding: Finding, most: int) -> str:
    r"""Who and when: `contoso\anna · 2026-11-24 12:00:00 to 12:05:09 UTC`."""
    first, last = ticks(finding.start), ticks(finding.end)
    start, end = words.moment(first), words.moment(last)
    until = f" to {end.removeprefix(start[:11])}" if end != start else ""
    return f"{literal(words.account(finding.account), most)} · {start}{until} UTC"


def remarks(finding: Finding, most: int) -> Iterator[str]:
    """What takes weight from a finding, or moves it elsewhere."""
    if finding.expected:
        yield f"Expected: {literal(finding.expected, most)}"
    if finding.retracted:
        yield f"Withdrawn: {literal(finding.retracted, most)}"
    if finding.absorbed_by:
        yield f"Part of another finding: {literal(finding.absorbed_by, most)}"


def _band(notice: Notice, kicker: str, room: Room) -> list[Element]:
    finding, most = notice.finding, room.words
    severity = run(kicker, weight="Bolder", color=COLOURS[finding.severity])
    span = words.duration(ticks(finding.end) - ticks(finding.start))
    told = [*remarks(finding, most), *([REPEATED] if notice.perhaps_told else [])]
    return [
        paragraph(severity, run(f" · score {finding.score} of 100 · {literal(notice.hunt_title, most)}")),
        paragraph(run(literal(finding.title, most), size="Large", weight="Bolder"), spacing="None"),
        paragraph(run(occasion(finding, most)), run(f" ({span})"), spacing="None"),
        *(paragraph(run(each, weight="Bolder"), spacing="Small") for each in told),
    ]


def _news(notice: Notice, room: Room) -> Iterator[str]:
    """What an earlier card does not say. A withdrawal, or what took it in, stands in the band."""
    finding, earlier = notice.finding, notice.earlier
    if not finding.stands:
        return
    yield f"It rests on {words.count(len(finding.commands), 'command')} now."
    if earlier and earlier.severity and earlier.severity != finding.severity:
        yield f"Its severity is {finding.severity} now; it was {earlier.severity}."
    if finding.aliases:
        named = ", ".join(literal(each, room.words) for each in finding.aliases[: room.names])
        yield f"It takes in what was told before as {named}{_more(len(finding.aliases), room.names, 'finding')}."


def _reasons(finding: Finding, room: Room) -> list[Element]:
    shown = finding.reasons[: room.reasons]
    listed = [paragraph(run(f"• {literal(each, room.words)}"), spacing="None") for each in shown]
    if rest := _more(len(finding.reasons), len(shown), "reason"):
        listed.append(paragraph(subtle(rest), spacing="None"))
    return [heading("Why it is odd"), *listed] if listed else []


def _facts(finding: Finding, tactic: str, room: Room) -> list[Element]:
    actor, most = finding.actor, room.words
    chain = [literal(words.image(each), most) for each in finding.chain[-room.names :]]
    if len(finding.chain) > room.names:
        chain = ["…", *chain]
    actor_words = [paragraph(code(literal(words.path(actor) or words.image(actor), most)))]
    if actor.command_line and not words.begins_with_path(actor):
        actor_words.append(paragraph(code(literal(actor.command_line, most))))
    if known := words.origin(actor):
        actor_words.append(paragraph(subtle(literal(known, most))))
    techniques = ", ".join(literal(each, most) for each in finding.techniques[: 2 * room.names])
    techniques += _more(len(finding.techniques), 2 * room.names, "technique")
    sid = subtle(f"  {literal(finding.account.sid, most)}")
    again = f"{finding.recurrences:,} times, last ended {literal(finding.last_seen[:19].replace('T', ' '), 40)} UTC"
    return [
        heading("Who and where"),
        fact("Device", paragraph(run(literal(words.device(finding), most)))),
        fact("Account", paragraph(run(literal(words.account(finding.account), most)), sid)),
        fact("Actor", *actor_words),
        *([fact("Process chain", paragraph(code(" → ".join(chain))))] if chain else []),
        *([fact("Techniques", paragraph(run(f"{literal(tactic, most)}: {techniques}" if tactic else techniques)))]),
        *([fact("Came again", paragraph(run(again)))] if finding.recurrences else []),
        fact("Finding", paragraph(subtle(literal(finding.fingerprint, most)))),
    ]


def _telling(commands: Sequence[Command], most: int) -> list[Command]:
    """So many commands in order of time: those that hardly anyone but an intruder runs, then the first."""
    ranked = sorted(range(len(commands)), key=lambda place: (not commands[place].heavy, place))
    return [commands[place] for place in sorted(ranked[:most])]


def _timeline(title: str, notice: Notice, shown: Sequence[Command], room: Room) -> list[Element]:
    finding, total = notice.finding, len(notice.finding.commands)
    links = {"the incident": notice.incident, "Advanced Hunting": notice.links.hunting}
    where = next((f"; all are in {place}" for place, url in links.items() if opens(url)), "")
    rest = "" if len(shown) == total else f"  {len(shown)} of {total:,}{where}"
    if any(command.heavy for command in shown):
        rest += "  bold: asked by hardly anyone but intruders and auditors"
    rows = [_launch(each, finding.start, room) for each in shown]
    return [heading(f"{title}, UTC", subtle(rest)), *rows] if shown else []


def _launch(command: Command, start: str, room: Room) -> Element:
    clock = code(literal(words.clock(command.time, beside=start).rpartition(".")[0], 40), isSubtle=True)
    colour = {"color": "Attention", "weight": "Bolder"} if command.heavy else {}
    line = code(literal(command.command_line, room.line), **colour)
    lines = [paragraph(line, subtle(f"   {literal(command.title, room.words)}", size="Small"))]
    if command.decoded:
        lines.append(paragraph(subtle("decoded: ", size="Small"), code(literal(command.decoded, room.line))))
    return row(clock, *lines)


def _context(context: DeviceContext | None, room: Room) -> list[Element]:
    if context is None:
        return [heading("Context unavailable", subtle("  Defender was not asked about the device, or did not answer"))]
    most = room.words
    known = {
        "group": context.group,
        "role": context.role,
        "value": context.asset_value,
        "exposure": context.exposure,
    }
    told = [f"{name} {literal(value, most)}" for name, value in known.items() if value]
    if context.internet_facing is not None:
        told.append("internet-facing" if context.internet_facing else "not internet-facing")
    origin = " ".join(literal(each, most) for each in (context.remote_device, context.remote_address) if each)
    people = ", ".join(literal(each, most) for each in context.logged_on[: room.names])
    people += _more(len(context.logged_on), room.names, "account")
    alerts = [
        paragraph(run(f"{literal(each.severity, 40)}: {literal(each.title, most)}"), subtle(f"  {_minute(each.time)}"))
        for each in context.alerts[: room.names]
    ]
    if len(context.alerts) > room.names:
        alerts.append(paragraph(subtle(_more(len(context.alerts), room.names, "alert").strip())))
    return [
        heading("Context"),
        fact("Device is", paragraph(run(", ".join(told) or "of no known group, role, value or exposure"))),
        fact("Logged on", paragraph(run(people or "nobody that Defender knows of"))),
        *([fact("Remote from", paragraph(run(origin)))] if origin else []),
        fact("Open alerts", *(alerts or [paragraph(run("none"))])),
    ]


def _minute(time: str) -> str:
    return f"{literal(time[:16].replace('T', ' '), 40)} UTC"


def _advice(steps: Sequence[str], room: Room) -> Element:
    listed = [
        paragraph(run(f"{number}. {literal(step, room.words)}"), spacing="Small")
        for number, step in enumerate(steps, 1)
    ]
    return container([heading("What to do"), *listed], id=_ADVICE, isVisible=False)


def _actions(notice: Notice, *, has_advice: bool) -> list[Element]:
    toggle = {"type": "Action.ToggleVisibility", "title": "What to do", "targetElements": [_ADVICE]}
    return [
        *opens(notice.incident, title="Open the incident"),
        *opens(notice.links.hunting, title="Open in Advanced Hunting"),
        *opens(notice.links.device, title="Open the device page"),
        *([toggle] if has_advice else []),
    ]


def _more(total: int, shown: int, noun: str) -> str:
    """` and 3 more reasons`, or nothing."""
    return f" and {words.count(total - shown, f'more {noun}')}" if total > shown else ""
