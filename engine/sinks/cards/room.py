"""How much fits on a card: Teams' flow fails on 28 KB after it has said yes, so a card is smaller, always."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from engine.sinks.cards.parts import Element

LIMIT = 24_000
"""Bytes of the whole message, as UTF-8."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a card may hold at the most: so many of each, and so many characters of a command `line` or other words."""

    commands: int
    line: int
    reasons: int
    words: int
    names: int
    findings: int


ROOMS = (
    Room(commands=20, line=400, reasons=10, words=300, names=8, findings=30),
    Room(commands=20, line=200, reasons=8, words=200, names=6, findings=25),
    Room(commands=15, line=140, reasons=6, words=140, names=5, findings=20),
    Room(commands=12, line=100, reasons=5, words=100, names=4, findings=15),
    Room(commands=8, line=80, reasons=4, words=80, names=3, findings=12),
    Room(commands=5, line=60, reasons=3, words=50, names=2, findings=10),
    Room(commands=3, line=40, reasons=2, words=32, names=1, findings=5),
)
"""From the most to the least; the last one fits whatever the text is, for each character takes four bytes or fewer."""


def fitting(draw: Callable[[Room], Element]) -> Element:
    """The fullest message that `draw` gives and that is under LIMIT."""
    message: Element = {}
    for room in ROOMS:
        message = draw(room)
        if len(msgspec.json.encode(message)) < LIMIT:
            break
    return message
