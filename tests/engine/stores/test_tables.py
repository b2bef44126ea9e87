"""What is the table's own: what it is asked, races, crashes, versions, settings."""

import contextlib
import hashlib
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from azure.core.pipeline.transport import RequestsTransport

from engine import bootstrap, settings
from engine.errors import SettingsError, StoreError
from engine.model.baseline import Habit
from engine.remote.budget import LIMITS
from engine.stores.documents import packed, unpacked
from tests.engine.stores.test_contract import HOUR, NOON, a_day, a_delivery, a_finding, a_run
from tests.engine.stores.test_documents import dies, rows
from tests.fakes import azurite as azurites


@pytest.fixture
def asked(monkeypatch):
    """What the service is asked: method, path and query of each request."""
    seen, send = [], RequestsTransport.send

    def noted(self, request, **how):
        address = urlsplit(request.url)
        seen.append((request.method, address.path, parse_qs(address.query)))
        return send(self, request, **how)

    monkeypatch.setattr(RequestsTransport, "send", noted)
    return seen


def test_a_long_record_of_a_run_is_listed_among_short_ones(opened):
    store = opened()
    long = msgspec.structs.replace(a_run("2", "h", NOON + timedelta(hours=1)), notes=("note" * 200_000,))
    short = [a_run("1", "h", NOON), a_run("3", "h", NOON + timedelta(hours=2))]
    for run in (*short, long):
        store.record_run(run)
    assert store.runs("h") == (short[1], long, short[0])


def test_more_runs_than_azure_gives_at_once_are_all_listed_and_a_few_are_few_to_read(opened, asked):
    store = opened()
    runs = [a_run(str(number), "h", NOON + timedelta(minutes=number)) for number in range(1_100)]
    kept = [
        (
            "create",
            {
                "PartitionKey": "run:h:default",
                "RowKey": f"{1_100 - number:018}:{run.id}",
                **packed(msgspec.json.encode(run)),
            },
        )
        for number, run in enumerate(runs)
    ]
    for start in range(0, len(kept), 100):
        store._entities._client.submit_transaction(kept[start : start + 100])
    assert store.runs(limit=2_000) == tuple(reversed(runs))
    assert store.runs() == tuple(reversed(runs))[:1_000]
    asked.clear()
    assert store.runs("h", tenant="default", limit=3) == tuple(reversed(runs))[:3]
    assert [(method, query["$top"]) for method, _, query in asked] == [("GET", ["3"])]
    asked.clear()
    assert store.runs(limit=3) == tuple(reversed(runs))[:3]
    assert [(method, query["$top"]) for method, _, query in asked] == [("GET", [top]) for top in "113"]


def test_what_a_device_met_is_asked_of_its_own_partition_alone(opened, asked):
    store = opened()
    store.record_finding(a_finding("f"))
    asked.clear()
    store.met("default", "h", "d", (0, 1 << 62))
    [(method, _, query)] = asked
    [where] = query["$filter"]
    assert (method, where.split(" and ")[0]) == ("GET", "PartitionKey eq 'finding:h:d'")


def test_an_outbox_holds_what_waits_and_nothing_more(opened, asked):
    store = opened()
    for state in ("pending", "sending", "sent"):
        for number in range(5):
            store.record_delivery(a_delivery(f"{number}", state=state))
        assert len(rows(store, "outbox:t:h")) == (0 if state == "sent" else 5)
    asked.clear()
    assert store.undelivered("t", "h") == ()
    assert len(asked) == 1


@pytest.mark.parametrize(("before", "state"), [("sent", "pending"), ("pending", "sent"), ("pending", "sending")])
def test_a_delivery_whose_writer_died_is_what_it_was(opened, monkeypatch, before, state):
    store, dying = opened(), opened()
    store.record_delivery(a_delivery("f", state=before))
    monkeypatch.setattr(dying._entities, "put", dies)
    with pytest.raises(KeyboardInterrupt):
        dying.record_delivery(a_delivery("f", state=state))
    assert store.delivery("f", "teams") == a_delivery("f", state=before)
    assert store.undelivered("t", "h") == ((store.delivery("f", "teams"),) if before == "pending" else ())


@pytest.mark.parametrize("state", ["pending", "sent"])
def test_a_delivery_whose_writer_died_before_it_tidied_up_is_the_new_one(opened, monkeypatch, state):
    store, dying = opened(), opened()
    store.record_delivery(a_delivery("f"))
    new = a_delivery("f", state=state, attempts=1)
    monkeypatch.setattr(dying._entities, "delete", dies)
    with pytest.raises(KeyboardInterrupt):
        dying.record_delivery(new)
    assert store.undelivered("t", "h") == ((new,) if state == "pending" else ())


@pytest.mark.parametrize("dead", ["put", "set", "delete"])
def test_a_run_whose_writer_died_and_that_was_tried_again_is_one(opened, monkeypatch, dead):
    store, dying = opened(), opened()
    tries = [a_run("1", "h", NOON + timedelta(hours=hour)) for hour in range(3)]
    store.record_run(tries[0])
    monkeypatch.setattr(dying._entities, dead, dies)
    with contextlib.suppress(KeyboardInterrupt):
        dying.record_run(tries[1])
    assert len(store.runs()) <= 1
    store.record_run(tries[2])
    assert store.runs() == (tries[2],)


