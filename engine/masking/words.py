"""A line parted into commands, and those into words, as Windows, cmd, PowerShell and sh part them.

A program's own line has words and quotes alone: `&` in it is a letter of a password. Only what a shell reads has
operators. Text in quotes that holds spaces may be a line of its own (`cmd /c "..."`, `/tr "..."`), and is read as one
too, a few levels deep. Each level costs time in proportion to its length: no pattern gives back what it took.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

DEEPEST = 4
"""How many levels of quotes in quotes are read as lines."""

DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
"""What begins an option beside the slash: PowerShell takes a typesetter's dashes too."""

_SHELLS = {"cmd": "cmd", **dict.fromkeys(("powershell", "pwsh", "powershell_ise", "bash", "sh", "wsl"), "script")}
_EXTENSIONS = {"exe", "com", "cmd", "bat", "py"}
_SCRIPT = re.compile(
    r"\$[a-z_{]|\[|(?:add|connect|convertto|enter|get|import|install|invoke|new|register|set|start|test)-[a-z]+$",
    re.IGNORECASE,
)
_OPERATORS = {
    "": r"(?P<to>\d?(?:>>?|<)(?:&\d)?)(?=\s|\Z)|(?P<end>(?:&&?|\|\|?|;)(?=\s|\Z))",
    "cmd": r"(?P<to>\d?(?:>>?|<)(?:&\d)?)|(?P<end>[&|\n]++)",
    "script": r"(?P<to>\d?(?:>>?|<)(?:&\d)?)|(?P<end>[&|;(){}\n]++)",
}
_LETTERS = {"": r"""[^\s"'\\]++""", "cmd": r"""\^.?|[^\s"'\\^&|<>]++""", "script": r"""`.?|[^\s"'\\`&|;<>(){}]++"""}
# A single quote opens only where a value begins, and closes only where it ends: "it's" is a word.
_APOSTROPHES = r"""(?<![^\s=,:(\[{])'(?:[^']++|'')*+'(?=[\s)\]},;"|&]|\Z)|'"""
_QUOTES = {
    False: r"""\\[\\"]?|"(?:[^"\\]++|\\[\\"]?)*+"?""",
    # In quotes, a quote stands with its backslashes or twice, and both are but a quote.
    True: r"""\\++(?!")|\\*+"(?:"(?=[^\s"]))?[^"]*+(?:""?)?""",
}
_SPACES = {"": r"\s*+", "cmd": r"[^\S\n]*+", "script": r"[^\S\n]*+"}
_WORD = {
    (dialect, inner): re.compile(
        rf"{_SPACES[dialect]}(?:{operators}|(?P<word>(?:{_QUOTES[inner]}|{_APOSTROPHES}|"
        rf"{_LETTERS[dialect]})++))",
        re.DOTALL,
    )
    for dialect, operators in _OPERATORS.items()
    for inner in (False, True)
}
_MARKS = re.compile(r"(?:(?<!\\)\\++)?\"|[\^`]")
_OPENING = re.compile(r'\s*+"')


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a line, from `start` to `end`; `text` is what it says without its quotes and escapes."""

    start: int
    end: int
    text: str
    script: bool
    """Whether PowerShell or a Unix shell reads it: then `$name` is a variable."""


@dataclass(frozen=True, slots=True)
class _Level:
    start: int
    end: int
    dialect: str
    depth: int


def commands(line: str) -> Iterator[tuple[Word, ...]]:
    """Every command of the line, then every command of what stands in its quotes."""
    levels = [_Level(0, len(line), "", 0)]
    while levels:
        yield from _commands(line, levels.pop(), levels)


def program(text: str) -> str:
    """The name of the program that a word starts: no folder, no extension, in lower case."""
    name = text.replace("/", "\\").rpartition("\\")[2].lower().lstrip("@&({$!")
    stem, _, extension = name.rpartition(".")
    return stem if stem and extension in _EXTENSIONS else name


def _commands(line: str, level: _Level, levels: list[_Level]) -> Iterator[tuple[Word, ...]]:
    words: list[Word] = []
    aside = False  # the next word is a file that output goes to
    stripped = level.depth > 0
    at = level.start
    while match := _WORD[level.dialect, level.depth > 0].match(line, at, level.end):
        at = match.end()
        if match["to"]:
            aside = "&" not in match["to"]
        elif match["end"]:
            yield tuple(words)
            words, aside = [], False
        elif aside:
            aside = False
        else:
            word = _word(line, match, level.dialect)
            words.append(word)
            dialect = _dialect(word, level.dialect, first=len(words) == 1)
            level = level if dialect == level.dialect else replace(level, dialect=dialect)
            levels.extend(_inner(line, word, level))
            if not stripped and level.dialect == "cmd" and re.fullmatch("/[ckr]", word.text, re.IGNORECASE):
                stripped = True
                at, end = _unquoted(line, at, level.end)
                level = replace(level, end=end)
    yield tuple(words)


def _word(line: str, match: re.Match[str], dialect: str) -> Word:
    start, end = match.span("word")
    text = _MARKS.sub("", line[start:end])
    return Word(start, end, text.strip("'"), dialect == "script")


def _dialect(word: Word, dialect: str, *, first: bool) -> str:
    if first and not dialect and _SCRIPT.match(word.text):
        return "script"
    return _SHELLS.get(program(word.text), dialect)


def _inner(line: str, word: Word, level: _Level) -> Iterator[_Level]:
    """What the word's quotes hold, where it has spaces."""
    raw = line[word.start : word.end]
    opening = re.search("[\"']", raw)
    if opening and level.depth < DEEPEST:
        start, end = opening.end(), raw.rfind(opening[0])
        start, end = word.start + start, word.start + end if end >= start else word.end
        if re.search(r"\s", line[start:end]):
            yield _Level(start, end, level.dialect, level.depth + 1)


def _unquoted(line: str, start: int, end: int) -> tuple[int, int]:
    """Where the line of `cmd /c` starts and ends: of more than two quotes, cmd takes the first and the last away."""
    opening = _OPENING.match(line, start, end)
    if not opening or line.count('"', start, end) <= 2:  # noqa: PLR2004 - cmd's own rule: one pair stays
        return start, end
    last = line.rfind('"', start, end)
    return opening.end(), end if line[last + 1 : end].strip() else last
