"""What an alert says of a finding, of many, and of what became of one: an analyst reads it at three in the morning.

The first two lines say who did what, where, when, and why it is odd; the commands come next. All that others wrote goes
through `plain_text.safe`, which leaves no line break in it: every line of the text is ours, and so is the last one,
which is how an alert is found again.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from engine.model.event import ticks
from engine.model.finding import SEVERITIES, Command, Finding, Process
from engine.model.notice import DeviceContext, Digest, Links, Notice
from engine.report import words
from engine.sinks.plain_text import safe, units, within

MOST = 5_000
"""How long a description may be."""
MOST_OF_A_COMMENT = 1_000
MOST_OF_A_TITLE = 250
_COMMENT_TITLE, _COMMENT_NOTES = 150, 380
_NAME, _SENTENCE, _COMMAND, _KEY = 100, 200, 300, 64
_NOTES, _REASONS, _CHAIN, _DEVICE = 700, 700, 500, 400
"""How much of a description each of its parts may take, so that the commands always have the rest: 500 at least."""
_LINKS = {"Device page": 200, "Its day in Advanced Hunting": 600}
"""How long a link may be: half of one leads nowhere."""
_OF_LINKS = frozenset(string.ascii_letters + string.digits + "-._~:/?#@!$&'*+,;=%")
_POINTS = re.compile(r" \(\+\d+\)$")
_SHOWN = 4
PERHAPS_TOLD = "This may repeat an earlier message: the answer to it was lost."


def key_line(key: str) -> str:
    """The last line of all that is told of a key."""
    return f"Vizsla key: {safe(key, _KEY)}"


def title(finding: Finding) -> str:
    """The finding's title, which says so where it was expected."""
    expected = f" (expected: {safe(finding.expected, 60)})" if finding.expected else ""
    return safe(finding.title, MOST_OF_A_TITLE - units(expected)) + expected


def description(notice: Notice, *, news: Sequence[str] = ()) -> str:
    """All of it, in at most MOST units; `news` are sentences that stand before the commands."""
    finding = notice.finding
    head = [_who(finding), _odd(finding), *news, *_part(_notes(notice), _NOTES), ""]
    parts = [_part(_reasons(finding), _REASONS), _part(_chain(finding), _CHAIN)]
    parts.append([*_part(_device(notice.context), _DEVICE), *_links(notice.links)])
    after = ["", *(line for part in parts for line in (*part, "")), key_line(notice.key)]
    legend = " (! = hardly anyone but an intruder or an auditor asks this)"
    heavy = any(command.heavy for command in finding.commands)
    head.append(f"Commands, times in UTC{legend if heavy else ''}:")
    room = MOST - units("\n".join([*head, "", *after]))
    timeline = _timeline(finding.commands, beside=finding.start, room=room, rest=_unshown(finding.commands))
    return "\n".join([*head, *timeline, *after])


def summary(digest: Digest, *, devices: int, named: int) -> str:
    """The findings of a digest, a line each, worst first; `named` of its `devices` are entities of the alert."""
    findings = words.worst_first([notice.finding for notice in digest.notices])
    counted = ", ".join(f"{number:,} {severity}" for severity, number in words.by_severity(findings).items() if number)
    first, last = min((each.start for each in findings), key=ticks), max((each.end for each in findings), key=ticks)
    head = [
        f"{counted}, on {words.count(devices, 'device')}, from {_span(first, last)}.",
        f"Told as one: {safe(digest.why, _SENTENCE)}.",
        *([PERHAPS_TOLD] if digest.perhaps_told else []),
        *([f"Only {named:,} of the {devices:,} devices are listed with the alert itself."] if named < devices else []),
        "",
        "Findings, worst first, times in UTC:",
    ]
    after = ["", key_line(digest.key)]

    def rest(left: int) -> str:
        kinds = Counter(each.severity for each in findings[len(findings) - left :])
        more = ", ".join(f"{kinds[severity]:,} {severity}" for severity in reversed(SEVERITIES) if kinds[severity])
        return f"... and {words.count(left, 'more finding')}: {more}"

    room = MOST - units("\n".join([*head, "", *after]))
    lines = (_in_short(each) for each in findings)
    return "\n".join([*head, *within(lines, total=len(findings), most=room, rest=rest), *after])


