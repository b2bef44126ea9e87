"""What hunts have in common is linted as their own KQL is: once, by its own name."""

import shutil
from pathlib import Path

import pytest

from engine import loader
from engine.context import COLUMNS, FILE
from engine.lints import kusto
from engine.lints.check import check
from engine.lints.context import ContextCanBeAsked
from engine.lints.interface import Subject

SMALL = Path(__file__).parents[1] / "hunts"
HUNT = "two-questions"
COPY = "Begin with a copy of the shipped context.kql."
SHIPPED = (loader.HUNTS / FILE).read_text("utf-8")


def hunts(folder, text):
    made = shutil.copytree(SMALL, folder / "hunts", dirs_exist_ok=True)
    if text is not None:
        (made / FILE).write_bytes(text if isinstance(text, bytes) else text.encode())
    return made


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("", "", []),
        ("isnotempty(OSPlatform)", "isnotempty(OSPlatfrm)", ["11"]),
        ('Kind = "alert", DeviceId, Timestamp, AlertId,', 'Kind = "alert", DeviceId, Timestamp,', ["AlertId"]),
    ],
)
def test_a_mistake_in_common_kql_is_told_once_though_two_hunts_have_it(tmp_path, old, new, told):
    checked = check(hunts(tmp_path, SHIPPED.replace(old, new) if old else SHIPPED))
    faults = [(fault.file, str(fault.line) if fault.line else fault.message.split()[-1]) for fault in checked.faults]
    assert checked.hunts == 2
    assert faults == [(FILE, each) for each in told]


def test_a_command_in_common_kql_is_told(tmp_path):
    faults = [str(fault) for fault in check(hunts(tmp_path, f".drop table T\n{SHIPPED}"), only=HUNT).faults]
    assert f"{FILE}: holds a control command. Take it out: hunts only read." in faults


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, []),
        (SHIPPED, []),
        (SHIPPED.replace("let devices = dynamic([]);", "let devices = DeviceInfo | distinct DeviceId;"), ["devices"]),
        (SHIPPED.replace("let since = datetime(1970-01-01);", "let since = ago(1d);"), ["since"]),
        (SHIPPED.replace("launches", "reports"), ["launches"]),
    ],
)
def test_a_line_that_could_not_be_bound_is_told(tmp_path, text, told):
    hunt = loader.load(hunts(tmp_path, text) / HUNT)
    kinds = {"devices": "string list", "launches": "string list", "since": "datetime"}
    faults = [str(fault) for fault in ContextCanBeAsked()(Subject(hunt, {}))]
    assert faults == [f"{FILE}: let {name}: is no line with a {kinds[name]}. {COPY}" for name in told]


def test_a_column_that_is_read_and_not_returned_is_told(tmp_path):
    hunt = loader.load(hunts(tmp_path, SHIPPED) / HUNT)
    without = kusto.Analysis(
        kind="query",
        diagnostics=(),
        columns=tuple(kusto.Column(name, "string") for name in COLUMNS if name != "Group"),
        open=False,
        tokens=(),
        tables=(),
        functions=(),
    )
    faults = [str(fault) for fault in ContextCanBeAsked()(Subject(hunt, {}, {FILE: without}))]
    assert faults == [f"{FILE}: does not return Group. {COPY}"]


def test_one_that_is_no_utf_8_is_told(tmp_path):
    hunt = loader.load(hunts(tmp_path, b"\xff") / HUNT)
    (fault,) = ContextCanBeAsked()(Subject(hunt, {}))
    assert (fault.file, fault.cure) == (FILE, COPY)
