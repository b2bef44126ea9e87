"""What the simulated estate promises to those who measure with it."""

from __future__ import annotations

import gzip
import itertools
import json
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine import learn, loader
from engine.model.event import ticks
from engine.sources.local import Local
from tests.estate import Estate, Row
from tests.estate.__main__ import main
from tests.estate.processes import identity, initiator

ROOT = Path(__file__).parents[2]
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
SCHEMA = json.loads((ROOT / "engine/model/tables/DeviceProcessEvents.json").read_text())
COMPANY = ["--seed", "12", "--devices", "60", "--start", "2026-11-16"]
SAMPLE = [*COMPANY, "--first", "7", "--days", "1", "--intrusions", "3"]


def _event(row: Row) -> tuple[str, str, int]:
    return row["DeviceId"], row["Timestamp"], row["ReportId"]


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.ndjson.gz", "b.ndjson.gz"):
        main(["--seed", "5", "--devices", "12", "--intrusions", "2", "--out", str(tmp_path / name)])
    main(["--seed", "6", "--devices", "12", "--intrusions", "2", "--out", str(tmp_path / "other.ndjson.gz")])

    first, again, other = (tmp_path / name for name in ("a.ndjson.gz", "b.ndjson.gz", "other.ndjson.gz"))
    assert first.read_bytes() == again.read_bytes()
    assert first.read_bytes() != other.read_bytes()


def test_the_sample_is_what_its_readme_says(tmp_path: Path) -> None:
    # Compressors may differ between machines, what they hold may not.
    main([*SAMPLE, "--out", str(tmp_path / "day.ndjson"), "--labels", str(tmp_path / "labels.json")])
    sample, readme = ROOT / "samples/day.ndjson.gz", (ROOT / "samples/README.md").read_text()
    labels = json.loads((tmp_path / "labels.json").read_text())

    assert gzip.decompress(sample.read_bytes()) == (tmp_path / "day.ndjson").read_bytes()
    assert sample.stat().st_size <= 1_000_000
    assert f"python -m tests.estate {' '.join(SAMPLE)} --out samples/day.ndjson.gz" in readme
    assert len({label["style"] for label in labels}) == 3
    for label in labels:
        for fact in ("device_name", "sequence", "style", "actor", "account"):
            assert label[fact] in readme
        assert f"{label['start'][11:19]} to {label['end'][11:19]}" in readme


def test_the_samples_routine_is_what_its_week_teaches(tmp_path: Path) -> None:
    week = str(tmp_path / "week.ndjson.gz")
    main([*COMPANY, "--days", "7", "--out", week])
    hunt = loader.load(loader.HUNTS / "discovery-burst")
    with Local(paths=[week]) as source:
        days = tuple(learn.learn(hunt, source, day) for day in learn.days(source.whole))

    shipped = learn.read(ROOT / "samples/routine.gz", hunt.id)
    assert [(day.day, day.devices, set(day.pairs), set(day.own), set(day.sets), set(day.habits)) for day in days] == [
        (day.day, day.devices, set(day.pairs), set(day.own), set(day.sets), set(day.habits)) for day in shipped.days
    ]


def test_a_day_does_not_depend_on_the_days_before_it(estate: Estate) -> None:
    fresh = Estate(seed=1, devices=60, start=MONDAY)

    assert list(fresh.day(3)) == list(estate.day(3))


def test_columns_are_defenders_and_hold_its_types(monday: list[Row]) -> None:
    kinds = {"string": str, "long": int, "bool": bool, "datetime": str}
    seven_digits = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z")

    assert {column for row in monday for column in row} - {"_ArrivalTime"} <= set(SCHEMA)
    for row, column in itertools.product(monday, monday[0].keys() - {"_ArrivalTime"}):
        value = row[column]
        if column == "InitiatingProcessParentCreationTime" and value is None:
            continue
        assert type(value) is kinds[SCHEMA[column]], column
        if SCHEMA[column] == "datetime":
            assert seven_digits.fullmatch(str(value)), column


def test_a_row_looks_like_defenders(monday: list[Row]) -> None:
    assert {row["ActionType"] for row in monday} == {"ProcessCreated"}
    for row in monday:
        assert re.fullmatch("[0-9a-f]{40}", row["DeviceId"])
        assert row["DeviceName"] == row["DeviceName"].lower()
        assert row["FolderPath"].endswith("\\" + row["FileName"])
        assert row["Timestamp"] == row["ProcessCreationTime"]
        assert row["InitiatingProcessCreationTime"] < row["Timestamp"] < row["_ArrivalTime"]


