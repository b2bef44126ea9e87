"""What a run found, beside what earlier ones told: recorded once, and put into the outbox where it is news."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from engine.announce import News
from engine.growth import Again, Growth
from engine.model.finding import Finding
from engine.model.hunt import Hunt
from engine.record import Request
from engine.recurrence import Key, fold, key
from engine.sinks.interface import Sink
from engine.stores.interface import Store


def remember(
    hunt: Hunt,
    request: Request,
    judged: Sequence[Finding],
    *,
    again: Again,
    sinks: Mapping[str, Sink],
    store: Store,
) -> tuple[tuple[Finding, ...], int]:
    """Records what the run found as what it is to those before it, and puts into the outbox what is news of it.

    Gives the findings, and how many of them somebody keeps quiet.
    """
    growth = Growth(view=request.window, met=partial(store.met, request.tenant, hunt.id), again=again)
    settled = growth.settle(judged)
    settled += tuple(gone for device in request.devices for gone in growth.withdrawn(device, settled))
    held = {finding.fingerprint: store.finding(finding.fingerprint) for finding in settled}
    new = [finding for finding in settled if held[finding.fingerprint] is None]
    folded = fold(new, partial(_first, store))
    findings = {finding.fingerprint: finding for finding in (*settled, *folded)}
    for finding in sorted(findings.values(), key=lambda each: not each.recurs):  # a first after its recurrences
        if held.get(finding.fingerprint) != finding:
            store.record_finding(finding)
    news = News(
        hunt=hunt,
        tenant=request.tenant,
        sinks=sinks,
        store=store,
        now=request.now,
        mutes=store.mutes(request.tenant),
        observing=request.observing,
    )
    return tuple(findings.values()), news.announce(findings.values())


def _first(store: Store, shared: Key) -> Finding | None:
    """The finding that recurs under a key: itself no recurrence, and told as it is."""
    found = store.recurring(shared)
    if found and found.recurs:
        found = store.finding(found.recurs)
    return found if found and found.stands and key(found) == shared else None
