"""Findings in a table of Azure: those of a hunt and a device stand in one partition, so that no others are looked at.

What they are asked by stands beside each in its entity, and changes with it in one write. A fingerprint has an entity
of its own that says where its finding is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
from azure.data.tables import TableEntity

from engine.model.event import instant, ticks
from engine.model.finding import SEVERITIES, Finding, by_start, recurrence_key
from engine.stores import lookup
from engine.stores.documents import HEADS, Documents
from engine.stores.entities import safe

_START_OF_TIME = datetime.min.replace(tzinfo=UTC)
_TICKS_BEFORE_1970 = 719_162 * 86_400 * 10_000_000


class TableFindings:
    """The findings of every tenant. Every method raises StoreError."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._entities = documents.entities

    def finding(self, fingerprint: str) -> Finding | None:
        """See Store."""
        entity = self._entities.get(*_whereabouts(fingerprint))
        document = self._documents.read(entity["within"], safe(fingerprint)) if entity else None
        return None if document is None else self._documents.decoded(document, Finding)

    def recurring(self, key: tuple[str, str, str, str]) -> Finding | None:
        """See Store."""
        hunt, device_id, *_ = key
        heads = self._entities.between(_within(hunt, device_id), HEADS, where="key eq @key", key=_hashed(key))
        latest = sorted(heads, key=lambda head: head.metadata["timestamp"] or _START_OF_TIME)[-1:]
        return next((found for found in self._whole(latest) if recurrence_key(found) == key), None)

    def met(self, tenant: str, hunt: str, device_id: str, span: tuple[int, int]) -> tuple[Finding, ...]:
        """See Store."""
        heads = self._entities.between(
            _within(hunt, device_id),
            HEADS,
            where="tenant eq @tenant and stands eq true and first le @end and last ge @begin",
            tenant=safe(tenant),
            begin=_sortable(span[0]),
            end=_sortable(span[1]),
        )
        # A long one is read after its head, and may have become another meanwhile.
        found = (each for each in self._whole(heads) if lookup.meets(each, span))
        return tuple(sorted(found, key=by_start))

    def record_finding(self, finding: Finding) -> None:
        """See Store."""
        whereabouts, row = _whereabouts(finding.fingerprint), safe(finding.fingerprint)
        within = _within(finding.hunt, finding.device.id)
        held = self._entities.get(*whereabouts)
        earlier = held["within"] if held else None
        listed, listed_before = _listed(finding), held.get("listed") if held else None
        self._entities.set(_listing(finding.tenant), listed, _listing_of(finding))
        if (earlier, listed_before) != (within, listed):
            self._entities.set(*whereabouts, {"within": within, "listed": listed})
        about = {"severity": finding.severity, "start": finding.start, "end": finding.end}
        self._documents.write(within, row, msgspec.json.encode(finding), about=about, marks=_marks(finding))
        if earlier and earlier != within:
            self._documents.delete(earlier, row)
        if listed_before and listed_before != listed:
            self._entities.delete(_listing(finding.tenant), listed_before)

    def findings(self, wanted: lookup.Wanted, limit: int) -> tuple[Finding, ...]:
        """The findings that are wanted, the latest first, at most `limit`."""
        first = f"{_listed(wanted.last)};" if wanted.last else "-"
        end = f"{_backwards(instant(wanted.listing.since))};" if wanted.listing.since else "~"
        # Azure's SDK takes words for parameters, so brackets stand apart.
        on_device = " and ( device eq @device or name eq @device )" if wanted.listing.device else ""
        found: list[Finding] = []
        while len(found) < limit:
            asked = limit - len(found)
            entries = self._entities.between(
                _listing(wanted.listing.tenant),
                (first, end),
                where=f"rank ge @rank{on_device}",
                limit=asked,
                rank=str(SEVERITIES.index(wanted.listing.least)),
                device=wanted.listing.device.casefold(),
            )
            each = (self.finding(entry["fingerprint"]) for entry in entries)
            # One whose entry is left over from an earlier form stands elsewhere, or is wanted no more.
            pairs = zip(entries, each, strict=True)
            found += [it for entry, it in pairs if it and _listed(it) == entry["RowKey"] and wanted.has(it)]
            if len(entries) < asked:
                break
            first = f"{entries[-1]['RowKey']};"
        return tuple(found)

    def _whole(self, heads: Iterable[TableEntity]) -> list[Finding]:
        documents = map(self._documents.whole, heads)
        return [self._documents.decoded(document, Finding) for document in documents if document is not None]


def _marks(finding: Finding) -> dict[str, str | bool]:
    """What a finding is asked by. Its key is hashed: what is asked by stands in addresses, and so in logs."""
    first, last = map(_sortable, lookup.span(finding))
    key = _hashed(recurrence_key(finding))
    return {"tenant": safe(finding.tenant), "key": key, "first": first, "last": last, "stands": finding.stands}


def _listing(tenant: str) -> str:
    return safe("listing", tenant)


def _listed(finding: Finding) -> str:
    """The row of a finding's entry in the listing: the latest start sorts first."""
    return f"{_backwards(ticks(finding.start))}:{safe(finding.fingerprint)}"


def _listing_of(finding: Finding) -> dict[str, str]:
    """What findings are listed by."""
    return {
        "fingerprint": finding.fingerprint,
        "rank": str(SEVERITIES.index(finding.severity)),
        "device": finding.device.id.casefold(),
        "name": finding.device.name.casefold(),
    }


def _backwards(ticks: int) -> str:
    """Ticks as text that sorts the other way."""
    return f"{10**19 - 1 - (ticks + _TICKS_BEFORE_1970):019}"


def _whereabouts(fingerprint: str) -> tuple[str, str]:
    return safe("fingerprint", fingerprint), "finding"


def _within(hunt: str, device_id: str) -> str:
    """The partition. A recurrence's key names no tenant, so neither does this."""
    return safe("finding", hunt, device_id)


def _hashed(key: tuple[str, str, str, str]) -> str:
    return hashlib.sha256(msgspec.json.encode(key)).hexdigest()


def _sortable(ticks: int) -> str:
    """Ticks as text that sorts as they do, from the year 1 on."""
    return f"{ticks + _TICKS_BEFORE_1970:019}"
