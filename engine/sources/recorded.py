"""Events given as they are, in a hunt's cases: the same query runs over them on the same engine."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Self

import msgspec

from engine.errors import UnreadableFile
from engine.model import tables as known
from engine.model.event import Event
from engine.model.run import Window
from engine.sources.columns import extras
from engine.sources.loading import remarks
from engine.sources.shelf import Shelf

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Recorded:
    """A Source over rows in memory, table -> rows.

    It is strict, for a person wrote them: a name or a value that the table does not take raises UnreadableFile. Names
    that begin with `_` are free.
    """

    notes: tuple[str, ...] = ()

    def __init__(self, *, tables: Mapping[str, Sequence[Event]]) -> None:
        for table, rows in tables.items():
            _refuse_unknown(table, {name for row in rows for name in row})
        with ExitStack() as opened:
            extra = {table: extras(table, {name for row in rows for name in row}) for table, rows in tables.items()}
            self._shelf = opened.enter_context(Shelf(extra=extra))
            for table, rows in tables.items():
                lines = self._shelf.folder / f"{table}.ndjson"
                lines.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
                self._shelf.add_lines(table, lines, table)
            self._shelf.seal()
            found = self._shelf.counts()
            if wrong := [remark for remark in remarks(found) if not remark.endswith("DeviceId")]:
                raise UnreadableFile("; ".join(wrong))
            self._newest = max((count.newest for count in found), default=_EPOCH)
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Deletes the rows. Closing twice is harmless."""
        self._opened.close()

    def rows(self, query: str, window: Window | None) -> Iterator[list[Event]]:
        """See Source.rows. `now()` in a query is the end of the window, or the newest event of all."""
        return self._shelf.rows(query, window, now=window.end if window else self._newest)


def _refuse_unknown(table: str, names: Iterable[str]) -> None:
    if table not in known.names():
        raise UnreadableFile(
            f"no table {table}{_nearest(table, known.names())}; declare its columns in engine/model/tables"
        )
    columns = known.columns(table)
    for name in sorted(names):
        if name not in columns and not name.startswith("_"):
            raise UnreadableFile(f"{table} has no column {name}{_nearest(name, columns)}")


def _nearest(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(names), n=1)
    return f", perhaps {near[0]}" if near else ""
