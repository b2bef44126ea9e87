"""Advanced Hunting over files: exports of Defender, a folder of telemetry, a day of samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from typing import Self

from engine.errors import NothingToRead
from engine.model.event import Event
from engine.model.run import Window
from engine.sources.files import READABLE, find, notices, summary
from engine.sources.loading import Progress, extra_columns, load, look, refuse_unusable, remarks
from engine.sources.shelf import Shelf

_MOMENT = timedelta(microseconds=1)


class Local:
    """A Source over NDJSON, JSON, CSV and Parquet files, on which hunts' KQL runs unchanged.

    `paths` are files, folders (read with all below them) or glob patterns. A file belongs to the table that its name
    begins with, or else that its columns fit best. Text is copied into a temporary database that is deleted on
    closing: use it in a `with`. Dates without a zone are UTC. Raises NothingToRead and UnreadableFile.

    `notes` say what a NOTICE.txt beside the files says of them, what was passed over, left out or damaged; `counts` how
    many rows queries see of each table; `oldest` and `newest` are the first and last Timestamp, in microseconds.
    """

    def __init__(self, *, paths: Sequence[str], progress: Progress = lambda _done, _total, _what: None) -> None:
        files, by_name = find(paths)
        holdings, by_content = look(files)
        if not holdings:
            looked = " ".join(summary([*by_name, *by_content])) or "no file there"
            raise NothingToRead(f"{', '.join(paths)}: no telemetry ({looked}); name files in {READABLE}")
        with ExitStack() as opened:
            self._shelf = opened.enter_context(Shelf(extra=extra_columns(holdings)))
            damage = load(self._shelf, holdings, progress)
            self._shelf.seal()
            found = self._shelf.counts()
            refuse_unusable(found)
            seen = [count for count in found if "Timestamp" not in count.faults]
            if not seen:
                raise NothingToRead(f"{', '.join(paths)}: files of telemetry, but not a row in them")
            self._opened = opened.pop_all()
        said = notices([holding.file for holding in holdings])
        self.notes = (*said, *summary([*by_name, *by_content]), *damage, *remarks(found))
        self.counts = dict.fromkeys(self._shelf.types, 0)
        for count in seen:
            self.counts[count.table] += count.rows
        self.oldest = min(count.oldest for count in seen)
        self.newest = max(count.newest for count in seen)

    @property
    def whole(self) -> Window:
        """The shortest window that holds every row."""
        return Window(self.oldest, self.newest + _MOMENT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Deletes the temporary database. Closing twice is harmless."""
        self._opened.close()

    def rows(self, query: str, window: Window | None) -> Iterator[list[Event]]:
        """See Source.rows. `now()` in a query is the end of the window, or the newest event of all."""
        return self._shelf.rows(query, window, now=(window or self.whole).end)
