"""The store in Azure: one table of a storage account, shared by every worker.

| partition | row | what |
|---|---|---|
| `vizsla` | `schema` | the version of all this |
| `watermark:TENANT` | HUNT | the end of the last window |
| `finding:FINGERPRINT` | `finding` | the finding |
| `recurring:HUNT:DEVICE` | hash of identity and intents | the fingerprint last recorded with them |
| `run:HUNT` | time before the end of time, and id | the run; so the latest stands first |
| `calls:TENANT` | `calls` | when the tenant was asked |
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Self, TypeVar

import msgspec
from azure.core.credentials import TokenCredential

from engine.errors import StoreError
from engine.model.finding import Finding, recurrence_key
from engine.model.run import HuntRun
from engine.remote.budget import Limit, horizon, next_free
from engine.stores.documents import AFTER_ROWS, Documents, packed, unpacked
from engine.stores.entities import Entities, contend, safe

T = TypeVar("T")
_VERSION = 1
_SCHEMA = ("vizsla", "schema")
_START_OF_TIME, _END_OF_TIME = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class Tables:
    """The table `table` of the storage account at `url`, created where it is not there; another version is refused."""

    def __init__(self, url: str, credential: TokenCredential, *, table: str = "vizsla") -> None:
        self._place = f"{url}, table {table}"
        self._entities = Entities(url, credential, table=table)
        self._documents = Documents(self._entities)
        found = self._version()
        if found != _VERSION:
            raise StoreError(
                f"{self._place} has schema version {found}, this Vizsla reads {_VERSION}: use another storage account."
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._entities.close()

    def watermark(self, tenant: str, hunt: str) -> datetime | None:
        """See Store."""
        entity = self._entities.get(*_watermark(tenant, hunt))
        return datetime.fromisoformat(entity["end"]) if entity else None

    def move_watermark(self, tenant: str, hunt: str, end: datetime) -> None:
        """See Store."""
        contend(lambda: self._move(_watermark(tenant, hunt), end))

    def finding(self, fingerprint: str) -> Finding | None:
        """See Store."""
        document = self._documents.read(*_finding(fingerprint))
        return None if document is None else self._decoded(document, Finding)

    def recurring(self, key: tuple[str, str, str, str]) -> Finding | None:
        """See Store."""
        entity = self._entities.get(*_recurring(key))
        found = self.finding(entity["fingerprint"]) if entity else None
        # It may have grown since, and have other intents now.
        return found if found and recurrence_key(found) == key else None

    def record_finding(self, finding: Finding) -> None:
        """See Store."""
        about = {"hunt": finding.hunt, "device": finding.device.id, "severity": finding.severity, "end": finding.end}
        self._documents.write(*_finding(finding.fingerprint), msgspec.json.encode(finding), about=about)
        self._entities.set(*_recurring(recurrence_key(finding)), {"fingerprint": finding.fingerprint})

    def record_run(self, run: HuntRun) -> None:
        """See Store."""
        about = {"status": run.status, "end": run.window.end.isoformat()}
        before = (_END_OF_TIME - run.window.end) // timedelta(microseconds=1)
        row = safe(f"{before:018}", run.id)
        self._documents.write(safe("run", run.hunt), row, msgspec.json.encode(run), about=about)

    def runs(self, hunt: str | None = None) -> tuple[HuntRun, ...]:
        """See Store."""
        partitions = ("run:", "run;") if hunt is None else safe("run", hunt)
        heads = self._entities.between(partitions, ("0", AFTER_ROWS))
        # A run that was tried again over another window stands in two rows: the one written last counts.
        heads.sort(key=lambda head: head.metadata["timestamp"] or _START_OF_TIME)
        latest = {head["RowKey"].partition(":")[2]: head for head in heads}
        documents = map(self._documents.whole, latest.values())
        runs = [self._decoded(document, HuntRun) for document in documents if document is not None]
        return tuple(sorted(runs, key=lambda run: run.window.end, reverse=True))

    def take_call(self, tenant: str, now: datetime, limits: Sequence[Limit]) -> datetime:
        """See Quota."""
        return contend(lambda: self._book(tenant, now, limits))

    def _version(self) -> object:
        """The version that the table says, which is made where it is not there."""
        held = self._entities.get(*_SCHEMA, table_is_new=True)
        if held is None:
            self._entities.create()
            return contend(self._begin)
        return held.get("version")

    def _begin(self) -> object:
        held = self._entities.get(*_SCHEMA)
        if held is None:
            self._entities.put(*_SCHEMA, {"version": _VERSION}, over=None)
            return _VERSION
        return held.get("version")

    def _move(self, place: tuple[str, str], end: datetime) -> None:
        held = self._entities.get(*place)
        if held is None or datetime.fromisoformat(held["end"]) < end:
            self._entities.put(*place, {"end": end.isoformat()}, over=held)

    def _book(self, tenant: str, now: datetime, limits: Sequence[Limit]) -> datetime:
        place = safe("calls", tenant), "calls"
        held = self._entities.get(*place)
        booked = self._decoded(unpacked(held), list[datetime]) if held else []
        recent = [moment for moment in booked if moment > horizon(now, limits)]
        free = next_free(recent, now, limits)
        if free == now:
            self._entities.put(*place, packed(msgspec.json.encode([*recent, now])), over=held)
        return free

    def _decoded(self, document: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(document, type=kind)
        except msgspec.DecodeError as error:
            raise StoreError(f"{self._place}: {error}. Did another Vizsla write it?") from error


def _watermark(tenant: str, hunt: str) -> tuple[str, str]:
    return safe("watermark", tenant), safe(hunt)


def _finding(fingerprint: str) -> tuple[str, str]:
    return safe("finding", fingerprint), "finding"


def _recurring(key: tuple[str, str, str, str]) -> tuple[str, str]:
    """The identity is hashed: a key stands in addresses, and so in logs."""
    hunt, device, *rest = key
    return safe("recurring", hunt, device), hashlib.sha256(msgspec.json.encode(rest)).hexdigest()
