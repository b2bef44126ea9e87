"""The part of the one contract for every store that is about what is muted."""

from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from engine.model.mute import Mute
from tests.engine.stores.test_contract import HOUR, NOON, SECOND

REPLACE = msgspec.structs.replace


def a_mute(mute_id, **changes):
    given = {"id": mute_id, "tenant": "t", "owner": "anna", "reason": "known", "since": NOON, "until": NOON + HOUR}
    return Mute(**{**given, **changes})


def test_contract_a_mute_is_kept_whole_and_its_latest_form_counts(store):
    assert store.mutes("t") == ()
    store.record_mute(a_mute("m"))
    whole = a_mute(
        "m",
        reason="no \x00 \u202e \U0001f600",
        fingerprint="f",
        hunt="h",
        device="ws01",
        actor="c:\\tools\\tool.exe",
        intents=("who", "where"),
        heavy=("who",),
        kept=3,
        last=NOON + SECOND,
    )
    store.record_mute(whole)
    assert store.mutes("t") == (whole,)


def test_contract_mutes_come_oldest_first_then_by_id_expired_ones_too(store):
    mutes = [a_mute("c", since=NOON - HOUR, until=NOON - SECOND), a_mute("d", since=NOON - SECOND), *map(a_mute, "ab")]
    for each in (mutes[2], mutes[0], mutes[3], mutes[1]):
        store.record_mute(each)
    assert store.mutes("t") == tuple(mutes)


def test_contract_a_mute_that_is_recorded_anew_stands_once_where_its_age_says(store):
    for each in (a_mute("a"), a_mute("b", since=NOON + SECOND), a_mute("a", since=NOON + HOUR, kept=1)):
        store.record_mute(each)
    assert store.mutes("t") == (a_mute("b", since=NOON + SECOND), a_mute("a", since=NOON + HOUR, kept=1))


def test_contract_the_mutes_of_tenants_are_apart(store):
    theirs, ours = a_mute("m", tenant="other:x", owner="berta"), a_mute("m")
    store.record_mute(theirs)
    store.record_mute(ours)
    assert [store.mutes(tenant) for tenant in ("t", "other:x", "other")] == [(ours,), (theirs,), ()]
    store.drop_mute("t", "m")
    assert [store.mutes(tenant) for tenant in ("t", "other:x")] == [(), (theirs,)]


@pytest.mark.parametrize("gone", ["m", "another", "m/ #?\u202e"])
def test_contract_a_mute_that_is_dropped_is_gone_and_one_that_is_gone_is_fine(store, gone):
    kept = [a_mute(each) for each in ("m", "n", "m/ #?\u202e") if each != gone]
    for each in (*kept, a_mute(gone)):
        store.record_mute(each)
    store.drop_mute("t", gone)
    store.drop_mute("t", gone)
    assert store.mutes("t") == tuple(sorted(kept, key=lambda each: each.id))


def test_contract_however_many_record_a_mute_at_once_one_form_of_it_stands(store):
    forms = [a_mute("m", kept=number) for number in range(24)]
    with ThreadPoolExecutor(8) as workers:
        list(workers.map(store.record_mute, forms))
    (left,) = store.mutes("t")
    assert REPLACE(left, kept=0) == a_mute("m")
    assert left in forms
