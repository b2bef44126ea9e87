"""A sink that prints: for `vizsla tick` in a terminal, and for trying a hunt's delivery."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar, TextIO

from engine.model.delivery import Receipt
from engine.model.event import ticks
from engine.model.notice import Call, Digest, Notice
from engine.report import words
from engine.report.visible import visible


class Console:
    """Prints each finding with its commands to `out`, standard output when left out. It keeps nothing."""

    name = "console"
    can_tell: ClassVar[bool] = False
    for_people: ClassVar[bool] = True

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out

    def deliver(self, notice: Notice) -> Receipt:
        """See Sink."""
        self._print(_lines(notice))
        return Receipt(id=notice.key, severity=notice.finding.severity)

    def digest(self, digest: Digest) -> Receipt:
        """See Sink."""
        self._print(iter([digest.why]))
        for notice in digest.notices:
            self._print(_lines(notice))
        return Receipt(id=digest.key, severity=digest.severity)

    def find(self, key: str, since: datetime) -> Receipt | None:  # noqa: ARG002 - what is printed is not kept
        """See Sink. Nobody can tell."""
        return None

    def preview(self, notice: Notice) -> Call:
        """See Sink."""
        return Call(method="PRINT", url="console:", body=list(_lines(notice)))

    def check(self) -> None:
        """See Sink. It is here."""

    def _print(self, lines: Iterator[str]) -> None:
        out = self._out or sys.stdout
        out.writelines(f"{visible(line)}\n" for line in lines)
        out.flush()


def _lines(notice: Notice) -> Iterator[str]:
    finding = notice.finding
    begun = words.moment(ticks(finding.start))
    news = "" if notice.earlier is None else "again: "
    yield f"{news}{finding.severity}, score {finding.score}: {finding.title}"
    who, what = words.account(finding.account), words.count(len(finding.commands), "command")
    yield f"  {who} on {words.device(finding)}, {begun} UTC, {what}, finding {finding.fingerprint}"
    for gone in filter(None, (finding.expected, finding.retracted, finding.absorbed_by)):
        yield f"  {gone}"
    for command in finding.commands:
        yield f"  {words.clock(command.time, beside=finding.start)}  {command.command_line}"
