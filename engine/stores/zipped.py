"""A day of a baseline as a store keeps it: JSON, zipped. A large tenant's is several MB, most of it repeated text."""

from __future__ import annotations

import gzip
import zlib

import msgspec

from engine.errors import StoreError
from engine.model.baseline import Day

_LEVEL = 6


def zipped(day: Day) -> bytes:
    """The same bytes for the same day."""
    return gzip.compress(msgspec.json.encode(day), compresslevel=_LEVEL, mtime=0)


def unzipped(document: bytes, *, place: str) -> Day:
    """What `zipped` made of a day. Raises StoreError, which names the place it lies in."""
    try:
        return msgspec.json.decode(gzip.decompress(document), type=Day)
    except (OSError, EOFError, zlib.error, msgspec.DecodeError) as error:
        raise StoreError(
            f"{place}: a day of a baseline cannot be read: {error}. Did another Vizsla write it?"
        ) from error