def comment(notice: Notice) -> str:
    """What has become of a finding that was told before, in at most MOST_OF_A_COMMENT units."""
    finding = notice.finding
    more = [PERHAPS_TOLD] if notice.perhaps_told else []
    head = [
        f"{safe(finding.title, _COMMENT_TITLE)}:",
        *_became(notice),
        *_part([*more, *_also(finding)], _COMMENT_NOTES),
    ]
    after = [key_line(notice.key)]
    if finding.stands:
        head.append("Its last commands, the last one first, times in UTC:")
        room = MOST_OF_A_COMMENT - units("\n".join([*head, "", *after]))
        last = finding.commands[: -_SHOWN - 1 : -1]
        before = len(finding.commands) - len(last)
        head += _timeline(last, beside=finding.start, room=room, rest=lambda left: f"... and {before + left:,} before")
    return "\n".join([*head, *after])


def _became(notice: Notice) -> Iterator[str]:
    finding, earlier = notice.finding, notice.earlier
    if finding.retracted:
        yield f"It no longer stands: {safe(finding.retracted, _SENTENCE)}."
    elif finding.absorbed_by:
        yield f"It is part of another finding now, whose key is {safe(finding.absorbed_by, _KEY)}: follow that one."
    else:
        before = earlier.severity if earlier else ""
        was = f" (last told: {before})" if before not in {"", finding.severity} else ""
        yield f"Its severity is {finding.severity}{was}; its score {finding.score} of 100."
        yield f"It holds {words.count(len(finding.commands), 'command')} by now, from {_span_of(finding)}."


def _also(finding: Finding) -> Iterator[str]:
    """What is to be known besides: that it was expected, that it absorbed others."""
    if finding.expected:
        expected = safe(finding.expected, _SENTENCE)
        yield f"EXPECTED: it falls into a maintenance window or an authorised test: {expected}."
    if finding.aliases:
        keys = _listed(finding.aliases)
        yield f"It now holds what was told apart as {words.count(len(finding.aliases), 'finding')}: {keys}."


def _who(finding: Finding) -> str:
    did = f"launched {words.count(len(finding.commands), 'command')}"
    who, where = safe(words.account(finding.account), _NAME), safe(words.device(finding), _NAME)
    return f"{safe(words.image(finding.actor), _NAME)} {did} as {who} on {where}, from {_span_of(finding)}."


def _odd(finding: Finding) -> str:
    why = "; ".join(safe(_POINTS.sub("", reason), _SENTENCE) for reason in finding.reasons[:2])
    return f"Why it is odd: {why or 'no reason is given'}. Score {finding.score} of 100, severity {finding.severity}."


def _notes(notice: Notice) -> Iterator[str]:
    """What an analyst must know before the commands."""
    finding = notice.finding
    if notice.perhaps_told:
        yield PERHAPS_TOLD
    yield from _also(finding)
    if finding.retracted:
        yield f"It no longer stands: {safe(finding.retracted, _SENTENCE)}."
    if finding.absorbed_by:
        yield f"It is part of another finding now, whose key is {safe(finding.absorbed_by, _KEY)}."
    if finding.recurrences:
        last = f", until {words.moment(ticks(finding.last_seen))} UTC" if finding.last_seen else ""
        yield f"The same came again {words.count(finding.recurrences, 'time')}{last}."


def _timeline(commands: Sequence[Command], *, beside: str, room: int, rest: Callable[[int], str]) -> list[str]:
    """A line for each of the commands, with a second one for what is encoded in it; the rest is counted."""
    lines = (_line(command, beside=beside) for command in commands)
    return within(lines, total=len(commands), most=room, rest=rest)


