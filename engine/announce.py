"""What is news of a run's findings, and for which sinks: it waits in the outbox from here on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import msgspec
from croniter import croniter

from engine.model.delivery import Delivery
from engine.model.finding import Finding, at_least
from engine.model.hunt import Hunt, Route
from engine.model.mute import Mute
from engine.outbox import NEVER_TOLD
from engine.sinks.interface import Sink
from engine.stores.interface import Store

_DIGESTS: Mapping[str, str] = MappingProxyType({"hourly": "0 * * * *", "daily": "0 7 * * *"})
"""When digests are due, as a cron line in UTC: they go out with the first run from then on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What is put into the outbox of `store` at `now`. While `observing`, people get a daily digest instead."""

    hunt: Hunt
    tenant: str
    sinks: Mapping[str, Sink]
    store: Store
    now: datetime
    mutes: Sequence[Mute] = ()
    observing: bool = False

    def announce(self, findings: Iterable[Finding]) -> int:
        """Puts into the outbox what each finding's sinks do not know yet. Gives how many findings are kept quiet.

        A recurrence is told to nobody. A sink that was told of a finding hears what becomes of it, however mild it is
        by now. What somebody has muted is kept as such, and told to nobody; so is what waits from earlier runs.
        """
        told = list(findings)
        names = {finding.fingerprint for finding in told}
        held = self.store.undelivered(self.tenant, self.hunt.id) if self.mutes else ()
        waiting = {each.fingerprint for each in held} - names
        waits = [finding for name in sorted(waiting) if (finding := self.store.finding(name))]
        kept: Counter[str] = Counter()
        quiet = sum([self._announce(finding, kept) for finding in (*told, *waits)])
        self._count(kept)
        return quiet

    def _announce(self, finding: Finding, kept: Counter[str]) -> bool:
        """Puts one into the outbox; gives whether it is kept quiet, and counts that where it is news."""
        mute = next((each for each in self.mutes if each.covers(finding, self.now)), None)
        states: set[str] = set()
        for route in self.hunt.definition.deliver:
            if route.sink not in self.sinks:
                continue
            held = self.store.delivery(finding.fingerprint, route.sink)
            delivery = self._delivery(finding, route, held)
            if delivery and mute:
                delivery = _muted(delivery, held, finding, mute)
            if delivery and delivery != held:
                self.store.record_delivery(delivery)
                states.add(f"now {delivery.state}")
            states.update([delivery.state] if delivery else [])
        if mute:
            kept[mute.id] += "now muted" in states
        return "muted" in states

    def _count(self, kept: Counter[str]) -> None:
        """Counts what mutes kept quiet, on those that are still there: one may have been taken back meanwhile."""
        if not any(kept.values()):
            return
        for mute in self.store.mutes(self.tenant):
            if kept[mute.id]:
                counted = msgspec.structs.replace(mute, kept=mute.kept + kept[mute.id], last=self.now)
                self.store.record_mute(counted)

    def _delivery(self, finding: Finding, route: Route, held: Delivery | None) -> Delivery | None:
        """The finding's delivery on a route as it is now; None where there is nothing to say, and never was."""
        told = held is not None and bool(held.form)
        news = not finding.recurs and finding.stands and at_least(finding.severity, route.min_severity)
        if held and (held.state, held.form) == ("sent", finding.form):
            return held
        if held and (held.state, held.telling) == ("dead", finding.form):
            return held  # it was given up
        if held and held.state == "sending" and not told:
            return held  # whether it was told is to be found out first
        if not told and not news:
            return held and msgspec.structs.replace(held, state="dead", reason=held.reason or NEVER_TOLD)
        is_loud = told or finding.severity == "high"
        if self.observing and not is_loud and not self.sinks[route.sink].for_people:
            return held
        period = "" if is_loud else route.digest or ("daily" if self.observing else "")
        waiting = held or self._first(finding, route)
        if waiting.state in {"sent", "dead", "muted"}:
            waiting = msgspec.structs.replace(waiting, state="pending", since=self.now, attempts=0, crashes=0, due=None)
        due = (waiting.due or _end(period, self.now)) if period else None
        return msgspec.structs.replace(waiting, digest=bool(period), due=due)

    def _first(self, finding: Finding, route: Route) -> Delivery:
        return Delivery(
            tenant=finding.tenant,
            hunt=finding.hunt,
            fingerprint=finding.fingerprint,
            sink=route.sink,
            state="pending",
            since=self.now,
        )


def _muted(delivery: Delivery, held: Delivery | None, finding: Finding, mute: Mute) -> Delivery:
    """The delivery kept quiet, where it would be told. That a told finding is one no more is said all the same."""
    if delivery.state not in {"pending", "failed"} or (delivery.form and not finding.stands):
        return delivery
    if held and (held.state, held.telling) == ("muted", finding.form):
        return held
    return msgspec.structs.replace(delivery, state="muted", telling=finding.form, reason=mute.id)


def _end(period: str, now: datetime) -> datetime:
    """When a digest that is open at `now` goes out."""
    end: datetime = croniter(_DIGESTS[period], now).get_next(datetime)
    return end
