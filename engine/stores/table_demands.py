"""What was asked on demand, in a table of Azure: one partition, for there are few, and they are soon forgotten."""

from __future__ import annotations

from datetime import datetime

import msgspec

from engine.model.demand import Demand
from engine.stores import lookup
from engine.stores.documents import HEADS, Documents
from engine.stores.entities import safe

_WITHIN = "demand"


class TableDemands:
    """The demands of every tenant. Every method raises StoreError."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._entities = documents.entities

    def demand(self, demand_id: str) -> Demand | None:
        """See Store."""
        document = self._documents.read(_WITHIN, safe(demand_id))
        return None if document is None else self._documents.decoded(document, Demand)

    def record_demand(self, demand: Demand) -> None:
        """See Store."""
        about = {"hunt": demand.hunt, "state": demand.state}
        marks: dict[str, str | bool] = {"since": _text(demand.since), "until": _text(demand.until)}
        marks["open"] = demand.state != "done"
        self._documents.write(_WITHIN, safe(demand.id), msgspec.json.encode(demand), about=about, marks=marks)

    def open_demands(self, now: datetime) -> int:
        """See Store."""
        asked = "open eq true and since gt @after"
        after = _text(now - lookup.ANSWERED_WITHIN)
        return len(self._entities.between(_WITHIN, HEADS, where=asked, only=["RowKey"], after=after))

    def forget_demands(self, now: datetime) -> None:
        """See Store."""
        for head in self._entities.between(_WITHIN, HEADS, where="until le @now", only=["RowKey"], now=_text(now)):
            self._documents.delete(_WITHIN, head["RowKey"])


def _text(moment: datetime) -> str:
    """Moments, which are all UTC, as texts that sort as they do."""
    return moment.isoformat(timespec="microseconds")
