"""Documents of any size in a table whose properties hold 64 KiB each, and whose entities 1 MiB.

A document is one head entity. Up to 640 KiB it lies in the head's own properties. A longer one lies in part entities of
the same partition, under a generation of their own: they are written first, then the head that names them, by its ETag.
So whoever reads a head finds the whole document, before a crash and after it. A writer that dies between the two leaves
parts that no head names: they take up room, and nobody reads them.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec
from azure.data.tables import TableEntity

from engine.errors import StoreError
from engine.stores.entities import Entities, Overtaken, contend

T = TypeVar("T")
_AFTER_ROWS = "~"
HEADS = ("-", _AFTER_ROWS)
"""Rows of heads stand between the two, those of parts behind."""
NO_MARKS: Mapping[str, str | bool] = MappingProxyType({})
_PROPERTY = 64 << 10
# Ten are 640 KiB, and 854 KiB as they travel in base64: below 1 MiB, whichever of them Azure counts.
_ENTITY = 10 * _PROPERTY
_SHOWN = 200


class Documents:
    """Documents under a partition and a row of the table of `entities`. Every method raises StoreError."""

    def __init__(self, entities: Entities) -> None:
        self.entities = entities

    def read(self, partition: str, row: str) -> bytes | None:
        """The document, or None."""
        return contend(lambda: self._read(partition, row))

    def whole(self, head: TableEntity) -> bytes | None:
        """The document of a head that was listed."""
        return self.read(head["PartitionKey"], head["RowKey"]) if _parts(head) else unpacked(head)

    def decoded(self, document: bytes, kind: type[T]) -> T:
        """The JSON document as what it is."""
        try:
            return msgspec.json.decode(document, type=kind)
        except msgspec.DecodeError as error:
            raise StoreError(f"{self.entities.place}: {error}. Did another Vizsla write it?") from error

    def write(
        self,
        partition: str,
        row: str,
        document: bytes,
        *,
        about: Mapping[str, str],
        marks: Mapping[str, str | bool] = NO_MARKS,
    ) -> TableEntity | None:
        """Writes the document over an earlier one, whose head it returns.

        `about`, cut short, is for people who look into the table. A head is asked for by its `marks`.
        """
        shown = {name: text[:_SHOWN] for name, text in about.items()}
        head = {"PartitionKey": partition, "RowKey": row, **shown, **marks, **_named(document)}
        parts = _parts(head)
        for number, part in enumerate(parts):
            self.entities.set(partition, part, packed(document[number * _ENTITY : (number + 1) * _ENTITY]))
        earlier = contend(lambda: self._replace(partition, row, head))
        # A reader that still holds the earlier head finds them gone, and reads the head again. The head that stood
        # there may be this very one: the SDK asks again where an answer was lost.
        for gone in set(_parts(earlier or {})) - set(parts):
            self.entities.delete(partition, gone)
        return earlier

    def delete(self, partition: str, row: str) -> None:
        """Removes the document; one that is gone is fine."""
        gone = contend(lambda: self._remove(partition, row))
        for part in _parts(gone or {}):
            self.entities.delete(partition, part)

    def _replace(self, partition: str, row: str, values: Mapping[str, Any]) -> TableEntity | None:
        """Puts the head in place of the one that stands there, which it returns."""
        earlier = self.entities.get(partition, row)
        self.entities.put(partition, row, values, over=earlier)
        return earlier

    def _remove(self, partition: str, row: str) -> TableEntity | None:
        """Removes the head, which it returns."""
        head = self.entities.get(partition, row)
        if head is not None:
            self.entities.delete(partition, row, over=head)
        return head

    def _read(self, partition: str, row: str) -> bytes | None:
        """The document as it is now. Raises Overtaken where it was replaced while its parts were read."""
        head = self.entities.get(partition, row)
        if head is None or not _parts(head):
            return unpacked(head) if head else None
        parts = [self.entities.get(partition, part) for part in _parts(head)]
        if all(parts):
            return b"".join(unpacked(part) for part in parts if part)
        now = self.entities.get(partition, row)
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
    return f"{_AFTER_ROWS}{row}{_AFTER_ROWS}{generation}{_AFTER_ROWS}{number}"
