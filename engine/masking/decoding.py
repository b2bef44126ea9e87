"""What base64 on a command line holds: `-EncodedCommand`, `FromBase64String('...')`, `base64 -d`."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from itertools import pairwise

from engine.masking.mask import masked
from engine.masking.words import DASHES, Word, commands, program

LONGEST = 4_000
"""How many characters of decoded text are shown."""

_ENCODED = re.compile(
    rf"[{DASHES}/](?:ec|{'(?:'.join('encodedcommand')}{')?' * (len('encodedcommand') - 1)})", re.IGNORECASE
)
_LITERAL = re.compile(r"(?:frombase64string|b64decode)\s{0,4}\(\s{0,4}\\{0,3}[\"']([a-z0-9+/=\s]++)", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/]{4,}+={0,2}")
_DECODES = {"-d", "-D", "--decode"}


def decoded(line: str) -> str:
    """The text that base64 on the line holds, masked, at most `LONGEST` characters; '' where it holds no text.

    Several texts stand one below the other. What cannot be printed is shown as U+FFFD. What is decoded is not decoded
    again, nor unpacked.
    """
    found = "\n".join(dict.fromkeys(filter(None, _texts(line))))[:LONGEST]
    return masked(found)[:LONGEST]


def _texts(line: str) -> Iterator[str]:
    words: list[Word] = []
    for command in commands(line):
        words.extend(command)
        for option, value in pairwise(command):
            if _ENCODED.fullmatch(option.text):
                yield _utf16(_bytes(value.text))
    yield from (_text(_bytes(match[1])) for match in _LITERAL.finditer(line))
    if any(program(word.text) == "base64" for word in words) and any(word.text in _DECODES for word in words):
        yield from (_text(_bytes(word.text)) for word in words if _BASE64.fullmatch(word.text))


def _bytes(text: str) -> bytes:
    """The first bytes of base64, as many as are shown; b'' for what is none. Cut or unpadded is read as is."""
    digits = "".join(text[: 4 * LONGEST].split()).rstrip("=")
    digits = digits[: len(digits) - (len(digits) % 4 == 1)]
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)[: 2 * LONGEST]
    except (binascii.Error, ValueError):
        return b""


def _text(held: bytes) -> str:
    return _utf16(held) or _readable(held.decode("utf-8", "replace"), share=0.8)


def _utf16(held: bytes) -> str:
    return _readable(held.decode("utf-16-le", "replace"), share=0.3)


def _readable(text: str, *, share: float) -> str:
    """The text if that share of it is ASCII, as scripts are and chance is not; else ''."""
    plain = sum(character.isascii() and (character.isprintable() or character in "\t\r\n") for character in text)
    if plain < share * len(text):
        return ""
    return "".join(c if c.isprintable() or c in "\t\r\n" else "\ufffd" for c in text)
