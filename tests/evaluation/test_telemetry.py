"""A label is matched by device, row and time."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.model.finding import Severity
from tests.evaluation.telemetry import Command, Label, Match, match, scored
from tests.evaluation.test_judgement import finding

LABEL = Label(
    id="set:001",
    label="attack_emulated",
    device_id="d1",
    start="2026-11-23T09:29:00Z",
    end="2026-11-23T09:35:00Z",
    distinct_images=4,
    commands=(Command(1), Command(2)),
)


@pytest.mark.parametrize(
    ("label", "severity", "score"),
    [
        (LABEL, "high", 70),
        (msgspec.structs.replace(LABEL, device_id="d2"), None, 0),
        (msgspec.structs.replace(LABEL, commands=(Command(7),)), None, 0),
        (msgspec.structs.replace(LABEL, start="2026-11-23T09:31:00Z"), None, 0),
    ],
    ids=["the worst of two", "another device", "other rows", "another time"],
)
def test_a_label_has_the_worst_finding_that_shares_a_command(
    label: Label, severity: Severity | None, score: int
) -> None:
    findings = [finding(1, 9, score=40), finding(2, severity="high", score=70)]

    assert match(label, findings) == Match(
        id="set:001", label="attack_emulated", distinct=4, tool="", severity=severity, score=score
    )


def test_without_the_folder_nothing_is_scored(tmp_path: Path) -> None:
    assert scored(tmp_path / "telemetry") is None
