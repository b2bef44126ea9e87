"""What is SQLite's own: its file, and its versions."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from engine.errors import StoreError
from engine.model.event import ticks
from engine.model.finding import Device, recurrence_key
from engine.remote.budget import LIMITS
from engine.stores.sqlite import Sqlite
from tests.engine.stores.test_contract import NOON, a_delivery, a_finding, a_run
from tests.engine.stores.test_contract_mutes import a_mute

VERSION_1 = """
CREATE TABLE watermark (tenant TEXT, hunt TEXT, moment TEXT NOT NULL, PRIMARY KEY (tenant, hunt));
CREATE TABLE finding (fingerprint TEXT PRIMARY KEY, key TEXT NOT NULL, document BLOB NOT NULL);
CREATE INDEX finding_key ON finding (key);
CREATE TABLE run (id TEXT PRIMARY KEY, hunt TEXT NOT NULL, moment TEXT NOT NULL, document BLOB NOT NULL);
PRAGMA user_version = 1;
"""
VERSION_2 = """
CREATE TABLE call (tenant TEXT NOT NULL, moment TEXT NOT NULL);
CREATE INDEX call_tenant ON call (tenant);
PRAGMA user_version = 2;
"""
VERSION_3 = """
CREATE TABLE watermark
    (tenant TEXT, hunt TEXT, mark TEXT, moment TEXT NOT NULL, PRIMARY KEY (tenant, hunt, mark));
CREATE TABLE finding (fingerprint TEXT PRIMARY KEY, key TEXT NOT NULL, document BLOB NOT NULL,
    tenant TEXT NOT NULL DEFAULT 'default', hunt TEXT NOT NULL DEFAULT '', device TEXT NOT NULL DEFAULT '',
    first INTEGER NOT NULL DEFAULT 0, last INTEGER NOT NULL DEFAULT 0, stands INTEGER NOT NULL DEFAULT 1);
CREATE INDEX finding_key ON finding (key);
CREATE INDEX finding_met ON finding (tenant, hunt, device, last) WHERE stands;
CREATE TABLE run (id TEXT PRIMARY KEY, hunt TEXT NOT NULL, moment TEXT NOT NULL, document BLOB NOT NULL,
    tenant TEXT NOT NULL DEFAULT 'default');
CREATE INDEX run_moment ON run (moment DESC, id, hunt, tenant);
CREATE TABLE call (tenant TEXT NOT NULL, moment TEXT NOT NULL);
CREATE INDEX call_tenant ON call (tenant);
CREATE TABLE delivery (fingerprint TEXT, sink TEXT, tenant TEXT NOT NULL, hunt TEXT NOT NULL,
    since TEXT NOT NULL, waits INTEGER NOT NULL, document BLOB NOT NULL, PRIMARY KEY (fingerprint, sink));
CREATE INDEX delivery_waits ON delivery (tenant, hunt, since, fingerprint, sink) WHERE waits;
CREATE TABLE day (tenant TEXT, hunt TEXT, day TEXT, document BLOB NOT NULL, PRIMARY KEY (tenant, hunt, day));
CREATE TABLE claim
    (tenant TEXT, hunt TEXT, holder TEXT NOT NULL, until TEXT NOT NULL, PRIMARY KEY (tenant, hunt));
