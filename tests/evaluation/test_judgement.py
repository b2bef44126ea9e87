"""What is found, false, partial, double, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine import loader
from engine.model.finding import Account, Command, Device, Finding, Process, Severity
from tests.estate import Intrusion
from tests.evaluation.judgement import Case, Judged, Noise, finds, intents_of, judged
from tests.evaluation.play import Delivered

TEN = datetime(2026, 11, 23, 10, 5, tzinfo=UTC)
LABEL = Intrusion(
    id="a",
    sequence="played",
    source="a report",
    style="beacon",
    actor="web shell",
    device_id="d1",
    device_name="srv",
    account="pool",
    start="2026-11-23T09:30:00.0000000Z",
    end="2026-11-23T09:35:00.0000000Z",
    report_ids=(1, 2, 3, 4),
    commands=("whoami", "ipconfig /all", "net group /domain", "nltest /dclist:"),
)


def finding(
    *reports: int, device: str = "d1", severity: Severity = "medium", fingerprint: str = "f", score: int = 40
) -> Finding:
    commands = tuple(
        Command(
            time="2026-11-23T09:30:00.0000000Z",
            intent=f"intent-{report}",
            title="",
            technique="",
            file_name="",
            command_line="",
            process_id=None,
            report_id=report,
        )
        for report in reports
    )
    return Finding(
        fingerprint=fingerprint,
        hunt="discovery-burst",
        title="",
        severity=severity,
        score=score,
        device=Device(device, device),
        account=Account("", ""),
        actor=Process(file_name="w3wp.exe"),
        start="",
        end="",
        commands=commands,
        techniques=(),
        reasons=(),
    )


def case(*delivered: Delivered) -> Case:
    (one,) = judged(delivered, [LABEL], {"a": 4}).cases
    return one


def worth(*delivered: Delivered) -> Judged:
    return judged(delivered, [LABEL], {"a": 4})


@pytest.mark.parametrize(
    ("one", "is_found"),
    [
        (finding(1, 2), True),
        (finding(1, 2, severity="high"), True),
        (finding(1, 2, 900), True),
        (finding(1, 2, severity="low"), False),
        (finding(1), False),
        (finding(1, 1), False),
        (finding(1, 900), False),
        (finding(1, 2, device="d2"), False),
    ],
)
def test_two_commands_on_the_device_at_medium_find_an_intrusion(one: Finding, *, is_found: bool) -> None:
    assert finds(one, LABEL) is is_found
    assert (case(Delivered(one, TEN, new=True)).seconds is not None) is is_found


def test_the_time_runs_from_the_first_command_to_the_first_run_that_finds() -> None:
    hour = timedelta(hours=1)
    low = Delivered(finding(1, 2, severity="low"), TEN, new=True)
    grown = Delivered(finding(1, 2, 3), TEN + hour, new=False)
    again = Delivered(finding(1, 2, 3, 4), TEN + 2 * hour, new=False)

    assert case(low, grown, again) == Case(
        id="a",
        sequence="played",
        style="beacon",
        actor="web shell",
        intents=4,
        seconds=35 * 60 + 3600,
        raised="medium",
        findings=1,
    )


def test_what_only_low_findings_hold_is_raised_and_not_found() -> None:
    one = case(Delivered(finding(1, 2, severity="low"), TEN, new=True))

    assert (one.seconds, one.raised) == (None, "low")


@pytest.mark.parametrize(("intents", "is_visible"), [(2, False), (3, True)])
def test_an_intrusion_of_fewer_than_three_intents_is_counted_apart(intents: int, *, is_visible: bool) -> None:
    (one,) = judged([], [LABEL], {"a": intents}).cases

    assert one.visible is is_visible


def test_false_is_what_holds_no_command_of_any_intrusion() -> None:
    result = worth(
        Delivered(finding(1, 2, fingerprint="f1"), TEN, new=True),
        Delivered(finding(3, 900, fingerprint="f2"), TEN, new=True),
        Delivered(finding(900, 901, fingerprint="f3", severity="low", score=30), TEN, new=True),
        Delivered(finding(1, 2, device="d2", fingerprint="f4"), TEN, new=True),
    )

    assert result.false == (
        Noise(actor="w3wp.exe", severity="low", score=30, intents=("intent-900", "intent-901")),
        Noise(actor="w3wp.exe", severity="medium", score=40, intents=("intent-1", "intent-2")),
    )
    assert (result.partial, result.false_at_least("medium"), result.false_at_least("low")) == (1, 1, 2)


def test_a_false_finding_that_grows_is_one_and_as_bad_as_it_became() -> None:
    result = worth(
        Delivered(finding(900, severity="low", score=30), TEN, new=True),
        Delivered(finding(900, 901, severity="high", score=70), TEN, new=False),
    )

    assert [(noise.severity, noise.score) for noise in result.false] == [("high", 70)]
    assert (result.new, result.grown, result.doubles) == (1, 1, 0)


def test_a_double_is_a_new_finding_with_a_command_that_was_received_before() -> None:
    result = worth(
        Delivered(finding(900, 901, fingerprint="f1"), TEN, new=True),
        Delivered(finding(901, 902, fingerprint="f2"), TEN, new=True),
        Delivered(finding(901, 902, 903, fingerprint="f2"), TEN, new=False),
        Delivered(finding(901, device="d2", fingerprint="f3"), TEN, new=True),
    )

    assert result.doubles == 1


def test_intents_are_counted_once_each() -> None:
    hunt = loader.load(loader.HUNTS / "discovery-burst")
    catalogue = next(step.fields["catalogue"] for step in hunt.steps if "catalogue" in step.fields)
    lines = {1: "whoami", 2: "whoami.exe", 3: "ipconfig /all", 4: "notepad a.txt"}
    rows = [
        {
            "DeviceId": "d1",
            "ReportId": report,
            "FileName": f"{line.split()[0].removesuffix('.exe')}.exe",
            "ProcessCommandLine": line,
        }
        for report, line in lines.items()
    ]

    assert intents_of([LABEL], rows, catalogue) == {"a": 2}
