"""Events on disk: the answers to the parts of one question, until they can be merged into one order."""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Self

import msgspec

from engine.model.event import Event
from engine.sources.interface import place

_ROWS = 256
"""Events of one part that are in memory at a time while parts are merged."""


class _Block(NamedTuple):
    """Where a few events stand in the file."""

    start: int
    length: int


class Spool:
    """A nameless temporary file that its owner alone can read, gone with its closing. Use it in a `with`."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="vizsla-")  # noqa: SIM115 - closed by close()
        self._parts: list[list[_Block]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forgets everything. Closing twice is harmless."""
        self._file.close()

    def add(self, batches: Iterable[Sequence[Event]]) -> None:
        """Keeps one part's events, which come in the order of `place`; all of them, or none when they break off."""
        blocks: list[_Block] = []
        for batch in batches:
            for first in range(0, len(batch), _ROWS):
                written = msgspec.json.encode(batch[first : first + _ROWS])
                blocks.append(_Block(self._file.seek(0, 2), len(written)))
                self._file.write(written)
        self._parts.append(blocks)

    def merged(self) -> Iterator[tuple[int, Event]]:
        """Every event with the number of its part, in the order of `place`, parts in the order they were added."""
        tagged = (self._read(number, blocks) for number, blocks in enumerate(self._parts))
        return heapq.merge(*tagged, key=lambda pair: place(pair[1]))

    def _read(self, number: int, blocks: Sequence[_Block]) -> Iterator[tuple[int, Event]]:
        for block in blocks:
            self._file.seek(block.start)
            events: list[dict[str, Any]] = msgspec.json.decode(self._file.read(block.length))
            for event in events:
                yield number, event
