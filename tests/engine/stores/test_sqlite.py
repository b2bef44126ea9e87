"""What is SQLite's own: its file, and its versions."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.errors import StoreError
from engine.remote.budget import LIMITS
from engine.stores.sqlite import Sqlite
from tests.engine.stores.test_contract import NOON


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
    with pytest.raises(StoreError, match=r"schema version 99, this Vizsla reads 2"):
        Sqlite(tmp_path / "new.db")


def test_a_store_of_an_older_version_is_brought_up_to_date_and_keeps_what_it_has(tmp_path):
    Sqlite(tmp_path / "old.db").move_watermark("t", "h", NOON)
    with sqlite3.connect(tmp_path / "old.db") as connection:
        connection.executescript("DROP TABLE call; PRAGMA user_version = 1;")
    connection.close()
    with ThreadPoolExecutor(4) as openers:
        for store in openers.map(lambda _: Sqlite(tmp_path / "old.db"), range(4)):
            assert store.watermark("t", "h") == NOON
    assert Sqlite(tmp_path / "old.db").take_call("t", NOON, LIMITS) == NOON
