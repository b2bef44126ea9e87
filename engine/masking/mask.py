"""Reads a line by the grammars, and masks what they say is secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from engine.masking import texts
from engine.masking.grammars import ANY, KEPT, PROGRAMS, PSEXEC, Grammar, Place
from engine.masking.words import DASHES, Word, commands, program

MASK = "***"
_READINGS = 8  # what is masked may have hidden how the rest is read ("cmd" as a token): again, until nothing is found

_OPTION = re.compile(
    rf"(?P<dash>--|[{DASHES}]|/(?![^:=]*+/))?(?:(?P<key>[^:=]{{1,64}}+)(?:(?P<sign>[:=])(?P<value>.)?|\Z))?", re.DOTALL
)
_OPENING = re.compile(r"(?P<escape>\\*+)(?P<quote>[\"'])(?P=quote)*+")
_VARIABLE = re.compile(r"\$[a-z_][\w:.]*", re.IGNORECASE)
_UNKNOWN = Grammar()
_NEXT = Place()
_NO_SECRET = Place()
_Span = tuple[int, int]


def masked(line: str) -> str:
    """The line with `***` for each secret that a known grammar tells, and all else as it was.

    Masking what is masked changes nothing. It takes time in proportion to the line, and never raises. What no grammar
    tells stays whole, secret or not.
    """
    for _ in range(_READINGS):
        once = _masked(line)
        if once == line:
            break
        line = once
    return line


def _masked(line: str) -> str:
    pieces, at = [], 0
    for start, end in _joined(_secrets(line)):
        pieces += [line[at:start], MASK]
        at = end
    return "".join([*pieces, line[at:]])


def _joined(spans: Iterable[_Span]) -> Iterator[_Span]:
    """The spans in order; those that touch are one."""
    last: _Span | None = None
    for start, end in sorted(spans):
        if last and start <= last[1]:
            last = last[0], max(last[1], end)
            continue
        if last:
            yield last
        last = start, end
    if last:
        yield last


def _secrets(line: str) -> Iterator[_Span]:
    for pattern in texts.LINE:
        yield from (_written(line, match) for match in pattern.finditer(line))
    for command in commands(line):
        reader = _Reader(line, command)
        yield from filter(None, map(reader.read, command))
        for word in command:
            if "=" in word.text:
                for pattern in texts.WORD:
                    yield from (_written(line, match) for match in pattern.finditer(line, word.start, word.end))


def _written(line: str, match: re.Match[str]) -> _Span:
    """Where a pattern's secret is, less the backslashes that belong to the quote behind it."""
    start, end = match.span("secret")
    if line[end : end + 1] in {'"', "'"}:
        end = max(start + 1, start + len(line[start:end].rstrip("\\")))
    return start, end


