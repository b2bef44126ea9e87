"""The outbox: what is still to be told, to whom, and what came of it. One sink's failure repeats that sink alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from engine.errors import SinkError, Throttled
from engine.model.delivery import Delivery
from engine.model.finding import Finding, at_least
from engine.model.hunt import Hunt
from engine.sinks.interface import Sink
from engine.stores.interface import Store

GIVEN_UP_AFTER = timedelta(days=1)


def announce(hunt: Hunt, findings: Iterable[Finding], *, store: Store, now: datetime) -> None:
    """Puts into the outbox what each finding's sinks do not know yet. A recurrence is told to nobody.

    A sink that was told of a finding hears what becomes of it, however mild it is by now.
    """
    for finding in findings:
        for rule in hunt.definition.deliver:
            held = store.delivery(finding.fingerprint, rule.to)
            told = held is not None and bool(held.form)
            news = not finding.recurs and finding.stands and at_least(finding.severity, rule.min_severity)
            if held and held.form == finding.form and held.state == "sent":
                continue
            if told or news:
                store.record_delivery(_waiting(finding, rule.to, held, now))
            elif held and held.state != "dead":
                gone = msgspec.structs.replace(held, state="dead", reason="it no longer stands, and was never told")
                store.record_delivery(gone)


def send(hunt: str, tenant: str, *, sinks: Mapping[str, Sink], store: Store, now: datetime) -> tuple[str, ...]:
    """Tells the sinks what waits for them, longest waiting first. Gives what went wrong, a sentence a delivery.

    What fails waits for the next time, for a day; a sink that is not set up here keeps its deliveries waiting.
    """
    notes: list[str] = []
    for waiting in store.undelivered(tenant, hunt):
        finding = store.finding(waiting.fingerprint)
        if waiting.sink in sinks and finding is not None:
            notes.extend(_send(waiting, finding, sinks[waiting.sink], store=store, now=now))
    return tuple(notes)


def _waiting(finding: Finding, sink: str, held: Delivery | None, now: datetime) -> Delivery:
    if held is None:
        return Delivery(
            tenant=finding.tenant,
            hunt=finding.hunt,
            fingerprint=finding.fingerprint,
            sink=sink,
            state="pending",
            since=now,
        )
    fresh = held.state in {"sent", "dead"}
    return msgspec.structs.replace(
        held, state="pending", since=now if fresh else held.since, attempts=0 if fresh else held.attempts
    )


def _send(waiting: Delivery, finding: Finding, sink: Sink, *, store: Store, now: datetime) -> Iterable[str]:
    """One delivery. It is `sending` while the far side is asked."""
    store.record_delivery(msgspec.structs.replace(waiting, state="sending"))
    try:
        receipt = sink.deliver(finding, waiting.receipt if waiting.form else None)
    except (SinkError, Throttled) as failure:
        failed = msgspec.structs.replace(waiting, state="pending", attempts=waiting.attempts + 1, reason=str(failure))
        if now - waiting.since >= GIVEN_UP_AFTER:
            failed = msgspec.structs.replace(failed, state="dead")
            yield f"{sink.name} was not told of {finding.fingerprint} for a day, and will not be: {failure}"
        else:
            yield f"{sink.name} was not told of {finding.fingerprint}, and will be with the next run: {failure}"
        store.record_delivery(failed)
    else:
        sent = msgspec.structs.replace(waiting, state="sent", form=finding.form, receipt=receipt, reason="")
        store.record_delivery(sent)
