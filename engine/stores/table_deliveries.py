"""Deliveries in a table of Azure, and the outbox: a ticket for each delivery that waits, and for no other.

A ticket is written before the delivery that names it, and removed after the delivery that no longer does, by whoever
took its place: a waiting delivery's ticket is always there, before a crash, after it, and with two writers at once. One
that is left over leads to a delivery that waits no more, and is passed over.
"""

from __future__ import annotations

import uuid

import msgspec

from engine.model.delivery import Delivery
from engine.stores import lookup
from engine.stores.documents import HEADS, Documents
from engine.stores.entities import safe


class TableDeliveries:
    """The deliveries of every tenant. Every method raises StoreError."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._entities = documents.entities

    def delivery(self, fingerprint: str, sink: str) -> Delivery | None:
        """See Store."""
        return self._read(safe("delivery", fingerprint), safe(sink))

    def undelivered(self, tenant: str, hunt: str) -> tuple[Delivery, ...]:
        """See Store."""
        tickets = self._entities.between(_outbox(tenant, hunt), HEADS)
        places = {(ticket["within"], ticket["row"]) for ticket in tickets}
        found = [delivery for place in places if (delivery := self._read(*place))]
        return tuple(sorted(filter(lookup.waits, found), key=lookup.by_waiting))

    def record_delivery(self, delivery: Delivery) -> None:
        """See Store."""
        within, row = safe("delivery", delivery.fingerprint), safe(delivery.sink)
        outbox = _outbox(delivery.tenant, delivery.hunt)
        ticket = uuid.uuid4().hex if lookup.waits(delivery) else ""
        if ticket:
            self._entities.set(outbox, ticket, {"within": within, "row": row})
        document, about = msgspec.json.encode(delivery), {"state": delivery.state}
        earlier = self._documents.write(within, row, document, about=about, marks={"outbox": outbox, "ticket": ticket})
        # The earlier one may be this very one: the SDK asks again where an answer was lost.
        if earlier and earlier["ticket"] not in {"", ticket}:
            self._entities.delete(earlier["outbox"], earlier["ticket"])

    def _read(self, within: str, row: str) -> Delivery | None:
        document = self._documents.read(within, row)
        return None if document is None else self._documents.decoded(document, Delivery)


def _outbox(tenant: str, hunt: str) -> str:
    return safe("outbox", tenant, hunt)