def _line(command: Command, *, beside: str) -> str:
    mark = "! " if command.heavy else ""
    by = f", by {safe(command.parent, _NAME)}" if command.parent else ""
    what = f"[{safe(command.title or command.intent, _NAME)}{by}]"
    line = f"{words.clock(command.time, beside=beside)} {mark}{safe(command.command_line, _COMMAND)} {what}"
    return f"{line}\n    decoded: {safe(command.decoded, _COMMAND)}" if command.decoded else line


def _unshown(commands: Sequence[Command]) -> Callable[[int], str]:
    def rest(left: int) -> str:
        hidden = commands[len(commands) - left :]
        kinds = Counter(command.title or command.intent for command in hidden).most_common(3)
        often = "; ".join(f"{safe(name, 50)}, {number:,}" for name, number in kinds)
        return f"... and {words.count(left, 'more command')}, most of all: {often}"

    return rest


def _reasons(finding: Finding) -> Iterator[str]:
    if finding.reasons:
        yield "What the score is made of:"
    yield from (f"- {safe(reason, _SENTENCE)}" for reason in finding.reasons)


def _chain(finding: Finding) -> Iterator[str]:
    yield "Process chain, the oldest first, times in UTC:"
    yield from (f"- {_process(process)}" for process in finding.chain or (finding.actor,))


def _process(process: Process) -> str:
    origin = words.origin(process)
    told = f" ({safe(origin, _NAME)})" if origin else ""
    line = "" if not process.command_line else f": {safe(process.command_line, _SENTENCE)}"
    return f"{safe(words.path(process), _SENTENCE) or 'unknown process'}{told}{line}"


def _device(context: DeviceContext | None) -> Iterator[str]:
    if context is None:
        yield "Device: context unavailable."
        return
    facing = {True: "it faces the internet", False: "it does not face the internet", None: ""}[context.internet_facing]
    known = {"group": context.group, "role": context.role, "asset value": context.asset_value}
    known |= {"exposure": context.exposure}
    facts = [f"{name} {safe(value, _KEY)}" for name, value in known.items() if value] + ([facing] if facing else [])
    yield f"Device: {', '.join(facts) or 'Defender knows nothing more of it'}."
    if remote := [safe(each, _KEY) for each in (context.remote_device, context.remote_address) if each]:
        yield f"The commands ran in a remote session from {' '.join(remote)}."
    if context.logged_on:
        yield f"Logged on: {_listed(context.logged_on)}."
    for alert in context.alerts:
        when = words.moment(ticks(alert.time))
        yield f"Open alert, {safe(alert.severity, _KEY)}, {when} UTC: {safe(alert.title, _NAME)}"


def _links(links: Links) -> Iterator[str]:
    """Our own addresses, as they are: an analyst is to click on them."""
    for (name, most), link in zip(_LINKS.items(), (links.device, links.hunting), strict=True):
        if link.startswith("https://") and len(link) <= most and not set(link) - _OF_LINKS:
            yield f"{name}: {link}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(safe(name, _KEY) for name in names[:_SHOWN]) + more


def _part(lines: Iterable[str], most: int) -> list[str]:
    """The lines, or as many as fit into `most` units, and how many do not."""
    written = list(lines)
    return within(written, total=len(written), most=most, rest=lambda left: f"- and {words.count(left, 'line')} more")


def _in_short(finding: Finding) -> str:
    when, who = words.moment(ticks(finding.start)), safe(words.account(finding.account), 60)
    return f"- {finding.severity}, score {finding.score}, {when}: {title(finding)}, as {who}"


def _span_of(finding: Finding) -> str:
    return _span(finding.start, finding.end)


def _span(start: str, end: str) -> str:
    """`2026-11-23 17:12:53 to 17:13:10 UTC (17 s)`."""
    first, last = ticks(start), ticks(end)
    until = words.moment(last).removeprefix(words.moment(first)[:11])
    return f"{words.moment(first)} to {until} UTC ({words.duration(max(last - first, 0))})"
