"""Mutes in a table of Azure: those of a tenant stand in one partition, for each run reads them all."""

from __future__ import annotations

import msgspec

from engine.model.mute import Mute
from engine.stores import lookup
from engine.stores.documents import HEADS, Documents
from engine.stores.entities import safe


class TableMutes:
    """The mutes of every tenant. Every method raises StoreError."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def mutes(self, tenant: str) -> tuple[Mute, ...]:
        """See Store."""
        documents = map(self._documents.whole, self._documents.entities.between(_within(tenant), HEADS))
        found = (self._documents.decoded(each, Mute) for each in documents if each is not None)
        return tuple(sorted(found, key=lookup.by_age))

    def record_mute(self, mute: Mute) -> None:
        """See Store."""
        about = {"owner": mute.owner, "until": mute.until.isoformat(), "kept": str(mute.kept)}
        self._documents.write(_within(mute.tenant), safe(mute.id), msgspec.json.encode(mute), about=about)

    def drop_mute(self, tenant: str, mute_id: str) -> None:
        """See Store."""
        self._documents.delete(_within(tenant), safe(mute_id))


def _within(tenant: str) -> str:
    return safe("mute", tenant)
