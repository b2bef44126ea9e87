"""The card of several findings at once: how many of each severity, and a line for each, the worst first."""

from __future__ import annotations

from collections.abc import Sequence

from engine.model.finding import by_worst
from engine.model.notice import Digest, Notice
from engine.report import words
from engine.sinks.cards.finding import REPEATED, occasion, remarks
from engine.sinks.cards.parts import (
    COLOURS,
    STYLES,
    Element,
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


def digested(digest: Digest, room: Room) -> Element:
    """The message that tells of several findings, each for the first time."""
    worst = sorted(digest.notices, key=lambda notice: by_worst(notice.finding))
    shown = worst[: room.findings]
    band = [
        paragraph(
            run("DIGEST", weight="Bolder", color=COLOURS[digest.severity]), run(f" · {literal(digest.why, room.words)}")
        ),
        paragraph(run(_counted(worst), size="Large", weight="Bolder"), spacing="None"),
        *([paragraph(run(REPEATED, weight="Bolder"))] if digest.perhaps_told else []),
    ]
    left_out = len(worst) - len(shown)
    rest = [heading(f"{words.count(left_out, 'more finding')} not shown here, none of them worse")] if left_out else []
    return message(STYLES[digest.severity], band, [*(_line(each, room) for each in shown), *rest], [])


def _counted(notices: Sequence[Notice]) -> str:
    """`23 findings on 9 devices: 2 high, 21 low`."""
    findings = [notice.finding for notice in notices]
    devices = len({finding.device.id for finding in findings})
    each = ", ".join(f"{number:,} {severity}" for severity, number in words.by_severity(findings).items() if number)
    return f"{words.count(len(findings), 'finding')} on {words.count(devices, 'device')}: {each}"


def _line(notice: Notice, room: Room) -> Element:
    finding, most = notice.finding, room.words
    told = "".join(f" · {each}" for each in remarks(finding, most))
    title = [run(literal(finding.title, most))]
    for action in opens(notice.incident or notice.links.hunting or notice.links.device):
        title += [run("  "), run("open", selectAction=action)]
    severity = run(finding.severity, weight="Bolder", color=COLOURS[finding.severity])
    return row(
        severity, paragraph(*title), paragraph(subtle(f"score {finding.score} · {occasion(finding, most)}{told}"))
    )
