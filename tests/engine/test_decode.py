"""YAML to frozen values: every fault at once, each with its line, its path and a cure."""

from datetime import UTC, date, datetime
from typing import Annotated, Literal

import pytest
from msgspec import Meta, Struct

from engine.decode import decode


class Wheel(Struct, frozen=True, forbid_unknown_fields=True):
    size: int
    side: Literal["left", "right"] = "left"


class Cart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(pattern="^[a-z]+$")]
    wheels: Annotated[tuple[Wheel, ...], Meta(min_length=1)]
    made: date | None = None
    due: Annotated[datetime, Meta(tz=True)] | None = None
    notes: dict[str, str] = {}
    open: bool = True


def faults(tmp_path, text):
    file = tmp_path / "cart.yaml"
    file.write_text(text, "utf-8")
    value, found = decode(file, Cart, name="cart.yaml")
    return value, [str(fault) for fault in found]


def test_a_right_file_is_its_value(tmp_path):
    text = (
        "name: red\nwheels: [{size: 3}, {size: 4, side: right}]\n"
        "made: 2026-11-24\ndue: 2026-11-24T12:30:00Z\nnotes: {on: no, at: '1:30'}\n"
    )
    value, found = faults(tmp_path, text)
    assert found == []
    assert value == Cart(
        name="red",
        wheels=(Wheel(3), Wheel(4, "right")),
        made=date(2026, 11, 24),
        due=datetime(2026, 11, 24, 12, 30, tzinfo=UTC),
        notes={"on": "no", "at": "1:30"},
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "nam: red\nwheels:\n  - {size: three, sides: left}\n  - {size: 3, side: lft}\n",
            [
                "cart.yaml:1: nam: is no key here. Did you mean name?",
                "cart.yaml:3: wheels[0].size: is 'three'. It takes an integer.",
                "cart.yaml:3: wheels[0].sides: is no key here. Did you mean side?",
                "cart.yaml:4: wheels[1].side: 'lft' is none of its values. Did you mean left?",
                "cart.yaml:1: lacks the key name. Add name, text.",
            ],
        ),
        ("name: red\nname: blue\nwheels: [{size: 1}]\n", ["cart.yaml:2: name: stands here twice. Keep one."]),
        (
            "name: red\nwheels: [{size: 1}]\ndue: 2026-11-24T12:30:00\n",
            [
                (
                    "cart.yaml:3: due: is '2026-11-24T12:30:00'. It takes a moment with its offset, "
                    "like 2026-11-24T18:00:00+01:00."
                )
            ],
        ),
        ("name: red\nwheels: []\n", ["cart.yaml:2: wheels: has 0 items. It takes at least 1."]),
        ("name: Red\nwheels: [{size: 1}]\n", ["cart.yaml:1: name: 'Red' is not of the form ^[a-z]+$"]),
        ("name: red\nwheels: [{size: 1}]\nopen: yes\n", ["cart.yaml:3: open: is 'yes'. It takes true or false."]),
        (
            "name: red\nwheels: [{size: 1}]\nmade: soon\n",
            ["cart.yaml:3: made: is 'soon'. It takes a date like 2026-11-24."],
        ),
        ("name: [\n", ["cart.yaml:2: is no YAML: expected the node content, but found '<stream end>'"]),
        ("", ["cart.yaml: is empty"]),
        ("- a\n", ["cart.yaml:1: is a list. It takes a mapping with name, wheels."]),
    ],
)
def test_every_fault_is_told_with_its_cure(tmp_path, text, expected):
    assert faults(tmp_path, text) == (None, expected)


def test_a_missing_file_is_a_fault_and_no_traceback(tmp_path):
    value, found = decode(tmp_path / "none.yaml", Cart, name="none.yaml")
    assert value is None
    assert [fault.message.partition(":")[0] for fault in found] == ["cannot be read"]
