"""Findings as rows of a table in a Log Analytics workspace, through the Logs Ingestion API and a data collection rule.

Microsoft's own client, azure-monitor-ingestion 1.1.0, is not used. It repeats a request that was answered with 500 or
504, which may have been carried out, so that nobody can mark the rows; it counts neither brackets nor commas into its
chunks of 1 MB, and fails in the midst of several without a word of those that were taken; its errors name no role. What
it would save is one POST.

The body is not compressed: the service counts it unpacked, and findings are few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import quote

import msgspec

from engine.errors import Refused, RemoteError, SinkError, Unclear
from engine.model.delivery import Receipt
from engine.model.notice import Call, Digest, Notice
from engine.remote.session import Session
from engine.sinks.log_row import row

PERMISSION = "Monitoring Metrics Publisher"
MOST_BYTES = 1_000_000
"""Of a request. The service refuses more than 1 MB, which it counts as 1,048,576."""
_NOT_FOUND = 404
_HEADERS = {"Content-Type": "application/json"}


def _utc_now() -> datetime:
    return datetime.now(UTC)


class LogAnalytics:
    """Writes a row for every form of a finding; nothing is ever changed or taken back.

    `rule` is the data collection rule's immutable id, `stream` its stream. Whether a row arrived cannot be asked for:
    to query the workspace is another right. So a row whose answer was lost is written again, marked as `Repeated`, and
    both have the same `Telling`; the rules in `infra/detections` make one alert of them.
    """

    name = "log_analytics"
    can_tell: ClassVar[bool] = False
    for_people: ClassVar[bool] = False

    def __init__(self, *, session: Session, rule: str, stream: str, now: Callable[[], datetime] = _utc_now) -> None:
        self._session = session
        self._path = (
            f"/dataCollectionRules/{quote(rule, safe='')}/streams/{quote(stream, safe='')}?api-version=2023-01-01"
        )
        self._now = now

    def deliver(self, notice: Notice) -> Receipt:
        """See Sink."""
        self._write([notice])
        return Receipt(id=notice.key, severity=notice.finding.severity)

    def digest(self, digest: Digest) -> Receipt:
        """See Sink. Raises Unclear where some of the rows were taken, and the rest was not."""
        told = [msgspec.structs.replace(each, perhaps_told=True) for each in digest.notices]
        self._write(told if digest.perhaps_told else digest.notices)
        return Receipt(id=digest.key, severity=digest.severity)

    def find(self, key: str, since: datetime) -> Receipt | None:  # noqa: ARG002 - see the class
        """See Sink. Nobody can tell."""
        return None

    def preview(self, notice: Notice) -> Call:
        """See Sink. TimeGenerated is null: it is when the row is sent."""
        return Call(method="POST", url=self._path, body=[msgspec.to_builtins(row(notice, None))])

    def check(self) -> None:
        """See Sink. Whether who signs in has the role on the rule, a row alone would tell."""
        self._session.sign_in()
        self._session.reach()

    def _write(self, notices: Sequence[Notice]) -> None:
        at = self._now()
        written = 0
        for batch in batches(msgspec.json.encode(row(each, at)) for each in notices):
            try:
                self._post(b"[" + b",".join(batch) + b"]")
            except (RemoteError, SinkError) as failure:
                if not written:
                    raise
                # The rows that were taken will be told again with the rest, and must then be marked.
                raise Unclear(f"{written} of {len(notices)} rows were taken, then: {failure}") from failure
            written += len(batch)

    def _post(self, body: bytes) -> None:
        """Raises SinkError, RemoteError; Unclear where the answer is none of Azure Monitor's, which has no body."""
        try:
            answer = self._session.tell("POST", self._path, body, permission=PERMISSION, headers=_HEADERS)
        except Refused as refusal:
            if refusal.status != _NOT_FOUND:
                raise
            cure = "Look at the data collection rule's immutable id, at its stream, and whether the endpoint is its own"
            raise SinkError(f"{refusal}. {cure}.") from refusal
        if answer.strip():
            raise Unclear(f"Azure Monitor answers with {len(answer):,} bytes where it has nothing to say: a proxy?")


def batches(rows: Iterable[bytes], most: int = MOST_BYTES) -> Iterator[list[bytes]]:
    """The rows in their order, as many together as a JSON array of at most `most` bytes holds."""
    batch: list[bytes] = []
    size = 1
    for each in rows:
        if batch and size + len(each) + 1 > most:
            yield batch
            batch, size = [], 1
        batch.append(each)
        size += len(each) + 1
    if batch:
        yield batch
