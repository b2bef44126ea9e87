"""The outbox: what is still to be told, to whom, and what came of it. One sink's failure repeats that sink alone."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec

from engine import telemetry
from engine.errors import RemoteError, SinkError, Throttled, Unclear
from engine.model.delivery import Delivery, Receipt
from engine.model.finding import SEVERITIES, Finding, Severity, by_worst
from engine.model.hunt import Hunt
from engine.model.notice import Digest, Notice
from engine.sinks.interface import Sink
from engine.stores.interface import Store

GIVEN_UP_AFTER = timedelta(days=1)
NEVER_TOLD = "it no longer stands, and was never told"
Describe: TypeAlias = Callable[[Sequence[Finding]], Mapping[str, Notice]]
"""The findings that go out, as notices by fingerprint: asked once a run, where something goes out."""
_CRASHES, _CRASHES_TOGETHER = 5, 2
"""A finding that so often broke off the run that told it is told no more: it would hold up all the others. One that did
so among others is told alone."""
_LOOKED_BACK = timedelta(hours=1)
"""How far before a finding first waited the far side is searched for it: clocks differ."""
log = logging.getLogger("vizsla")


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A delivery with the finding that it tells of."""

    delivery: Delivery
    finding: Finding

    @property
    def is_first(self) -> bool:
        """Whether the far side has never heard of the finding."""
        return not self.delivery.form


def send(
    hunt: Hunt, tenant: str, *, sinks: Mapping[str, Sink], store: Store, now: datetime, describe: Describe
) -> tuple[str, ...]:
    """Tells the sinks what waits for them, longest waiting first. Gives what went wrong, a sentence a delivery.

    What fails waits for the next time, for a day; a sink that is not set up here keeps its deliveries waiting. Sinks
    that people read come last, so that they can name the incident that another opened.
    """
    found = ((each, store.finding(each.fingerprint)) for each in store.undelivered(tenant, hunt.id))
    waiting = [_Waiting(delivery, finding) for delivery, finding in found if finding and delivery.sink in sinks]
    waiting = [each for each in waiting if each.delivery.due is None or each.delivery.due <= now]
    if not waiting:
        return ()
    notices = describe(list({each.finding.fingerprint: each.finding for each in waiting}.values()))
    return _tell(hunt, waiting, notices, sinks=sinks, store=store, now=now)


def tell_now(
    hunt: Hunt, notices: Mapping[str, Notice], *, apart: str, sinks: Mapping[str, Sink], store: Store, now: datetime
) -> tuple[str, ...]:
    """Tells the sinks of findings that the store does not hold, once each under `apart`: no schedule sees them.

    Gives what went wrong: nobody tries again.
    """
    waiting: list[_Waiting] = []
    for fingerprint, notice in notices.items():
        for name in sinks:
            held = store.delivery(fingerprint, name) or Delivery(
                tenant=notice.finding.tenant,
                hunt=f"{hunt.id}@{apart}",
                fingerprint=fingerprint,
                sink=name,
                state="pending",
                since=now,
            )
            if held.state != "sent":
                store.record_delivery(held)
                waiting.append(_Waiting(held, notice.finding))
    return _tell(hunt, waiting, notices, sinks=sinks, store=store, now=now)


def _tell(
    hunt: Hunt,
    waiting: Sequence[_Waiting],
    notices: Mapping[str, Notice],
    *,
    sinks: Mapping[str, Sink],
    store: Store,
    now: datetime,
) -> tuple[str, ...]:
    notes: list[str] = []
    for name in sorted(sinks, key=lambda each: (sinks[each].for_people, each)):
        mine = [each for each in waiting if each.delivery.sink == name]
        others = [other for other in sinks if not sinks[other].for_people and other != name]
        notes += _Round(sinks[name], store, now, notices, tuple(others)).tell(mine, hunt.definition.storm)
    return tuple(notes)


