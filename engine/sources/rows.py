"""From the body of a hunting answer to events: Kusto's types, in the order that steps rely on, batch by batch."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import msgspec

from engine.errors import SourceError
from engine.model.event import Event, ticks, timestamp
from engine.remote import unconfirmed
from engine.sources.interface import BATCH_ROWS, PLACE, Place, place

Reader: TypeAlias = Callable[[Any], Any]
_SURROGATES = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_REPLACEMENT = rb"\ufffd"
_ROW = msgspec.json.Decoder(dict[str, Any])
_WHOLE = re.compile(r"[+-]?\d{1,20}")
_USUAL = re.compile(r"[12]\d{3}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{7}Z", re.ASCII)
_NULL_YEAR = "0001-01-01"


class Answer:
    """What Defender answered: columns, and rows that stay raw JSON until they are asked for.

    A hundred thousand rows as dictionaries are some 400 MB; raw, they are what was sent. `faults` counts, by column,
    values that their type cannot hold, which become null. Raises SourceError where the body is no answer.
    """

    def __init__(self, body: bytearray) -> None:
        parts = {key.casefold(): value for key, value in _parts(body).items()}
        try:
            schema = msgspec.json.decode(parts["schema"], type=list[dict[str, Any]] | None) or []
            self._rows = msgspec.json.decode(parts["results"], type=list[msgspec.Raw] | None) or []
        except (KeyError, msgspec.DecodeError) as error:
            raise SourceError("Defender's answer has no schema and results: it cannot be read.") from error
        self.faults: Counter[str] = Counter()
        self._readers = dict(map(_reader, schema))

    def __len__(self) -> int:
        return len(self._rows)

    def batches(self, *, before: int | None) -> Iterator[list[Event]]:
        """The events that lie before the moment (ticks), ordered, BATCH_ROWS at a time; see Source.rows."""
        places = [self._place(raw) for raw in self._rows]
        order = sorted(
            (index for index, at in enumerate(places) if before is None or at[1] < before), key=places.__getitem__
        )
        del places
        for start in range(0, len(order), BATCH_ROWS):
            yield [self._event(self._rows[index]) for index in order[start : start + BATCH_ROWS]]

    def _place(self, raw: msgspec.Raw) -> Place:
        row = _row(raw)
        readers = {name: self._readers.get(name, _as_is) for name in PLACE if row.get(name) is not None}
        return place({name: _read(reader, row[name])[0] for name, reader in readers.items()})

    def _event(self, raw: msgspec.Raw) -> Event:
        row = _row(raw)
        if not self._readers:
            return {name: value for name, value in row.items() if "@" not in name}
        event: dict[str, Any] = {}
        for name, reader in self._readers.items():
            value = row.get(name)
            if value is not None and not (reader is _text and isinstance(value, str)):  # most are, and are so already
                value, is_read = _read(reader, value)
                if not is_read:
                    self.faults[name] += 1
            event[name] = value
        return event


def _parts(body: bytearray) -> dict[str, msgspec.Raw]:
    try:
        return msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        # Half a surrogate pair is no Unicode text, yet an intruder can put one on a command line. The same length in
        # its place, so that nothing is copied.
        for found in _SURROGATES.finditer(body):
            if found["half"]:
                body[found.start() : found.end()] = _REPLACEMENT
    try:
        return msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError as error:
        raise SourceError(f"Defender's answer is no JSON object: {error}.") from error


def _row(raw: msgspec.Raw) -> dict[str, Any]:
    try:
        return _ROW.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Bytes that are no UTF-8, or a number beyond a float: the standard library reads both.
        read: dict[str, Any] = json.loads(bytes(raw).decode("utf-8", "replace"))
        return read


def _reader(column: Mapping[str, Any]) -> tuple[str, Reader]:
    """A column's name, and what reads its values: whichever case its keys and its type are in."""
    folded = {key.casefold(): value for key, value in column.items()}
    name = str(folded.get("name", ""))
    kind = unconfirmed.kind(str(folded.get("type", "")))
    return name, _stamp if (name, kind) == ("Timestamp", "datetime") else _READERS.get(kind or "", _as_is)


def _read(reader: Reader, value: Any) -> tuple[Any, bool]:
    """The value as its column's type, or null and False where it is none."""
    try:
        return reader(value), True
    except (ValueError, TypeError, OverflowError):
        return None, False


def _as_is(value: Any) -> Any:
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _bool(value: Any) -> bool | None:
    if value in (0, 1):
        return bool(value)
    words = {"true": True, "1": True, "false": False, "0": False, "": None}
    word = str(value).casefold()
    if word not in words:
        raise ValueError("no truth")
    return words[word]


def _long(value: Any) -> int | None:
    if isinstance(value, str):
        if value == "":
            return None
        if not _WHOLE.fullmatch(value):
            raise ValueError("no whole number")
    elif value != int(value):
        raise ValueError("no whole number")
    return int(value)


def _real(value: Any) -> float | None:
    return None if value == "" else float(value)


def _dynamic(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(("{", "[")):
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError:
            return value
    return value


def _moment(value: Any) -> str | None:
    """A datetime with seven digits, so that two columns compare; year 1 is Defender's null."""
    if not isinstance(value, str):
        raise TypeError("no moment")
    if _USUAL.fullmatch(value):
        return value
    return None if value == "" or value.startswith(_NULL_YEAR) else timestamp(ticks(value))


def _stamp(value: Any) -> str | None:
    """The Timestamp in the digits it came in: an alert on the event must name it exactly so."""
    return value if _moment(value) else None


_READERS: Mapping[str, Reader] = MappingProxyType(
    {"string": _text, "bool": _bool, "long": _long, "real": _real, "dynamic": _dynamic, "datetime": _moment}
)
