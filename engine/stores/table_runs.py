"""Runs in a table of Azure: the latest of a hunt and a tenant stands first, so that a few are few to read."""

from __future__ import annotations

import heapq
from datetime import timedelta
from itertools import islice

import msgspec

from engine.model.run import HuntRun
from engine.stores import lookup
from engine.stores.documents import HEADS, Documents
from engine.stores.entities import contend, safe


class TableRuns:
    """The runs of every tenant. Every method raises StoreError."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._entities = documents.entities

    def record_run(self, run: HuntRun) -> None:
        """See Store."""
        within, row = safe("run", run.hunt, run.tenant), _row(run)
        contend(lambda: self._make_room(run.id, within, row))
        about = {"status": run.status, "kind": run.kind, "end": run.window.end.isoformat()}
        self._documents.write(within, row, msgspec.json.encode(run), about=about)

    def runs(self, hunt: str | None, *, tenant: str | None, limit: int) -> tuple[HuntRun, ...]:
        """See Store."""
        each = (self._entities.between(within, HEADS, limit=limit) for within in self._partitions(hunt, tenant))
        latest = islice(heapq.merge(*each, key=lambda head: str(head["RowKey"])), limit)
        documents = map(self._documents.whole, latest)
        runs = [self._documents.decoded(document, HuntRun) for document in documents if document is not None]
        return tuple(sorted(runs, key=lookup.by_window))

    def _partitions(self, hunt: str | None, tenant: str | None) -> list[str]:
        if hunt is not None and tenant is not None:
            return [safe("run", hunt, tenant)]
        named = "run" if hunt is None else safe("run", hunt)
        found = self._entities.partitions(f"{named}:", f"{named};")
        return [each for each in found if tenant is None or each.endswith(f":{safe(tenant)}")]

    def _make_room(self, run_id: str, within: str, row: str) -> None:
        """Notes where the run is to stand, and removes an earlier try of it that stands elsewhere.

        It goes before the later one comes: so a run never stands in two places, wherever its writer dies.
        """
        noted = safe("run-id", run_id), "run"
        held = self._entities.get(*noted)
        if held and (held["within"], held["row"]) != (within, row):
            self._documents.delete(held["within"], held["row"])
        if held is None or (held["within"], held["row"]) != (within, row):
            self._entities.put(*noted, {"within": within, "row": row}, over=held)


def _row(run: HuntRun) -> str:
    before = lookup.before_the_end(run.window.end) // timedelta(microseconds=1)
    return safe(f"{before:018}", run.id)
