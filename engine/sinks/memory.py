"""A sink that keeps what it is given: for tests and dry runs."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from engine.model.delivery import Receipt
from engine.model.finding import Finding
from engine.model.notice import Call, Digest, Notice


class Memory:
    """Holds the latest notice of each finding, in order of first delivery; `raised` and `updated` count deliveries."""

    name = "memory"
    can_tell: ClassVar[bool] = True
    for_people: ClassVar[bool] = False

    def __init__(self) -> None:
        self.notices: dict[str, Notice] = {}
        self.digests: list[Digest] = []
        self.raised = 0
        self.updated = 0

    def deliver(self, notice: Notice) -> Receipt:
        """See Sink. What the far side calls it is its fingerprint."""
        if notice.earlier is None:
            self.raised += 1
        else:
            self.updated += 1
        self.notices[notice.key] = notice
        return Receipt(id=notice.key, severity=notice.finding.severity)

    def digest(self, digest: Digest) -> Receipt:
        """See Sink."""
        self.digests.append(digest)
        self.raised += len(digest.notices)
        self.notices |= {notice.key: notice for notice in digest.notices}
        return Receipt(id=digest.key, severity=digest.severity)

    def find(self, key: str, since: datetime) -> Receipt | None:  # noqa: ARG002 - it forgets nothing
        """See Sink."""
        if any(digest.key == key for digest in self.digests):
            return Receipt(id=key)
        return Receipt(id=key, severity=self.notices[key].finding.severity) if key in self.notices else None

    def preview(self, notice: Notice) -> Call:
        """See Sink."""
        return Call(method="KEEP", url="memory:", body=notice)

    def check(self) -> None:
        """See Sink. It is here."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was delivered."""
        return tuple(notice.finding for notice in self.notices.values())
