"""One table of Azure Table Storage: entities under safe keys, changed only as they were read. Every failure is ours."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar

import tenacity
from azure.core import MatchConditions
from azure.core.credentials import TokenCredential
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import TableClient, TableEntity, UpdateMode

from engine.errors import StoreError

T = TypeVar("T")
ROLE = "Storage Table Data Contributor"
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,120}")
_STRANGE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_REASON = 400
_FORBIDDEN = 403
_PAGE = 1_000
"""More entities Azure gives in no answer."""
_BOUNDS: Mapping[str, Any] = {
    "connection_timeout": 10,
    "read_timeout": 30,
    "retry_total": 4,
    "retry_connect": 2,
    "retry_backoff_factor": 0.5,
    "retry_backoff_max": 10,
}
"""Seconds to wait for an answer, and how often the SDK asks again; its pauses add up to a few seconds."""


class Overtaken(StoreError):
    """Somebody else changed the entity since it was read. It leaves this room only when that happens too often."""


def safe(*parts: str) -> str:
    r"""A partition or row key that tells any two lists of parts apart.

    Azure allows no / \ # ? or control characters, and 1 KiB: what is not plain, or long, is shortened and hashed.
    """
    return ":".join(part if _PLAIN.fullmatch(part) else _hashed(part) for part in parts)


def contend(attempt: Callable[[], T]) -> T:
    """What `attempt` gives, which reads and writes anew each time that it raises Overtaken. Raises it in the end."""
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(Overtaken),
        stop=tenacity.stop_after_attempt(50),
        wait=tenacity.wait_random_exponential(multiplier=0.01, max=1),
        reraise=True,
    )
    return retrying(attempt)


class Entities:
    """The table `table` of the storage account at `url`, for any number of threads. Every method raises StoreError.

    `place` names it in errors.
    """

    def __init__(self, url: str, credential: TokenCredential, *, table: str) -> None:
        self.place = f"{url}, table {table}"
        self._client = TableClient(url, table, credential=credential, **_BOUNDS)

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def create(self) -> None:
        """Creates the table, unless somebody else has meanwhile."""
        try:
            with self._told():
                self._client.create_table()
        except Overtaken:
            return

    def get(self, partition: str, row: str, *, table_is_new: bool = False) -> TableEntity | None:
        """The entity, or None. A table that is not there is an error, unless it may be new."""
        with self._told():
            try:
                return self._client.get_entity(partition, row)
            except ResourceNotFoundError as error:
                if _code(error) == "TableNotFound" and not table_is_new:
                    raise
                return None

    def put(self, partition: str, row: str, values: Mapping[str, Any], *, over: TableEntity | None) -> None:
        """Writes the entity in place of `over`, as it was read; None where there was none. Raises Overtaken."""
        entity = {"PartitionKey": partition, "RowKey": row, **values}
        with self._told():
            if over is None:
                self._client.create_entity(entity)
                return
            self._client.update_entity(
                entity,
                mode=UpdateMode.REPLACE,
                etag=over.metadata["etag"],
                match_condition=MatchConditions.IfNotModified,
            )

    def set(self, partition: str, row: str, values: Mapping[str, Any]) -> None:
        """Writes the entity whatever is there: for what nobody else writes, or where the last word counts."""
        with self._told():
            entity = {"PartitionKey": partition, "RowKey": row, **values}
            self._client.upsert_entity(entity, mode=UpdateMode.REPLACE)

    def between(
        self,
        partition: str,
        rows: tuple[str, str],
        *,
        where: str = "",
        limit: int | None = None,
        only: list[str] | None = None,
        **values: str,
    ) -> list[TableEntity]:
        """Entities of a partition whose rows stand from the first to before the second, in order; at most `limit`.

        `where` narrows them by their properties, in OData whose `@name` are the `values`: text alone, for the SDK
        writes the numbers 0 and 1 as truth values. `only` names the properties to fetch.
        """
        asked = " and ".join(
            ("PartitionKey eq @partition and RowKey ge @row and RowKey lt @before", *filter(None, [where]))
        )
        bounds = {"partition": partition, "row": rows[0], "before": rows[1], **values}
        page = None if limit is None else min(max(limit, 1), _PAGE)
        with self._told():
            found = self._client.query_entities(asked, parameters=bounds, results_per_page=page, select=only)
            return list(islice(found, limit))

    def partitions(self, after: str, before: str) -> list[str]:
        """The partitions between the two, in order: a question for each, however many entities they hold."""
        found: list[str] = []
        while True:
            bounds = {"after": found[-1] if found else after, "before": before}
            with self._told():
                asked = "PartitionKey gt @after and PartitionKey lt @before"
                pages = self._client.query_entities(
                    asked, parameters=bounds, results_per_page=1, select=["PartitionKey"]
                )
                entity = next(iter(pages), None)
            if entity is None:
                return found
            found.append(entity["PartitionKey"])

    def delete(self, partition: str, row: str, *, over: TableEntity | None = None) -> None:
        """Removes the entity; one that is gone is fine. Where it is no longer as `over` was read, raises Overtaken."""
        etag, unchanged = (over.metadata["etag"], MatchConditions.IfNotModified) if over else (None, None)
        with self._told():
            self._client.delete_entity(partition, row, etag=etag, match_condition=unchanged)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turns the SDK's errors into ours."""
        try:
            yield
        except (ResourceExistsError, ResourceModifiedError) as error:
            raise Overtaken(f"{self.place}: others kept changing the same entity. Try again.") from error
        except AzureError as error:
            raise StoreError(f"{self.place}: {_reason(error)}") from error


def _hashed(part: str) -> str:
    readable = _STRANGE.sub("-", part)[:60] or "-"
    return f"{readable}~{hashlib.sha256(part.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def _code(error: AzureError) -> str:
    """Azure's own word for what went wrong, as in AuthorizationPermissionMismatch; empty where it has none."""
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or "")


def _reason(error: AzureError) -> str:
    """What went wrong on one line, bounded, and what to do about it."""
    said = " ".join(error.message.split())[:_LONGEST_REASON]
    if isinstance(error, HttpResponseError) and error.status_code == _FORBIDDEN:
        return (
            f"refused ({said}). Whoever signs in needs the role {ROLE} on the storage account (a new assignment takes "
            f"up to ten minutes), and the account's network rules must let this machine in."
        )
    if isinstance(error, ClientAuthenticationError):
        return f"nobody could sign in ({said}). In Azure, give the app a managed identity; elsewhere, run `az login`."
    if isinstance(error, HttpResponseError):
        return f"the service answers {error.status_code} ({said})."
    return f"no answer ({said}). Is VIZSLA_TABLES_URL the account's table address, and reachable from here?"
