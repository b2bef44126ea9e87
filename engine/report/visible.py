r"""Text that an attacker may have written, made safe to read.

A right-to-left override turns `exe.txt` around, an escape sequence repaints a terminal, a blank that is no space parts
two words that a search takes for one. Here all of these become escapes that can be seen, such as `\u202e`. This says
nothing about HTML: the templates escape that on their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, chain, groupby
from typing import NamedTuple

# Python calls these printable, yet a screen shows nothing: fillers, joiners and variation selectors.
_FILLERS = (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0)
_SELECTORS = (range(0x180B, 0x1810), range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
_BLANK = frozenset(map(chr, chain(_FILLERS, *_SELECTORS)))


class Piece(NamedTuple):
    """A stretch of text: either as it was written, or `escaped` because nobody could have seen it."""

    text: str
    escaped: bool


def pieces(text: str) -> Iterator[Piece]:
    """The text in order, its invisible stretches as escapes. A backslash that was written stays as it is."""
    for hidden, characters in groupby(text, _is_hidden):
        stretch = "".join(characters)
        yield Piece(_escape(stretch) if hidden else stretch, hidden)


def visible(text: str) -> str:
    """The same as one string, for places that have no style to tell an escape by. Can always be encoded as UTF-8."""
    return "".join(piece.text for piece in pieces(text))


def cut(text: str, most: int) -> tuple[str, int]:
    """As much of the text as takes `most` characters once it is made visible, and how many are cut off behind that."""
    lengths = accumulate(len(_escape(character)) if _is_hidden(character) else 1 for character in text[:most])
    kept = sum(length <= most for length in lengths)
    return text[:kept], len(text) - kept


def _escape(stretch: str) -> str:
    return stretch.encode("unicode_escape").decode("ascii")


def _is_hidden(character: str) -> bool:
    # isprintable() is false for control, format, surrogate, private and unassigned characters and for every
    # separator but the space.
    return not character.isprintable() or character in _BLANK