@dataclass(frozen=True, slots=True)
class _Round:
    """One sink's turn. `notices` are by fingerprint; `others` name the sinks whose incidents it may link."""

    sink: Sink
    store: Store
    now: datetime
    notices: Mapping[str, Notice]
    others: tuple[str, ...]

    def tell(self, waiting: Sequence[_Waiting], storm: int) -> Iterable[str]:
        """Tells all of it, in as few messages as the hunt wants. Stops where the sink has enough."""
        notes: list[str] = []
        try:
            left = [each for each in waiting if self._is_sound(each, notes) and self._is_open(each, notes)]
            for why, together in _together(left, storm):
                self._attempt(together, why, notes)
                left = [each for each in left if each not in together]
            for each in left:
                self._attempt([each], "", notes)
        except Throttled as enough:
            notes.append(f"{self.sink.name} has had enough for now: {enough}")
        return notes

    def _is_sound(self, each: _Waiting, notes: list[str]) -> bool:
        """Whether it may be tried again. A bug in a sink is not caught: it shows in what was never recorded."""
        if each.delivery.crashes < _CRASHES:
            return True
        why = f"the run broke off each of {_CRASHES} times: a bug, whose place the log of those runs has"
        self._give_up(each, msgspec.structs.replace(each.delivery, reason=why), notes)
        return False

    def _is_open(self, each: _Waiting, notes: list[str]) -> bool:
        """Whether something is still to be told, once a crash or a lost answer is cleared up at the far side."""
        delivery = each.delivery
        if delivery.state != "sending" or not self._can_find(each):
            return True
        key = delivery.batch or delivery.fingerprint
        try:
            receipt = self.sink.find(key, delivery.since - _LOOKED_BACK)
        except Throttled:
            raise
        except RemoteError as failure:
            self._record_failure(each, Unclear(str(failure)), notes, delivery.telling, delivery.batch)
            return False
        if receipt:
            self._record_sent(each, delivery.telling, receipt)
        elif not each.finding.stands:
            self.store.record_delivery(msgspec.structs.replace(delivery, state="dead", reason=NEVER_TOLD))
        return receipt is None and each.finding.stands

    def _can_find(self, each: _Waiting) -> bool:
        return self.sink.can_tell and each.is_first

    def _attempt(self, together: Sequence[_Waiting], why: str, notes: list[str]) -> None:
        """One message. Each of its deliveries is `sending` while the far side is asked."""
        batch = _key(together) if why else ""
        for each in together:
            crashes = each.delivery.crashes + 1
            going = msgspec.structs.replace(
                each.delivery, state="sending", telling=each.finding.form, batch=batch, crashes=crashes
            )
            self.store.record_delivery(going)
        notices = [self._notice(each) for each in sorted(together, key=lambda each: by_worst(each.finding))]
        try:
            if why:
                perhaps = any(notice.perhaps_told for notice in notices)
                digest = Digest(key=batch, why=why, notices=tuple(notices), perhaps_told=perhaps)
                receipt = self.sink.digest(digest)
            else:
                receipt = self.sink.deliver(notices[0])
        except (SinkError, RemoteError) as failure:
            for each in together:
                self._record_failure(each, failure, notes, each.finding.form, batch)
            if isinstance(failure, Throttled):
                raise
        else:
            for each in together:
                self._record_sent(each, each.finding.form, receipt)

    def _notice(self, each: _Waiting) -> Notice:
        return msgspec.structs.replace(
            self.notices[each.finding.fingerprint],
            earlier=None if each.is_first else each.delivery.receipt,
            incident=self._incident(each.finding.fingerprint),
            perhaps_told=each.delivery.state == "sending" and not self._can_find(each),
        )

    def _incident(self, fingerprint: str) -> str:
        """The page of the incident that another sink has opened for the finding."""
        held = (self.store.delivery(fingerprint, other) for other in self.others)
        return next((each.receipt.link for each in held if each and each.receipt.incident), "")

    def _record_sent(self, each: _Waiting, form: str, receipt: Receipt) -> None:
        """Told; a finding that has changed since waits. Of a digest each finding keeps its own severity."""
        sent = msgspec.structs.replace(
            each.delivery,
            state="sent" if form == each.finding.form else "pending",
            form=form,
            telling="",
            receipt=msgspec.structs.replace(receipt, severity=_severity(form)),
            reason="",
            crashes=0,
            digest=False,
            due=None,
        )
        self._record(sent)

    def _record_failure(self, each: _Waiting, failure: Exception, notes: list[str], telling: str, batch: str) -> None:
        """Waits for the next run, for a day. Where nobody can say whether it was told, it stays `sending`."""
        name, fingerprint = each.delivery.sink, each.delivery.fingerprint
        unclear = isinstance(failure, Unclear)
        failed = msgspec.structs.replace(
            each.delivery,
            state="sending" if unclear else "failed",
            telling=telling if unclear else "",
            batch=batch if unclear else "",
            attempts=each.delivery.attempts + 1,
            crashes=0,
            reason=str(failure),
        )
        if self.now - (each.delivery.due or each.delivery.since) >= GIVEN_UP_AFTER:
            self._give_up(each, failed, notes)
        else:
            notes.append(f"{name} was not told of {fingerprint}, and will be with the next run: {failure}")
            self._record(failed)

    def _give_up(self, each: _Waiting, failed: Delivery, notes: list[str]) -> None:
        name, fingerprint = each.delivery.sink, each.delivery.fingerprint
        notes.append(f"{name} was not told of {fingerprint}, and will not be: {failed.reason}")
        log.error("delivery dead: sink %s, finding %s", name, fingerprint)
        self._record(msgspec.structs.replace(failed, state="dead", telling=each.finding.form))

    def _record(self, delivery: Delivery) -> None:
        self.store.record_delivery(delivery)
        telemetry.delivery(delivery.hunt, self.sink.name, delivery.state)


def _together(waiting: Sequence[_Waiting], storm: int) -> Iterable[tuple[str, Sequence[_Waiting]]]:
    """What is told as one, and why: what was on its way together before, what waits for a digest, and a storm."""
    batches: dict[str, list[_Waiting]] = {}
    waiting = [each for each in waiting if each.delivery.crashes < _CRASHES_TOGETHER]
    for each in waiting:
        if each.is_first and each.delivery.state == "sending" and each.delivery.batch:
            batches.setdefault(each.delivery.batch, []).append(each)
    left = [each for each in waiting if not any(each in batch for batch in batches.values())]
    yield from ((f"{len(batch):,} findings at once", batch) for batch in batches.values())
    digest = [each for each in left if each.delivery.digest]
    if digest:
        yield f"{len(digest):,} findings since the last digest", digest
    once = [each for each in left if each.is_first and not each.delivery.digest and each.finding.severity != "high"]
    if len(once) > storm:
        yield f"{len(once):,} findings in one run: more than {storm} are told as one", once


def _severity(form: str) -> Severity:
    """The severity that a finding's form begins with."""
    return next(each for each in SEVERITIES if form.startswith(each))


def _key(together: Sequence[_Waiting]) -> str:
    """What the far side knows several findings by."""
    return hashlib.sha256("\0".join(sorted(each.finding.fingerprint for each in together)).encode()).hexdigest()[:32]
