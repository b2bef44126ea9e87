"""How much of a text, or of a list, a column holds: what is left out is counted, and what cannot be seen is shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from engine.report.visible import visible

MOST_BYTES = 32_000
"""Of a field, as it is stored."""
_NAME = 1_000
_NOTE = 40
"""Room for the words that say how much is cut off."""


def shown(text: str, most: int = _NAME, *, keep: str = "") -> str:
    """The text, visible, in at most `most` bytes of UTF-8: what is cut off is counted. `keep` parts lines."""
    if len(text) <= most:
        whole = keep.join(map(visible, text.split(keep))) if keep else visible(text)
        if len(whole.encode()) <= most:
            return whole
    used = 0
    pieces: list[str] = []
    for character in text:
        piece = character if character == keep else visible(character)
        used += len(piece.encode())
        if used > most - _NOTE:
            break
        pieces.append(piece)
    return f"{''.join(pieces)}... ({len(text) - len(pieces):,} more characters)"


def texts(all_of: Sequence[str], *, most: int = MOST_BYTES) -> list[str]:
    """The texts, as many as fit; the last one says how many do not."""
    kept = fitting((shown(each) for each in all_of), most=most - _NOTE)
    left = len(all_of) - len(kept)
    return [*kept, f"... ({left:,} more)"] if left else kept


def fitting(values: Iterable[Any], *, most: int = MOST_BYTES) -> list[Any]:
    """The first of the values, as many as fit into `most` bytes of a JSON array."""
    kept: list[Any] = []
    used = 1
    for value in values:
        used += len(msgspec.json.encode(value)) + 1
        if used > most:
            break
        kept.append(value)
    return kept