PRAGMA user_version = 3;
"""
NEWER = {"expected", "muted", "due", "digest", "telling", "batch"}
NEW = {
    "tenant",
    "aliases",
    "absorbed_by",
    "recurs",
    "retracted",
    "kind",
    "began",
    "slices",
    "launches",
    "newest",
    *NEWER,
}
FINDINGS = (
    a_finding("f", device=Device("d \u202e", "ws01"), identity="one"),
    a_finding(
        "g",
        device=Device("d \u202e", "ws01"),
        identity="one",
        start="2026-11-24T12:00:09.0000002Z",
        end="2026-11-24T13:00:00Z",
    ),
)
START, END = ticks(FINDINGS[0].start), ticks(FINDINGS[0].end)
RUN = a_run("1", "h", NOON)


def test_sqlite_remembers_across_openings(tmp_path):
    Sqlite(tmp_path / "s.db").move_watermark("t", "h", NOON)
    assert Sqlite(tmp_path / "s.db").watermark("t", "h") == NOON


def test_a_file_that_is_no_store_is_refused_with_its_name(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("this is no database, but it is long enough to be looked at" * 20)
    with pytest.raises(StoreError, match=r"notes\.txt: file is not a database"):
        Sqlite(file)


def test_a_store_of_another_version_is_refused_with_both_versions(tmp_path):
    with sqlite3.connect(tmp_path / "new.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match=r"schema version 99, this Vizsla reads 4"):
        Sqlite(tmp_path / "new.db")


def written(file, version):
    """A file as that version wrote it: a watermark; in the second two findings and a run, in the third a delivery."""
    if version == 3:
        return third(file)
    with sqlite3.connect(file) as connection:
        connection.executescript(VERSION_1)
        connection.execute("INSERT INTO watermark VALUES ('t', 'h', ?)", (NOON.isoformat(timespec="microseconds"),))
        if version == 2:
            connection.executescript(VERSION_2)
            for finding in FINDINGS:
                key = msgspec.json.encode(recurrence_key(finding)).decode()
                row = finding.fingerprint, key, earlier(finding, NEW)
                connection.execute("INSERT INTO finding VALUES (?, ?, ?)", row)
            moment = RUN.window.end.isoformat(timespec="microseconds")
            connection.execute("INSERT INTO run VALUES (?, ?, ?, ?)", (RUN.id, RUN.hunt, moment, earlier(RUN, NEW)))
            connection.execute("INSERT INTO call VALUES ('t', ?)", (NOON.isoformat(timespec="microseconds"),))
    connection.close()
    return file


def third(file):
    moment = NOON.isoformat(timespec="microseconds")
    with sqlite3.connect(file) as connection:
        connection.executescript(VERSION_3)
        connection.execute("INSERT INTO watermark VALUES ('t', 'h', 'window', ?)", (moment,))
        row = "f", "teams", "t", "h", moment, 1, earlier(a_delivery("f"), NEWER)
        connection.execute("INSERT INTO delivery VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    connection.close()
    return file


def earlier(value, lacks):
    """A document without what came with later versions."""
    kept = {name: each for name, each in msgspec.to_builtins(value).items() if name not in lacks}
    return msgspec.json.encode(kept)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_store_of_an_older_version_is_brought_up_to_date_by_one_of_those_who_open_it(tmp_path, version):
    file = written(tmp_path / "old.db", version)
    with ThreadPoolExecutor(4) as openers:
        for store in openers.map(lambda _: Sqlite(file), range(4)):
            assert store.watermark("t", "h") == NOON
            assert store.watermark("t", "h", "late") is None
    assert Sqlite(file).take_call("other", NOON, LIMITS) == NOON
    assert shape(file) == shape(made(tmp_path / "new.db"))


def test_what_an_older_version_found_is_found_like_anything_new(tmp_path):
    store = Sqlite(written(tmp_path / "old.db", 2))
    first, second = FINDINGS
    assert [store.finding(each.fingerprint) for each in FINDINGS] == list(FINDINGS)
    assert store.recurring(recurrence_key(first)) == second
    spans = [(START - 1, START - 1), (START, START), (END, END), (END + 1, END + 1), (0, 1 << 62)]
    met = [store.met("default", "h", "d \u202e", span) for span in spans]
    assert met == [(), (first,), (first,), (second,), (first, second)]
    store.record_finding(msgspec.structs.replace(second, absorbed_by="f"))
    assert store.met("default", "h", "d \u202e", (0, 1 << 62)) == (first,)
    assert store.runs() == store.runs("h", tenant="default") == (RUN,)
    assert store.runs(tenant="t") == ()


def test_what_the_third_version_was_to_tell_is_told_and_can_be_muted(tmp_path):
    store = Sqlite(written(tmp_path / "old.db", 3))
    assert store.undelivered("t", "h") == (a_delivery("f"),)
    assert store.mutes("t") == ()
    store.record_mute(a_mute("m"))
    assert Sqlite(tmp_path / "old.db").mutes("t") == (a_mute("m"),)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (
            lambda store: store.met("t", "h", "d", (0, 1)),
            [
                "SEARCH finding USING INDEX finding_met (tenant=? AND hunt=? AND device=? AND last>?)",
                "USE TEMP B-TREE FOR ORDER BY",  # of what it found alone
            ],
        ),
        (
            lambda store: store.undelivered("t", "h"),
            ["SEARCH delivery USING INDEX delivery_waits (tenant=? AND hunt=?)"],
        ),
        (
            lambda store: store.recurring(("h", "d", "i", "")),
            ["SEARCH finding USING INDEX finding_key (key=?)"],
        ),
        (lambda store: store.runs("h", limit=5), ["SCAN run USING INDEX run_moment"]),
    ],
    ids=["met", "undelivered", "recurring", "runs"],
)
def test_what_a_run_asks_is_answered_from_an_index(tmp_path, monkeypatch, asked, expected):
    store = Sqlite(tmp_path / "s.db")
    plans, documents = [], Sqlite._documents

    def explained(self, kind, statement, *values):
        with self._connection() as connection:
            plans.extend(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values))
        return documents(self, kind, statement, *values)

    monkeypatch.setattr(Sqlite, "_documents", explained)
    asked(store)
    assert plans == expected


def test_a_day_that_another_wrote_is_refused_with_the_file(tmp_path):
    store = Sqlite(tmp_path / "s.db")
    with sqlite3.connect(tmp_path / "s.db") as connection:
        connection.execute("INSERT INTO day VALUES ('t', 'h', '2026-11-01', x'1f8b00')")
    connection.close()
    with pytest.raises(
        StoreError, match=r"s\.db: a day of a baseline cannot be read: .* Did another Vizsla write it\?"
    ):
        store.days("t", "h")


def made(file):
    Sqlite(file)
    return file


def shape(file):
    """The tables' columns, and the indexes."""
    with sqlite3.connect(file) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema ORDER BY name")]
        columns = {name: connection.execute(f"PRAGMA table_info({name})").fetchall() for name in names}
        version = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    return version, columns
