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
from engine.stores.entities import Entities, Overtaken, contend

AFTER_ROWS = "~"
"""Rows of heads stand before it, those of parts behind it."""
_PROPERTY = 64 << 10
# Ten are 640 KiB, and 854 KiB as they travel in base64: below 1 MiB, whichever of them Azure counts.
_ENTITY = 10 * _PROPERTY
_SHOWN = 200


class Documents:
    """Documents under a partition and a row. Every method raises StoreError."""

    def __init__(self, entities: Entities) -> None:
        self._entities = entities

    def read(self, partition: str, row: str) -> bytes | None:
        """The document, or None."""
        return contend(lambda: self._read(partition, row))

    def whole(self, head: TableEntity) -> bytes | None:
        """The document of a head that was listed."""
        return self.read(head["PartitionKey"], head["RowKey"]) if _parts(head) else unpacked(head)

    def write(self, partition: str, row: str, document: bytes, *, about: Mapping[str, str]) -> None:
        """Writes the document over an earlier one; `about`, cut short, is for people who look into the table."""
        shown = {name: text[:_SHOWN] for name, text in about.items()}
        head = {"PartitionKey": partition, "RowKey": row, **shown, **_named(document)}
        parts = _parts(head)
        for number, part in enumerate(parts):
            self._entities.set(partition, part, packed(document[number * _ENTITY : (number + 1) * _ENTITY]))
        earlier = contend(lambda: self._replace(partition, row, head))
        # A reader that still holds the earlier head finds them gone, and reads the head again. The head that stood
        # there may be this very one: the SDK asks again where an answer was lost.
        for gone in set(_parts(earlier or {})) - set(parts):
            self._entities.delete(partition, gone)

    def _replace(self, partition: str, row: str, values: Mapping[str, Any]) -> TableEntity | None:
        """Puts the head in place of the one that stands there, which it returns."""
        earlier = self._entities.get(partition, row)
        self._entities.put(partition, row, values, over=earlier)
        return earlier

    def _read(self, partition: str, row: str) -> bytes | None:
        """The document as it is now. Raises Overtaken where it was replaced while its parts were read."""
        head = self._entities.get(partition, row)
        if head is None or not _parts(head):
            return unpacked(head) if head else None
        parts = [self._entities.get(partition, part) for part in _parts(head)]
        if all(parts):
            return b"".join(unpacked(part) for part in parts if part)
        now = self._entities.get(partition, row)
        if now and _parts(now) == _parts(head):
            raise StoreError(f"the document {row} of {partition} lacks parts. Delete it from the table: it is no use.")
        raise Overtaken(f"the document {row} of {partition} was replaced each time it was read. Try again.")


def packed(content: bytes) -> dict[str, bytes]:
    """Up to 640 KiB as properties of one entity."""
    return {f"d{at // _PROPERTY}": content[at : at + _PROPERTY] for at in range(0, len(content), _PROPERTY)}


def unpacked(entity: Mapping[str, Any]) -> bytes:
    """What `packed` made properties of."""
    return b"".join(entity[name] for number in range(_ENTITY // _PROPERTY) if (name := f"d{number}") in entity)


def _named(document: bytes) -> dict[str, Any]:
    """A head's properties: the document where it fits, else the name and number of its parts."""
    if len(document) <= _ENTITY:
        return packed(document)
    return {"generation": uuid.uuid4().hex, "parts": -(-len(document) // _ENTITY)}


def _parts(head: Mapping[str, Any]) -> tuple[str, ...]:
    """The rows of the parts that a head names."""
    return tuple(_part(head["RowKey"], head["generation"], number) for number in range(head.get("parts", 0)))


def _part(row: str, generation: str, number: int) -> str:
    return f"{AFTER_ROWS}{row}{AFTER_ROWS}{generation}{AFTER_ROWS}{number}"