def test_folders_of_initiating_processes_are_spelled_in_several_ways(monday: list[Row]) -> None:
    folders = {row["InitiatingProcessFolderPath"] for row in monday if row["InitiatingProcessFileName"] == "cmd.exe"}

    assert folders == {r"C:\Windows\System32\cmd.exe", r"c:\windows\system32\cmd.exe", r"c:\windows\system32"}


def test_rows_come_in_order_of_time_and_within_their_day(estate: Estate) -> None:
    times = [row["Timestamp"] for row in estate.day(2, intrusions=10)]

    assert times == sorted(times)
    assert {time[:10] for time in times} == {"2026-11-25"}


def test_every_parent_has_a_row_of_its_own_or_was_there_before(estate: Estate) -> None:
    seen: set[tuple[str, int, str]] = set()
    orphans = []
    for row in itertools.chain.from_iterable(estate.day(n, intrusions=6) for n in range(4)):
        seen.add(identity(row))
        if row["InitiatingProcessCreationTime"] >= "2026-11-23" and initiator(row) not in seen:
            orphans.append(row)

    assert orphans == []


def test_a_process_is_told_by_its_own_row_as_by_its_childrens(estate: Estate) -> None:
    rows = list(estate.day(0, intrusions=6))
    by_identity = {identity(row): row for row in rows}
    same = {
        "FileName": "InitiatingProcessFileName",
        "SHA1": "InitiatingProcessSHA1",
        "ProcessCommandLine": "InitiatingProcessCommandLine",
        "AccountSid": "InitiatingProcessAccountSid",
        "LogonId": "InitiatingProcessLogonId",
        "InitiatingProcessId": "InitiatingProcessParentId",
        "InitiatingProcessFileName": "InitiatingProcessParentFileName",
        "InitiatingProcessCreationTime": "InitiatingProcessParentCreationTime",
    }
    pairs = [(by_identity[initiator(row)], row) for row in rows if initiator(row) in by_identity]

    assert len(pairs) > 2000
    for parent, row in pairs:
        assert {own: parent[own] for own in same} == {own: row[told] for own, told in same.items()}


def test_events_and_processes_are_told_apart(monday: list[Row]) -> None:
    assert len({_event(row) for row in monday}) == len({identity(row) for row in monday}) == len(monday)


def test_pids_are_used_again(monday: list[Row]) -> None:
    assert len({(row["DeviceId"], row["ProcessId"]) for row in monday}) < len(monday)


def test_net_starts_net1_for_most_of_what_it_answers(estate: Estate) -> None:
    rows = [row for n in range(3) for row in estate.day(n)]
    asked = re.compile(r'^"?net(\.exe)?"? +(user|group|localgroup|accounts|share|time)\b', re.IGNORECASE)
    nets = [row for row in rows if row["FileName"] == "net.exe" and asked.match(row["ProcessCommandLine"])]
    net1s = Counter(initiator(row) for row in rows if row["FileName"] == "net1.exe")
    answered = sum(net1s[identity(net)] for net in nets)

    assert len(nets) > 500
    assert 0.94 < answered / len(nets) < 0.995
    assert {row["InitiatingProcessFileName"] for row in rows if row["FileName"] == "net1.exe"} == {"net.exe"}
    assert not [row for row in rows if re.match(r".*net1 +(use|view)\b", row["ProcessCommandLine"])]


def test_rows_arrive_as_late_as_in_a_real_export() -> None:
    rows = list(Estate(seed=1, devices=300, start=MONDAY).day(0))
    delays = sorted((ticks(row["_ArrivalTime"]) - ticks(row["Timestamp"])) / 10_000_000 for row in rows)

    assert 85 < delays[len(delays) // 2] < 95
    assert 150 < delays[len(delays) * 95 // 100] < 185
    assert 3600 < delays[-1] < 14 * 3600


def test_windows_accounts_have_one_sid_under_several_names(monday: list[Row]) -> None:
    names = {row["AccountName"] for row in monday if row["AccountSid"] == "S-1-5-18"}
    domains = {row["AccountDomain"] for row in monday if row["AccountSid"] == "S-1-5-18"}

    assert names == {"system", "système"}
    assert domains == {"nt authority", "nt-autorität", "autorite nt"}


@pytest.mark.parametrize(
    ("devices", "start"),
    [(9, MONDAY), (60, datetime(2026, 11, 23, 1, tzinfo=UTC)), (60, datetime(2026, 11, 23))],  # noqa: DTZ001 - naive on purpose
)
def test_what_is_no_estate_is_refused(devices: int, start: datetime) -> None:
    with pytest.raises(ValueError, match=r"estate"):
        list(Estate(seed=1, devices=devices, start=start).day(0))
