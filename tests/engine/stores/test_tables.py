"""What is Azure's own: keys, sizes, races, versions, refusals. Azurite never refuses: a server of our own does."""

import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.wrappers import Response

from engine import bootstrap, settings
from engine.errors import SettingsError, StoreError
from engine.remote.budget import LIMITS
from engine.stores.documents import packed, unpacked
from engine.stores.entities import safe
from engine.stores.tables import Tables
from tests.engine.stores.test_contract import NOON, a_finding, a_run
from tests.fakes import azurite as azurites
from tests.fakes.authority import tls
from tests.fakes.serving import Server

KIB = 1 << 10
ROLE = "Storage Table Data Contributor"
MISMATCH = r"refused \(No\. Id:1 ErrorCode:AuthorizationPermissionMismatch\)\."
HOSTILE = [
    "a/b",
    "a\\b",
    "a#b",
    "a?b",
    "a%2Fb",
    "it's",
    "a:b",
    "~",
    "",
    " ",
    "\x00\x1f\x7f\x85",
    "\U0001f600",
    "x" * 5_000,
]


def rows(store, partition):
    return [entity["RowKey"] for entity in store._entities.between(partition, ("", "\x7f"))]


@given(st.lists(st.lists(st.text(), min_size=1, max_size=4), min_size=2, max_size=2, unique_by=tuple))
def test_keys_are_plain_and_short_and_no_two_are_alike(lists):
    keys = {safe(*parts) for parts in lists}
    assert len(keys) == 2
    assert all(re.fullmatch(r"[A-Za-z0-9._~:-]{1,512}", key) for key in keys)


