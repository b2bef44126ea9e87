"""The table in a terminal."""

from __future__ import annotations

import io
import subprocess
import sys

from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.console import Console

from engine.model.finding import Account, Device, Finding
from engine.model.run import HuntRun
from engine.report.console import table
from tests.engine.report.example import FINDINGS, RUN

ANY_TEXT = st.text(st.characters(exclude_categories=()))


def printed(run: HuntRun, *findings: Finding, width: int = 160, colour: bool = False) -> str:
    file = io.StringIO()
    system = "truecolor" if colour else None
    table(run, findings, Console(file=file, width=width, force_terminal=colour, color_system=system))
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().splitlines())


def test_a_finding_takes_two_lines() -> None:
    assert printed(RUN, *FINDINGS[4:]) == (
        "\n"
        " Severity   Device and account            Actor and start (UTC)   Commands\n"
        " " + "─" * 140 + "\n"
        " medium     fin-ws-0142.contoso.example   rundll32.exe            "
        "3 commands: Shares, Processes, Domain accounts\n"
        " score 55   CONTOSO\\m.keller              2026-11-24 11:30:15\n"
        " low        kiosk-11.contoso.example      AssetScout.exe          "
        "4 commands: System information, Network configuration, Processes and 1 more\n"
        " score 27   NT AUTHORITY\\SYSTEM           2026-11-23 19:00:01\n"
        "\n"
        "2 findings on 2 devices in 43,102 events from 2026-11-23 12:00 to 2026-11-24 12:00 UTC. Set aside: known good "
        "21,877, repeat of a command 12,340, routine for\n"
        "its actor 6,914, net1 under net 1,203.\n"
    )


def test_the_worst_finding_is_first_and_red() -> None:
    lines = printed(RUN, *FINDINGS[::-1], colour=True).splitlines()
    assert lines[3].startswith(" \x1b[1;31mhigh")
    assert lines[-4].startswith(" \x1b[36mscore 27")


def test_no_findings_are_one_line() -> None:
    assert printed(replace(RUN, dropped={}), width=200) == (
        "No findings in 43,102 events from 2026-11-23 12:00 to 2026-11-24 12:00 UTC.\n"
    )


def test_a_failed_run_says_why() -> None:
    assert printed(replace(RUN, status="failed", error="[red]Graph\x1b[2J", dropped={})).splitlines()[0] == (
        r"The run failed: [red]Graph\x1b[2J"
    )


@settings(deadline=None, max_examples=60)
@given(ANY_TEXT)
@example("[bold red]x[/]")
@example("\x1b]8;;http://example.test\a\u202e")
@example("\\[x]\ud800")
def test_no_text_drives_the_terminal(text) -> None:
    finding = replace(
        FINDINGS[0],
        device=Device(text, text),
        account=Account(text, text),
        actor=replace(FINDINGS[0].actor, file_name=text),
        commands=tuple(replace(command, title=text, intent=text) for command in FINDINGS[0].commands),
    )
    shown = printed(replace(RUN, dropped={text: 1}), finding, width=400)
    assert all(character == "\n" or character.isprintable() for character in shown)


def test_markup_is_shown_as_it_was_written() -> None:
    finding = replace(FINDINGS[0], device=Device("d", "[red]ws[/red] :dog:"))
    assert "[red]ws[/red] :dog:" in printed(RUN, finding)


def test_rich_is_loaded_by_a_table_alone() -> None:
    subprocess.run(
        [sys.executable, "-c", "import sys, engine.report.console; assert 'rich' not in sys.modules"], check=True
    )