def test_days_that_went_leave_nothing(opened):
    store = opened()
    habits = tuple(Habit(hashlib.sha256(f"{each}".encode()).hexdigest(), "i") for each in range(30_000))
    large = msgspec.structs.replace(a_day(0), habits=habits)
    store.record_day("t", "h", large, keep=1)
    assert len(rows(store, "day:t:h")) > 2  # a head and its parts
    store.record_day("t", "h", a_day(1), keep=1)
    assert rows(store, "day:t:h") == ["2026-11-02"]


def test_a_day_that_another_wrote_is_refused(opened):
    store = opened()
    store._entities.set("day:t:h", "2026-11-01", packed(b"no zip"))
    with pytest.raises(StoreError, match=r"table test\d+: a day of a baseline cannot be read: .* Did another Vizsla"):
        store.days("t", "h")


def test_who_gives_a_hunt_up_late_leaves_it_to_who_took_it_over(opened, monkeypatch):
    mine, yours = opened(), opened()
    mine.claim("t", "h", "me", now=NOON, until=NOON + HOUR)
    get, taken = mine._entities.get, []

    def overtaken(*place):
        held = get(*place)
        if not taken:
            taken.append(yours.claim("t", "h", "you", now=NOON + HOUR, until=NOON + 2 * HOUR))
        return held

    monkeypatch.setattr(mine._entities, "get", overtaken)
    mine.release("t", "h", "me")
    assert taken == [None]
    assert mine.claim("t", "h", "me", now=NOON + HOUR, until=NOON + 3 * HOUR) == NOON + 2 * HOUR


def test_workers_in_two_places_never_both_hold_a_hunt_and_give_up_their_own_alone(opened):
    stores, held, most = [opened(), opened()], [], []

    def work(number):
        store, holder = stores[number % 2], f"{number}"
        for _ in range(8):
            if store.claim("t", "h", holder, now=NOON, until=NOON + HOUR) is None:
                held.append(holder)
                most.append(tuple(held))
                held.remove(holder)
            store.release("t", "h", holder)

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(work, range(8)))
    assert most
    assert {len(each) for each in most} == {1}


def test_the_sdk_does_not_log_its_requests(opened, caplog):
    logging.getLogger("azure").setLevel(logging.NOTSET)
    with caplog.at_level(logging.INFO):
        opened().watermark("t", "h")
    assert [record.name for record in caplog.records if record.name.startswith("azure")] == []


def test_contract_however_many_move_a_watermark_it_ends_at_the_latest(opened):
    stores = [opened(), opened()]
    minutes = [each * 37 % 81 for each in range(1, 81)]  # each once, up and down
    with ThreadPoolExecutor(8) as workers:
        list(
            workers.map(lambda each: stores[each % 2].move_watermark("t", "h", NOON + timedelta(minutes=each)), minutes)
        )
    assert stores[0].watermark("t", "h") == NOON + timedelta(minutes=80)


def test_workers_that_open_a_new_table_at_once_all_get_it(opened):
    with ThreadPoolExecutor(6) as workers:
        stores = list(workers.map(lambda _: opened(), range(6)))
    stores[0].move_watermark("t", "h", NOON)
    assert {store.watermark("t", "h") for store in stores} == {NOON}


def test_a_table_says_its_version(opened):
    assert opened()._entities.get("vizsla", "schema")["version"] == 2


def test_calls_that_count_no_more_are_forgotten(opened):
    store, day = opened(), timedelta(days=1)
    for moment in (NOON, NOON + day, NOON + 2 * day):
        store.take_call("t", moment, LIMITS)
    assert msgspec.json.decode(unpacked(store._entities.get("calls:t", "calls"))) == ["2026-11-26T12:00:00Z"]


def test_a_table_of_another_version_is_refused_with_both_versions(opened):
    opened()._entities.set("vizsla", "schema", {"version": 99})
    with pytest.raises(StoreError, match=r"table test\d+ has schema version 99, this Vizsla reads 2"):
        opened()


def test_a_table_that_somebody_deleted_is_no_empty_one(opened):
    store = opened()
    store._entities._client.delete_table()
    with pytest.raises(StoreError, match=r"the service answers 404 .*TableNotFound"):
        store.watermark("t", "h")


def test_the_settings_choose_the_table(azurite, opened):
    opened()
    parts = bootstrap.build(settings.read({"VIZSLA_TABLES_URL": azurite.table, "IDENTITY_ENDPOINT": "set"}))
    with parts.store as store:
        store.move_watermark("t", "h", NOON)
        assert store.watermark("t", "h") == NOON


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"VIZSLA_TABLES_URL": "http://x.table.core.windows.net"}, "VIZSLA_TABLES_URL: .* is not encrypted"),
        ({"VIZSLA_TABLES_URL": "http://127.0.0.1"}, "VIZSLA_TABLES_URL: Azure's SDK signs in over https alone"),
        ({"VIZSLA_TABLES_URL": "https://x.table.core.windows.net?sv=1"}, "VIZSLA_TABLES_URL: an address has no user"),
        ({"VIZSLA_TABLES_URL": "https://x", "VIZSLA_STORE": "s.db"}, "VIZSLA_STORE and VIZSLA_TABLES_URL"),
    ],
)
def test_an_address_that_will_not_do_is_refused(environment, told):
    with pytest.raises(SettingsError, match=told):
        bootstrap.build(settings.read(environment))


def test_azures_sdk_is_loaded_by_who_uses_a_table_alone():
    script = (
        "import sys; from engine import bootstrap; bootstrap.desk(); "
        "print([name for name in sys.modules if 'azure.data' in name])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_without_azurite_the_way_to_get_it_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(azurites, "SCRIPT", tmp_path / "azurite.js")
    with pytest.raises(FileNotFoundError, match="Run `make dev`"), azurites.Azurite():
        pass