def test_names_that_azure_refuses_as_keys_are_remembered_apart(opened):
    store = opened()
    moments = {name: NOON + timedelta(minutes=number) for number, name in enumerate(HOSTILE)}
    for name, moment in moments.items():
        store.move_watermark(name, name, moment)
        store.record_run(a_run(name, name, moment))
        store.record_finding(a_finding(name, title=name, identity=name))
    assert {name: store.watermark(name, name) for name in HOSTILE} == moments
    assert [run.id for run in store.runs()] == HOSTILE[::-1]
    assert [store.finding(name).title for name in HOSTILE] == HOSTILE


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
    assert len(rows(store, "finding:f")) == 1 + (-(-length // (640 * KIB)) if length > 640 * KIB else 0)


def test_a_long_record_of_a_run_is_listed_among_short_ones(opened):
    store = opened()
    long = msgspec.structs.replace(a_run("2", "h", NOON + timedelta(hours=1)), notes=("note" * 200_000,))
    short = [a_run("1", "h", NOON), a_run("3", "h", NOON + timedelta(hours=2))]
    for run in (*short, long):
        store.record_run(run)
    assert store.runs("h") == (short[1], long, short[0])


def test_more_runs_than_azure_gives_at_once_are_all_listed(opened):
    store = opened()
    runs = [a_run(str(number), "h", NOON + timedelta(minutes=number)) for number in range(1_100)]
    kept = [
        (
            "create",
            {"PartitionKey": "run:h", "RowKey": f"{1_100 - number:018}:{run.id}", **packed(msgspec.json.encode(run))},
        )
        for number, run in enumerate(runs)
    ]
    for start in range(0, len(kept), 100):
        store._entities._client.submit_transaction(kept[start : start + 100])
    assert store.runs() == tuple(reversed(runs))


def test_contract_however_many_move_a_watermark_it_ends_at_the_latest(opened):
    stores = [opened(), opened()]
    minutes = [each * 37 % 81 for each in range(1, 81)]  # each once, up and down
    with ThreadPoolExecutor(8) as workers:
        list(
            workers.map(lambda each: stores[each % 2].move_watermark("t", "h", NOON + timedelta(minutes=each)), minutes)
        )
    assert stores[0].watermark("t", "h") == NOON + timedelta(minutes=80)


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
    assert len(rows(reader, "finding:f")) == 3  # the head, and no parts but its own


def test_a_writer_that_dies_before_the_head_changes_nothing(opened, monkeypatch):
    store, dying = opened(), opened()
    earlier = a_finding("f", title="earlier" * 200_000)
    store.record_finding(earlier)

    def dies(*_, **__):
        raise KeyboardInterrupt

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


def test_a_document_that_lost_a_part_is_refused(opened):
    store = opened()
    store.record_finding(a_finding("f", title="x" * 700 * KIB))
    store._entities.delete("finding:f", rows(store, "finding:f")[-1])
    with pytest.raises(StoreError, match="the document finding of finding:f lacks parts"):
        store.finding("f")


def test_a_document_that_is_none_of_ours_is_refused(opened):
    store = opened()
    store._entities.set("finding:f", "finding", packed(b'{"fingerprint": 1}'))
    with pytest.raises(StoreError, match=r"Expected `str`, got `int` - at `\$\.fingerprint`\. Did another Vizsla"):
        store.finding("f")


def test_a_finding_that_grew_recurs_no_longer_as_what_it_was(opened):
    store = opened()
    store.record_finding(a_finding("f", identity="one"))
    store.record_finding(a_finding("f", identity="two"))
    assert store.recurring(("h", "d", "one", "")) is None
    assert store.recurring(("h", "d", "two", "")) == a_finding("f", identity="two")


def test_workers_that_open_a_new_table_at_once_all_get_it(opened):
    with ThreadPoolExecutor(6) as workers:
        stores = list(workers.map(lambda _: opened(), range(6)))
    stores[0].move_watermark("t", "h", NOON)
    assert {store.watermark("t", "h") for store in stores} == {NOON}


def test_a_table_says_its_version(opened):
    assert opened()._entities.get("vizsla", "schema")["version"] == 1


def test_calls_that_count_no_more_are_forgotten(opened):
    store, day = opened(), timedelta(days=1)
    for moment in (NOON, NOON + day, NOON + 2 * day):
        store.take_call("t", moment, LIMITS)
    assert msgspec.json.decode(unpacked(store._entities.get("calls:t", "calls"))) == ["2026-11-26T12:00:00Z"]


def test_a_table_of_another_version_is_refused_with_both_versions(opened):
    opened()._entities.set("vizsla", "schema", {"version": 99})
    with pytest.raises(StoreError, match=r"table test\d+ has schema version 99, this Vizsla reads 1"):
        opened()


def test_a_table_that_somebody_deleted_is_no_empty_one(opened):
    store = opened()
    store._entities._client.delete_table()
    with pytest.raises(StoreError, match=r"the service answers 404 .*TableNotFound"):
        store.watermark("t", "h")


class Page(Server):
    """Answers everything with one status and one of Azure's codes; counts how often it is asked."""

    scheme = "https"

    def __init__(self, status, code, **headers):
        self.status, self.headers = status, {"x-ms-error-code": code, **headers}
        self.body = msgspec.json.encode(
            {"odata.error": {"code": code, "message": {"lang": "en", "value": "No.\nId:1"}}}
        )
        self.asked = 0

    def __call__(self, environ, start_response):
        self.asked += 1
        answer = Response(self.body, self.status, headers=self.headers, mimetype="application/json")
        return answer(environ, start_response)


@pytest.fixture
def trusted(tmp_path, monkeypatch):
    """A server's TLS settings that this test trusts."""
    context, bundle = tls(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    return context


@pytest.mark.parametrize(
    ("page", "told", "asked"),
    [
        (Page(403, "AuthorizationPermissionMismatch"), f"{MISMATCH} Whoever signs in needs the role {ROLE}", 1),
        (Page(401, "AuthenticationFailed"), r"nobody could sign in .*give the app a managed identity", 1),
        (Page(503, "ServerBusy", **{"Retry-After": "0.01"}), "the service answers 503", 4),
        (Page(400, "InvalidInput"), "the service answers 400", 1),
    ],
    ids=["403", "401", "503", "400"],
)
def test_a_refusal_says_what_and_what_to_do(credential, trusted, page, told, asked):
    page.tls = trusted
    with page, pytest.raises(StoreError, match=told) as raised:
        Tables(page.url, credential)
    assert "\n" not in str(raised.value)
    assert page.asked == asked


def test_an_address_where_nobody_answers_is_named(credential):
    with Page(200, "") as page:
        url = page.url
    with pytest.raises(StoreError, match=rf"{url}, table vizsla: no answer .*Is VIZSLA_TABLES_URL the account's"):
        Tables(url, credential)


def test_who_has_no_identity_is_told_so(identity, credential, azurite):
    identity.refuses = True
    with pytest.raises(StoreError, match="nobody could sign in"):
        Tables(azurite.table, credential)


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
        "import function_app, sys; function_app.parts(); print([m for m in sys.modules if m.startswith('azure.data')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_without_azurite_the_way_to_get_it_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(azurites, "SCRIPT", tmp_path / "azurite.js")
    with pytest.raises(FileNotFoundError, match="Run `make dev`"), azurites.Azurite():
        pass
