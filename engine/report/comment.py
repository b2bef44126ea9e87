"""A run's answer as a comment on an incident: HTML for Sentinel, Markdown for all else.

Sentinel shows a small part of HTML and cuts a comment at 30,000 characters (MicrosoftDocs, sentinel: incident
comments); ours is cut before, by meaning: commands first, then findings, with a count of what is left out. What others
wrote is escaped for its medium, and what cannot be seen is made visible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import NamedTuple

from engine.model.event import ticks
from engine.model.finding import Finding
from engine.report import words
from engine.report.visible import cut, visible

MOST_CHARACTERS = 30_000
_ROOMS = ((10, 20, 400), (10, 8, 200), (10, 3, 120), (5, 3, 120), (5, 0, 0), (1, 0, 0), (0, 0, 0))
"""Findings, commands of each, characters of a command line: less and less, until the comment fits."""
_MOST_REASONS = 12
_MARKDOWN = str.maketrans({each: f"\\{each}" for each in r"\`*_{}[]()<>#+-.!|~&@:/=$^"})
_MORE = "There is more than a comment holds: read the report."


class Said(NamedTuple):
    """What is said in words: a `headline`, and `notes` on what else to know."""

    headline: str
    notes: tuple[str, ...] = ()


def html(said: Said, findings: Sequence[Finding]) -> str:
    """The comment in Sentinel's subset of HTML, at most 30,000 characters."""
    return _fitting(said, findings, _html)


def markdown(said: Said, findings: Sequence[Finding]) -> str:
    """The same in Markdown."""
    return _fitting(said, findings, _markdown)


class _Room(NamedTuple):
    findings: int
    commands: int
    characters: int


def _fitting(said: Said, findings: Sequence[Finding], write: Callable[[Said, Sequence[Finding], _Room], str]) -> str:
    worst = words.worst_first(findings)
    texts = (write(said, worst, _Room(*room)) for room in _ROOMS)
    text = ""
    for text in texts:
        if len(text) <= MOST_CHARACTERS:
            return text
    headline, _ = cut(said.headline, MOST_CHARACTERS // 12)
    return write(Said(headline, (_MORE,)), (), _Room(0, 0, 0))


def _html(said: Said, findings: Sequence[Finding], room: _Room) -> str:
    return "".join(
        (
            f"<p><b>{_safe(said.headline)}</b></p>",
            *(f"<p>{_safe(note)}</p>" for note in said.notes),
            *(part for finding in findings[: room.findings] for part in _html_finding(finding, room)),
            *(f"<p>{_safe(left)}</p>" for left in _left_out(findings, room.findings, "finding")),
        )
    )


def _html_finding(finding: Finding, room: _Room) -> Iterator[str]:
    yield f"<p><b>{_safe(_title(finding))}</b><br>{_safe(_who(finding))}</p>"
    yield "<ul>" + "".join(f"<li>{_safe(reason)}</li>" for reason in _reasons(finding)) + "</ul>"
    if room.commands:
        lines = (f"<code>{_safe(line)}</code>" for line in _commands(finding, room))
        yield f"<p>{'<br>'.join(lines)}</p>"


def _markdown(said: Said, findings: Sequence[Finding], room: _Room) -> str:
    return "\n\n".join(
        (
            _bold(said.headline),
            *(_plain(note) for note in said.notes),
            *(part for finding in findings[: room.findings] for part in _markdown_finding(finding, room)),
            *(_plain(left) for left in _left_out(findings, room.findings, "finding")),
        )
    )


def _markdown_finding(finding: Finding, room: _Room) -> Iterator[str]:
    yield f"{_bold(_title(finding))}\n{_plain(_who(finding))}"
    yield "\n".join(f"- {_plain(reason)}" for reason in _reasons(finding))
    if room.commands:
        yield "\n".join(f"- {_plain(line)}" for line in _commands(finding, room))


def _title(finding: Finding) -> str:
    return f"{finding.severity}, score {finding.score}: {finding.title}"


def _who(finding: Finding) -> str:
    """Who, where and when, in a line; and what somebody expected."""
    begun = words.moment(ticks(finding.start))
    lasted = words.duration(ticks(finding.end) - ticks(finding.start))
    who = f"{words.account(finding.account)} on {words.device(finding)}, {begun} UTC, within {lasted}"
    return ". ".join(filter(None, (who, finding.expected)))


def _reasons(finding: Finding) -> Iterator[str]:
    yield from finding.reasons[:_MOST_REASONS]
    yield from _left_out(finding.reasons, _MOST_REASONS, "reason")


def _commands(finding: Finding, room: _Room) -> Iterator[str]:
    for command in finding.commands[: room.commands]:
        line, rest = cut(command.command_line, room.characters)
        more = f" ({words.count(rest, 'character')} more)" if rest else ""
        yield f"{words.clock(command.time, beside=finding.start)}  {line}{more}"
    yield from _left_out(finding.commands, room.commands, "command")


def _left_out(all_of: Sequence[object], shown: int, noun: str) -> Iterator[str]:
    if len(all_of) > shown:
        yield f"{words.count(len(all_of) - shown, f'more {noun}')}"


def _safe(text: str) -> str:
    """For HTML."""
    return escape(visible(text))


def _bold(text: str) -> str:
    plain = _plain(text)
    return f"**{plain}**" if plain else ""


def _plain(text: str) -> str:
    """For Markdown: every character that could mean something there is escaped. A line begins with no blank."""
    return visible(text).strip().translate(_MARKDOWN)