@dataclass(slots=True)
class _Reader:
    """Reads one command from left to right: it knows which program it is in, and which words a secret may be.

    `next` is what the next word is if it is no option, `place` where among the bare words one is, of which `passed`
    have gone by; `bare` counts those of the program.
    """

    line: str
    command: tuple[Word, ...]
    grammar: Grammar = _UNKNOWN
    next: Place | None = None
    place: Place | None = None
    passed: int = 0
    bare: int = 0
    matches: dict[re.Pattern[str], bool] = field(default_factory=dict)

    def read(self, word: Word) -> _Span | None:
        """Where in the word a secret is, given the words before it; None where there is none."""
        option = _OPTION.match(word.text)
        dashed = bool(option and option["dash"])
        follows, self.next = self.next, None
        if follows and (not dashed or (self.grammar.always and follows is not _NO_SECRET)):
            return None if follows is _NO_SECRET else self._value(word, word.start, follows.split)
        if option and (dashed or (option["sign"] and option["key"].lower() in self.grammar.options)):
            return self._option(word, option, dashed=dashed)
        if not self.place:
            self._start(word)
        elif not (self.place.beside and self.place.beside.fullmatch(word.text)):
            return self._placed(word, self.place)
        return None

    def _placed(self, word: Word, place: Place) -> _Span | None:
        self.passed += 1
        if self.passed <= place.before:
            return None
        self.place = None
        return self._value(word, word.start, place.split)

    def _start(self, word: Word) -> None:
        """What a bare word begins: a program, or a place for a secret."""
        self.bare += 1
        grammar = PROGRAMS.get(program(word.text))
        if grammar and (not grammar.only or self._any(grammar.only)):
            self._enter(grammar)
        elif word is self.command[0] and self._is_renamed():
            self._enter(PSEXEC)
        elif self.bare == 1 and word.text.lower() in self.grammar.places:
            self.place, self.passed = self.grammar.places[word.text.lower()], 0
        elif self.grammar.runs and not word.text.startswith(("\\\\", "@")) and not word.text.isdigit():
            self._enter(_UNKNOWN)

    def _enter(self, grammar: Grammar) -> None:
        self.grammar, self.place, self.passed, self.bare = grammar, grammar.places.get(""), 0, 0

    def _any(self, pattern: re.Pattern[str]) -> bool:
        """Whether some word of the command matches; asked of all words but once."""
        if pattern not in self.matches:
            self.matches[pattern] = any(pattern.fullmatch(word.text) for word in self.command)
        return self.matches[pattern]

    def _is_renamed(self) -> bool:
        """`-accepteula` with an account is psexec, whatever it calls itself."""
        said = {word.text.lstrip(f"/{DASHES}").lower() for word in self.command}
        return {"accepteula", "u"} <= said

    def _option(self, word: Word, option: re.Match[str], *, dashed: bool) -> _Span | None:
        grammar = self.grammar
        if dashed and option["dash"] != "--" and (at := self._stuck(word)) is not None:
            return self._value(word, at, grammar.split if grammar.pairs else "")
        key = option["key"] or ""
        if grammar.clustered and dashed and option["dash"] != "--" and key.isalpha():
            key = key[-1]
        name = key if grammar.cased else key.lower()
        known = name in grammar.options or (name in grammar.joined and option["sign"])
        alike = dashed and name not in grammar.joined and ANY.fullmatch(key)
        if name in grammar.pairs or known or alike:
            split = grammar.split if name in grammar.pairs else ""
            if option["value"]:
                return self._value(word, self.line.index(option["sign"], word.start) + 1, split)
            self.next = Place(split=split)
        elif name in grammar.valued and not option["sign"]:
            self.next = _NO_SECRET
        elif f"-{name}" in grammar.places:
            self.place, self.passed = grammar.places[f"-{name}"], 0
        return None

    def _stuck(self, word: Word) -> int | None:
        """Where the secret begins that stands behind its option's letters at once."""
        for name in self.grammar.stuck:
            flags = re.NOFLAG if self.grammar.cased else re.IGNORECASE
            match = re.compile(rf"[\\\"']*[{DASHES}/]{name}(?=.)", flags).match(self.line, word.start, word.end)
            if match and len(word.text) > len(name) + 1:
                return match.end()
        return None

    def _value(self, word: Word, start: int, split: str) -> _Span | None:
        """The secret from `start` to the word's end, without its quotes; None for a prompt, a switch or a variable."""
        whole = _unquoted(self.line, word.start, word.end)
        start, end = _unquoted(self.line, max(start, whole[0]), whole[1])
        text = self.line[start:end]
        kept = text.lower() in (KEPT if self.grammar is _UNKNOWN else self.grammar.kept | {"*"})
        if kept or (word.script and _VARIABLE.fullmatch(text)):
            return None
        if split:
            start = start + text.index(split) + len(split) if split in text else end
        if self.line.count('"', start, end) % 2:  # a quote left over would make one word of the rest of the line
            return word.start, word.end
        return (start, end) if start < end else None


def _unquoted(line: str, start: int, end: int) -> _Span:
    """The span without the quotes around it, where there are any."""
    opening = _OPENING.match(line, start, end)
    if not opening:
        return start, end
    held = line[opening.end() : end]
    inner = held.rstrip(opening["quote"])
    if held == inner and opening["quote"] in inner:
        return start, end
    inner = inner.rstrip("\\") if opening["escape"] else inner
    return opening.end(), opening.end() + len(inner)
