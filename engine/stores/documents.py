"""Documents of any size in a table whose properties hold 64 KiB each, and whose entities 1 MiB.

A document is one head entity. Up to 640 KiB it lies in the head's own properties. A longer one lies in part entities of
the same partition, under a generation of their own: they are written first, then the head that names them, by its ETag.
So whoever reads a head finds the whole document, before a crash and after it. A writer that dies between the two leaves
parts that no head names: they take up room, and nobody reads them.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from azure.data.tables import TableEntity

from engine.errors import StoreError
from engine.stores.entities import Entities, contend

AFTER_ROWS = "~"
"""Rows of heads stand before it, those of parts behind it."""
_PROPERTY = 64 << 10
# Ten are 640 KiB, and 854 KiB as they travel in base64: below 1 MiB, whichever of them Azure counts.
_ENTITY = 10 * _PROPERTY
_SHOWN = 200
_REREADS = 5


class Documents:
    """Documents under a partition and a row. Every method raises StoreError."""

    def __init__(self, entities: Entities) -> None:
        self._entities = entities

    def read(self, partition: str, row: str) -> bytes | None:
        """The document, or None."""
        head = self._entities.get(partition, row)
        return self.whole(head) if head else None

    def whole(self, head: TableEntity) -> bytes:
        """The document of a head, or the one that took its place since the head was read."""
        partition, row = head["PartitionKey"], head["RowKey"]
        now: TableEntity | None = head
        for _ in range(_REREADS):
            document = self._parts(now) if now else None
            if document is not None:
                return document
            now = self._entities.get(partition, row)
        raise StoreError(f"the document {row} of {partition} lacks parts. Delete it from the table: it is no use.")

    def write(self, partition: str, row: str, document: bytes, *, about: Mapping[str, str]) -> None:
        """Writes the document over an earlier one; `about`, cut short, is for people who look into the table."""
        shown = {name: text[:_SHOWN] for name, text in about.items()}
        parts = [document[at : at + _ENTITY] for at in range(0, len(document), _ENTITY)]
        if len(parts) <= 1:
            values: dict[str, Any] = {**shown, **packed(document)}
        else:
            generation = uuid.uuid4().hex
            for number, part in enumerate(parts):
                self._entities.set(partition, _part(row, generation, number), packed(part))
            values = {**shown, "generation": generation, "parts": len(parts)}
        earlier = contend(lambda: self._replace(partition, row, values))
        # A reader that still holds the earlier head finds them gone, and reads the head again.
        for number in range(earlier["parts"] if earlier and "generation" in earlier else 0):
            self._entities.delete(partition, _part(row, earlier["generation"], number))

    def _replace(self, partition: str, row: str, values: Mapping[str, Any]) -> TableEntity | None:
        """Puts the head in place of the one that stands there, which it returns."""
        earlier = self._entities.get(partition, row)
        self._entities.put(partition, row, values, over=earlier)
        return earlier

    def _parts(self, head: TableEntity) -> bytes | None:
        """What the head holds or names; None where a part is gone."""
        if "generation" not in head:
            return unpacked(head)
        rows = (_part(head["RowKey"], head["generation"], number) for number in range(head["parts"]))
        parts = [self._entities.get(head["PartitionKey"], row) for row in rows]
        return b"".join(unpacked(part) for part in parts if part) if all(parts) else None


def packed(content: bytes) -> dict[str, bytes]:
    """Up to 640 KiB as properties of one entity."""
    return {f"d{at // _PROPERTY}": content[at : at + _PROPERTY] for at in range(0, len(content), _PROPERTY)}


def unpacked(entity: Mapping[str, Any]) -> bytes:
    """What `packed` made properties of."""
    return b"".join(entity[name] for number in range(_ENTITY // _PROPERTY) if (name := f"d{number}") in entity)


def _part(row: str, generation: str, number: int) -> str:
    return f"{AFTER_ROWS}{row}{AFTER_ROWS}{generation}{AFTER_ROWS}{number}"
