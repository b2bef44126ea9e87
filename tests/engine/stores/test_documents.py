"""Documents in a table: sizes, and writers that die, race or do not hear back."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import msgspec
import pytest

from engine.errors import StoreError
from engine.stores.documents import packed
from tests.engine.stores.test_contract import NOON, a_delivery, a_finding

KIB = 1 << 10


def rows(store, partition):
    return [entity["RowKey"] for entity in store._entities.between(partition, ("", "\x7f"))]


def dies(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("size", "letter"),
    [(1, "x"), (64 * KIB, "x"), (640 * KIB, "x"), (641 * KIB, "x"), (641 * KIB, "\U0001f600"), (3_000 * KIB, "x")],
)
def test_a_document_of_any_size_comes_back_whole_and_over_another(opened, size, letter):
    store = opened()
    for finding in (
        a_finding("f", title="before" * 200_000),
        a_finding("f", title=letter * (size // len(letter.encode()))),
    ):
        store.record_finding(finding)
        assert store.finding("f") == finding
    length = len(msgspec.json.encode(finding))
    assert len(rows(store, "finding:h:d")) == 1 + (-(-length // (640 * KIB)) if length > 640 * KIB else 0)


def test_contract_two_writers_and_a_reader_never_see_half_a_finding(opened):
    stores, reader = [opened(), opened()], opened()
    forms = [a_finding("f", title=letter * (700 * KIB)) for letter in "abcdef"]
    stores[0].record_finding(forms[0])
    done, seen = threading.Event(), []

    def read():
        while not done.is_set():
            seen.append(reader.finding("f"))

    with ThreadPoolExecutor(3) as workers:
        reading = workers.submit(read)
        writing = [workers.submit(stores[each % 2].record_finding, form) for each, form in enumerate(forms * 3)]
        for each in writing:
            each.result()
        done.set()
        reading.result()
    assert seen
    assert all(each in forms for each in (*seen, reader.finding("f")))
    assert len(rows(reader, "finding:h:d")) == 3  # the head, and no parts but its own


def test_a_writer_that_dies_before_the_head_changes_nothing(opened, monkeypatch):
    store, dying = opened(), opened()
    earlier = a_finding("f", title="earlier" * 200_000)
    store.record_finding(earlier)

    monkeypatch.setattr(dying._entities, "put", dies)
    with pytest.raises(KeyboardInterrupt):
        dying.record_finding(a_finding("f", title="later" * 200_000))
    assert store.finding("f") == earlier


def test_a_change_whose_answer_was_lost_is_made_once(opened, monkeypatch):
    store = opened()
    put, lost = store._entities.put, []

    def loses_the_first_answer(*place, **how):
        put(*place, **how)
        if not lost:
            lost.append(place)
            put(*place, **how)

    monkeypatch.setattr(store._entities, "put", loses_the_first_answer)
    finding = a_finding("f", title="x" * 700 * KIB)
    store.record_finding(finding)
    assert (len(lost), store.finding("f")) == (1, finding)
    lost.clear()
    store.record_delivery(a_delivery("f"))
    assert (len(lost), store.undelivered("t", "h")) == (1, (a_delivery("f"),))
    lost.clear()
    assert store.claim("t", "h", "me", now=NOON, until=NOON + timedelta(hours=1)) is None
    assert len(lost) == 1


def test_a_document_that_lost_a_part_is_refused(opened):
    store = opened()
    store.record_finding(a_finding("f", title="x" * 700 * KIB))
    store._entities.delete("finding:h:d", rows(store, "finding:h:d")[-1])
    with pytest.raises(StoreError, match="the document f of finding:h:d lacks parts"):
        store.finding("f")


def test_a_document_that_is_none_of_ours_is_refused(opened):
    store = opened()
    store.record_finding(a_finding("f"))
    store._entities.set("finding:h:d", "f", packed(b'{"fingerprint": 1}'))
    with pytest.raises(StoreError, match=r"Expected `str`, got `int` - at `\$\.fingerprint`\. Did another Vizsla"):
        store.finding("f")
