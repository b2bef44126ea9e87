"""The process may die at any step of a delivery: each finding is told once, or where nobody can tell, again and so."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import loader, outbox
from engine.announce import News
from engine.errors import Unclear
from engine.model.hunt import Route
from engine.model.notice import Notice
from engine.sinks.memory import Memory as Sink
from engine.stores.memory import Memory as Store
from tests.engine.stores.test_contract import a_finding
from tests.proof import examples

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
PLAIN = loader.load(Path(__file__).parent / "hunts" / "two-questions")
ROUTES = (Route(to="machine", min_severity="informational"), Route(to="people"), Route(to="digest", digest="hourly"))
HUNT = replace(PLAIN, definition=msgspec.structs.replace(PLAIN.definition, deliver=ROUTES, storm=2))


class Killed(BaseException):
    """The process is gone: nobody catches this."""


class Fuse:
    """Counts the steps towards the next blow: the process dies, or where an answer is awaited, none comes."""

    def __init__(self, blows):
        self.blows = list(blows)
        self.steps = 0

    def burn(self, *, awaits=False):
        self.steps += 1
        if self.blows and self.steps >= self.blows[0][0]:
            _, kind = self.blows.pop(0)
            self.steps = 0
            raise Unclear("no answer") if awaits and kind == "silence" else Killed


class Dying(Store):
    """Each record is a step, with a death before it or after it."""

    def __init__(self, fuse):
        super().__init__()
        self.fuse = fuse

    def record_delivery(self, delivery):
        self.fuse.burn()
        super().record_delivery(delivery)
        self.fuse.burn()


class Far(Sink):
    """Each telling is a step. `told` counts what arrived: (fingerprint, severity)."""

    def __init__(self, fuse, *, can_tell):
        super().__init__()
        self.fuse, self.can_tell, self.for_people = fuse, can_tell, not can_tell
        self.told, self.marked = Counter(), Counter()

    def deliver(self, notice):
        self.fuse.burn(awaits=True)
        self._take(notice)
        receipt = super().deliver(notice)
        self.fuse.burn(awaits=True)
        return receipt

    def find(self, key, since):
        self.fuse.burn(awaits=True)
        return super().find(key, since)

    def digest(self, digest):
        self.fuse.burn(awaits=True)
        for notice in digest.notices:
            self._take(notice, marked=digest.perhaps_told)
        receipt = super().digest(digest)
        self.fuse.burn(awaits=True)
        return receipt

    def _take(self, notice, *, marked=False):
        place = notice.key, notice.finding.severity
        self.told[place] += 1
        self.marked[place] += marked or notice.perhaps_told


def described(findings):
    return {each.fingerprint: Notice(key=each.fingerprint, finding=each, hunt_title="t") for each in findings}


blows = st.tuples(st.integers(1, 40), st.sampled_from(["death", "silence"]))
severities = st.sampled_from(["low", "medium", "high"])


@pytest.mark.property
@settings(max_examples=examples(quick=200, full=2_000), deadline=None)
@given(
    first=st.lists(severities, min_size=1, max_size=5),
    deaths=st.lists(blows, max_size=4),
    grows=st.booleans(),
)
def test_wherever_the_process_dies_each_finding_is_told_once(first, deaths, grows):
    fuse = Fuse(deaths)
    store = Dying(fuse)
    sinks = {
        "machine": Far(fuse, can_tell=True),
        "people": Far(fuse, can_tell=False),
        "digest": Far(fuse, can_tell=False),
    }
    found = [a_finding(f"f{place}", tenant="t", hunt=HUNT.id, severity=each) for place, each in enumerate(first)]
    now = NOON
    forms = [found]
    if grows:
        forms.append([msgspec.structs.replace(found[0], severity="high"), *found[1:]])
    for form in forms:
        for finding in form:
            store.record_finding(finding)
        for _ in range(2 * len(deaths) + 3):
            now += timedelta(hours=1)
            try:
                News(hunt=HUNT, tenant="t", sinks=sinks, store=store, now=now).announce(form)
                outbox.send(HUNT, "t", sinks=sinks, store=store, now=now, describe=described)
            except Killed:
                continue
    assert store.undelivered("t", HUNT.id) == ()
    for name, sink in sinks.items():
        for form in forms:
            for finding in form:
                place = finding.fingerprint, finding.severity
                again = 0 if sink.can_tell and not grows else len(deaths)
                assert 1 <= sink.told[place] <= 1 + again, (name, place)
                assert sink.told[place] - sink.marked[place] <= 1, (name, place)
