"""A store that forgets: for runs over files, and for tests."""

from __future__ import annotations

import secrets
import threading
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from engine.model.baseline import Baseline, Day
from engine.model.delivery import Delivery
from engine.model.demand import Demand
from engine.model.finding import Finding, by_start, recurrence_key
from engine.model.mute import Mute
from engine.model.run import HuntRun
from engine.remote.budget import Limit, horizon, next_free
from engine.stores import lookup
from engine.stores.interface import Listing, Mark
from engine.stores.lookup import Claim


class Memory:
    """Everything in dictionaries, gone with the process. Any number of threads may use it."""

    def __init__(self) -> None:
        self._watermarks: dict[tuple[str, str, Mark], datetime] = {}
        self._findings: dict[str, Finding] = {}
        # Findings under their recurrence key and under their device, in the order in which they were recorded.
        self._found: defaultdict[tuple[str, ...], dict[str, Finding]] = defaultdict(dict)
        self._deliveries: dict[tuple[str, str], Delivery] = {}
        self._demands: dict[str, Demand] = {}
        self._secrets: dict[str, bytes] = {}
        self._mutes: dict[tuple[str, str], Mute] = {}
        self._runs: dict[str, HuntRun] = {}
        self._baselines: dict[tuple[str, str], Baseline] = {}
        self._claims: dict[tuple[str, str], Claim] = {}
        self._calls: dict[str, list[datetime]] = {}
        self._alone = threading.Lock()

    def watermark(self, tenant: str, hunt: str, mark: Mark = "window") -> datetime | None:
        """See Store."""
        return self._watermarks.get((tenant, hunt, mark))

    def move_watermark(self, tenant: str, hunt: str, end: datetime, mark: Mark = "window") -> None:
        """See Store."""
        with self._alone:
            self._watermarks[tenant, hunt, mark] = max(end, self._watermarks.get((tenant, hunt, mark), end))

    def finding(self, fingerprint: str) -> Finding | None:
        """See Store."""
        return self._findings.get(fingerprint)

    def recurring(self, key: tuple[str, str, str, str]) -> Finding | None:
        """See Store."""
        with self._alone:
            return next(reversed(self._found.get(key, {}).values()), None)

    def met(self, tenant: str, hunt: str, device_id: str, span: tuple[int, int]) -> tuple[Finding, ...]:
        """See Store."""
        with self._alone:
            there = tuple(self._found.get((tenant, hunt, device_id), {}).values())
        return tuple(sorted((each for each in there if lookup.meets(each, span)), key=by_start))

    def record_finding(self, finding: Finding) -> None:
        """See Store."""
        with self._alone:
            earlier = self._findings.get(finding.fingerprint)
            for place in _places(earlier) if earlier else ():
                del self._found[place][finding.fingerprint]
            for place in _places(finding):
                self._found[place][finding.fingerprint] = finding
            self._findings[finding.fingerprint] = finding

    def delivery(self, fingerprint: str, sink: str) -> Delivery | None:
        """See Store."""
        return self._deliveries.get((fingerprint, sink))

    def record_delivery(self, delivery: Delivery) -> None:
        """See Store."""
        with self._alone:
            self._deliveries[delivery.fingerprint, delivery.sink] = delivery

    def undelivered(self, tenant: str, hunt: str) -> tuple[Delivery, ...]:
        """See Store."""
        with self._alone:
            known = tuple(self._deliveries.values())
        waiting = (each for each in known if (each.tenant, each.hunt) == (tenant, hunt) and lookup.waits(each))
        return tuple(sorted(waiting, key=lookup.by_waiting))

    def mutes(self, tenant: str) -> tuple[Mute, ...]:
        """See Store."""
        with self._alone:
            known = tuple(self._mutes.values())
        return tuple(sorted((mute for mute in known if mute.tenant == tenant), key=lookup.by_age))

    def record_mute(self, mute: Mute) -> None:
        """See Store."""
        with self._alone:
            self._mutes[mute.tenant, mute.id] = mute

    def drop_mute(self, tenant: str, mute_id: str) -> None:
        """See Store."""
        with self._alone:
            self._mutes.pop((tenant, mute_id), None)

    def record_run(self, run: HuntRun) -> None:
        """See Store."""
        with self._alone:
            self._runs[run.id] = run

    def runs(self, hunt: str | None = None, *, tenant: str | None = None, limit: int = 1_000) -> tuple[HuntRun, ...]:
        """See Store."""
        with self._alone:
            known = tuple(self._runs.values())
        wanted = (run for run in known if hunt in (None, run.hunt) and tenant in (None, run.tenant))
        return tuple(sorted(wanted, key=lookup.by_window)[:limit])

    def demand(self, demand_id: str) -> Demand | None:
        """See Store."""
        return self._demands.get(demand_id)

    def record_demand(self, demand: Demand) -> None:
        """See Store."""
        with self._alone:
            self._demands[demand.id] = demand

    def open_demands(self, now: datetime) -> int:
        """See Store."""
        with self._alone:
            return sum(lookup.is_open(each, now) for each in self._demands.values())

    def forget_demands(self, now: datetime) -> None:
        """See Store."""
        with self._alone:
            self._demands = {name: each for name, each in self._demands.items() if each.until > now}

    def findings(self, listing: Listing, *, limit: int = 100) -> tuple[Finding, ...]:
        """See Store."""
        with self._alone:
            known = tuple(self._findings.values())
        wanted = lookup.Wanted(listing, self._findings.get(listing.after))
        return tuple(sorted(filter(wanted.has, known), key=lookup.latest_first)[:limit])

    def secret(self, name: str) -> bytes:
        """See Store."""
        with self._alone:
            return self._secrets.setdefault(name, secrets.token_bytes(lookup.SECRET_BYTES))

    def days(self, tenant: str, hunt: str) -> tuple[Day, ...]:
        """See Store."""
        return self._baselines.get((tenant, hunt), Baseline(hunt)).days

    def record_day(self, tenant: str, hunt: str, day: Day, *, keep: int = 30) -> None:
        """See Store."""
        with self._alone:
            known = self._baselines.get((tenant, hunt), Baseline(hunt))
            self._baselines[tenant, hunt] = known.with_day(day, keep=keep)

    def claim(self, tenant: str, hunt: str, holder: str, *, now: datetime, until: datetime) -> datetime | None:
        """See Store."""
        with self._alone:
            held = self._claims.get((tenant, hunt))
            if held and held.bars(holder, now):
                return held.until
            self._claims[tenant, hunt] = Claim(holder, until)
        return None

    def release(self, tenant: str, hunt: str, holder: str) -> None:
        """See Store."""
        with self._alone:
            held = self._claims.get((tenant, hunt))
            if held and held.holder == holder:
                del self._claims[tenant, hunt]

    def take_call(self, tenant: str, now: datetime, limits: Sequence[Limit]) -> datetime:
        """See Quota."""
        with self._alone:
            recent = [moment for moment in self._calls.get(tenant, []) if moment > horizon(now, limits)]
            free = next_free(recent, now, limits)
            self._calls[tenant] = [*recent, *[now] * (free == now)]
        return free


def _places(finding: Finding) -> tuple[tuple[str, ...], ...]:
    """Where a finding is looked for. Keys of four parts and devices of three are never alike."""
    return recurrence_key(finding), lookup.device(finding)
