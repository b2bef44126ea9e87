"""Which files are read, which are passed over, and which are an error."""

from __future__ import annotations

import gzip
import os

import pytest

from engine.errors import NothingToRead, UnreadableFile
from tests.engine.sources.launches import LAUNCHES, SORTED, ask, comma_separated, count, ndjson, notes, parquet


def test_a_folder_is_read_with_all_below_it_and_tells_what_it_passes_over(tmp_path):
    inner = tmp_path / "2026" / "a=1"
    inner.mkdir(parents=True)
    (inner / "launches.ndjson").write_bytes(ndjson(LAUNCHES))
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "launches.ndjson").write_bytes(ndjson(LAUNCHES))
    (tmp_path / "README.md").write_text("telemetry")
    (tmp_path / "acceptance.bin").write_bytes(os.urandom(64))
    (tmp_path / "bursts.json").write_text('{"note": "labels", "bursts": [{"id": 1, "label": "benign"}]}')
    (tmp_path / "none.ndjson").write_bytes(b"")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no more")
    (tmp_path / "DeviceNetworkEvents.ndjson").write_bytes(ndjson(LAUNCHES))
    assert count(tmp_path) == len(LAUNCHES)
    assert [note.partition(":")[0] for note in notes(tmp_path)] == [
        "passed over, cannot be read",
        "passed over, empty",
        "passed over, no telemetry by its columns",
        "passed over, no telemetry by its name",
        "passed over, of DeviceNetworkEvents, a table whose columns are not declared here",
    ]
    assert notes(tmp_path)[3] == "passed over, no telemetry by its name: README.md, acceptance.bin"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("README.md", b"x", "cannot tell its format by its name"),
        ("bursts.json", b'{"note": "x", "bursts": []}', "no telemetry by its columns"),
        ("DeviceNetworkEvents.ndjson", ndjson(LAUNCHES), "of DeviceNetworkEvents"),
        ("broken.parquet", b"PAR1", "cannot be read"),
        ("noise.ndjson", bytes(range(256)), "no row in it"),
        ("cut.ndjson.gz", gzip.compress(ndjson(LAUNCHES))[:12], "no row in it: 1 x gzip cut short"),
    ],
)
def test_a_named_file_that_is_no_telemetry_is_an_error(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableFile, match=message):
        ask(tmp_path / name)


def test_nothing_to_read_says_where_and_what_was_there(tmp_path):
    (tmp_path / "README.md").write_text("x")
    with pytest.raises(NothingToRead, match=r"no telemetry \(passed over, no telemetry by its name: README.md\)"):
        ask(tmp_path)
    with pytest.raises(NothingToRead, match="no file matches"):
        ask(tmp_path / "*.ndjson")
    with pytest.raises(UnreadableFile, match="no such file or folder"):
        ask(tmp_path / "gone.ndjson")


def test_a_file_named_twice_counts_once(tmp_path):
    path = tmp_path / "launches.ndjson"
    path.write_bytes(ndjson(LAUNCHES))
    (tmp_path / "link.ndjson").symlink_to(path)
    assert count(path, tmp_path, tmp_path / "*.ndjson", tmp_path / ".." / tmp_path.name / path.name) == len(LAUNCHES)


@pytest.mark.parametrize("ending", ["ndjson", "csv", "parquet"])
def test_file_names_are_never_patterns_nor_sql(tmp_path, ending):
    folder = tmp_path / "a'b=1; DROP TABLE x --"
    folder.mkdir()
    path = folder / f'o\'dd "name" [1-9]* ü语 %s ?.{ending}'
    if ending == "parquet":
        parquet(LAUNCHES, tmp_path / "plain.parquet")
        (tmp_path / "plain.parquet").rename(path)
    else:
        path.write_bytes(ndjson(LAUNCHES) if ending == "ndjson" else comma_separated(LAUNCHES))
    assert (ask(path), ask(folder)) == (SORTED, SORTED)
