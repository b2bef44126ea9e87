"""The HTML report: one file that asks for nothing, runs nothing, and can be sent, kept and printed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from engine.model.event import ticks
from engine.model.finding import Command, Finding, Process
from engine.model.run import HuntRun
from engine.report import words
from engine.report.timeline import Chart, fleet, lanes
from engine.report.visible import cut, pieces, visible

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

OPEN_FINDINGS = 20
"""So many of the worst findings are shown open and at length; the rest is folded and brief: the page stays light."""

_TECHNIQUE = re.compile(r"T\d{4}(?:\.\d{3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Room:
    """How much of a finding is written down: commands, and characters of a command line."""

    commands: int
    characters: int


AT_LENGTH = Room(commands=200, characters=2_000)
IN_BRIEF = Room(commands=20, characters=300)


@dataclass(frozen=True, slots=True)
class Card:
    """A finding as the page shows it. `number` counts from 1; `left_out` are the commands that found no room."""

    number: int
    finding: Finding
    is_open: bool
    room: Room
    chain: tuple[tuple[Process, bool], ...]
    commands: tuple[Command, ...]
    left_out: int
    chart: Chart


def render(run: HuntRun, findings: Sequence[Finding], *, title: str = "", note: str = "") -> str:
    """The whole page. `title` is the hunt's, or made of its id; `note` stands beneath. No finding can become markup."""
    worst = words.worst_first(findings)
    template = _environment().get_template("report.html.j2")
    return template.render(
        run=run,
        title=title or words.heading(run.hunt),
        note=note,
        cards=[_card(number, finding) for number, finding in enumerate(worst, start=1)],
        fleet=fleet(worst, run.window),
        devices=len({finding.device.id for finding in findings}),
        severities=words.by_severity(findings),
        set_aside=words.set_aside(run),
    )


def _card(number: int, finding: Finding) -> Card:
    room = AT_LENGTH if number <= OPEN_FINDINGS else IN_BRIEF
    shown = finding.commands[: room.commands]
    return Card(
        number=number,
        finding=finding,
        is_open=number <= OPEN_FINDINGS,
        room=room,
        chain=_chain(finding),
        commands=shown,
        left_out=len(finding.commands) - len(shown),
        chart=lanes(shown),
    )


def _chain(finding: Finding) -> tuple[tuple[Process, bool], ...]:
    """The chain, each process with whether it is the actor; an actor that the chain lacks leads it."""
    chain = finding.chain if finding.actor in finding.chain else (finding.actor, *finding.chain)
    return tuple((process, process == finding.actor) for process in chain)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - only a report pays for jinja2

    made = Environment(
        autoescape=True,
        finalize=_finalize,
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters.update(code=_code, short=_short, technique=_technique, ticks=ticks)
    made.globals["words"] = words
    return made


def _finalize(value: object) -> object:
    """What each expression of a template passes on its way out, before it is escaped."""
    from markupsafe import Markup  # noqa: PLC0415 - only a report pays for jinja2

    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _code(text: str, most: int) -> Markup:
    """At most `most` characters of text that others wrote, invisible ones as marked escapes, and what was cut."""
    from markupsafe import Markup  # noqa: PLC0415 - only a report pays for jinja2

    shown, rest = cut(text, most)
    html = Markup().join(
        Markup("<mark>{}</mark>").format(piece.text) if piece.escaped else piece.text for piece in pieces(shown)
    )
    return html + Markup(' <span class="cut">{} more</span>').format(words.count(rest, "character")) if rest else html


def _short(text: str) -> str:
    """The beginning of a command line, for a tooltip."""
    shown, rest = cut(text, 100)
    return f"{shown} ..." if rest else shown


def _technique(identifier: str) -> str:
    """The page of an ATT&CK technique; empty for what is no technique's id."""
    if not _TECHNIQUE.fullmatch(identifier):
        return ""
    return f"https://attack.mitre.org/techniques/{identifier.replace('.', '/')}/"
