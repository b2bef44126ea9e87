"""An explanation in a terminal: the verdict first, then a few aligned lines a step; and as JSON."""

from __future__ import annotations

import io
import subprocess
import sys
from datetime import UTC, datetime

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.console import Console

from engine.model.explanation import Explanation, Found, Line, Section
from engine.model.finding import Device
from engine.model.run import Window
from engine.report.explanation import encode, show
from tests.proof import examples

ANY_TEXT = st.text(st.characters(exclude_categories=()))
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ADFIND = r"C:\Users\Public\adfind.exe -f (objectcategory=computer) -csv name operatingSystem"
EXPLANATION = Explanation(
    hunt="discovery-burst",
    device=Device("d", "ws01.contoso.com"),
    span=Window(NOON.replace(hour=11), NOON),
    verdict="No finding: 2 of 3. 1 more different command would have made one.",
    findings=(),
    sections=(
        Section(
            step="query",
            given=1_412,
            kept=2,
            says="2 of 1,412 process creations returned",
            lines=(
                Line(mark="dropped", count=1_410, what="not in the catalogue", why="chrome.exe 1,400, calc.exe 10"),
            ),
        ),
        Section(
            step="classify",
            given=2,
            kept=2,
            says="2 of 2 are discovery",
            lines=(
                Line(mark="kept", count=1, what=ADFIND, why="Computers of the domain"),
                Line(mark="kept", count=1, what="whoami", why="Name of the current user"),
            ),
        ),
        Section(step="drop_known_good", given=2, kept=2, says="0 of 2 excused"),
        Section(
            step="find_bursts",
            given=2,
            kept=2,
            says="0 bursts",
            lines=(Line(mark="near", why="Trusts at 11:31:00 came 1 min too late to count"),),
        ),
        Section(step="score", given=0, kept=0, says="0 findings"),
    ),
)


def printed(explanation: Explanation, width: int = 100, *, colour: bool = False) -> str:
    file = io.StringIO()
    system = "truecolor" if colour else None
    show(explanation, Console(file=file, width=width, force_terminal=colour, color_system=system))
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().splitlines())


def test_the_verdict_is_first_and_columns_stand_below_each_other() -> None:
    assert printed(EXPLANATION) == (
        "No finding: 2 of 3. 1 more different command would have made one.\n"
        "discovery-burst on ws01.contoso.com, 2026-11-24 11:00 to 12:00 UTC\n"
        "\n"
        "query            2 of 1,412 process creations returned\n"
        "-  1,410  not in the catalogue                        chrome.exe 1,400, calc.exe 10\n"
        "\n"
        "classify         2 of 2 are discovery\n"
        "+      1  C:\\Users\\Public\\adfind.exe -f (objectca...  Computers of the domain\n"
        "+      1  whoami                                      Name of the current user\n"
        "\n"
        "drop_known_good  0 of 2 excused\n"
        "\n"
        "find_bursts      0 bursts\n"
        "~         Trusts at 11:31:00 came 1 min too late to count\n"
        "\n"
        "Nothing was left for score.\n"
    )


def test_a_wider_terminal_shows_more_of_a_command_line() -> None:
    assert f"+      1  {ADFIND[:55]}...  Computers of the domain\n" in printed(EXPLANATION, width=140)


def test_a_finding_is_red_and_what_was_dropped_is_faint() -> None:
    found = Found(severity="high", score=90, title="t", start="", end="", fingerprint="f")
    shown = printed(replace(EXPLANATION, verdict="Finding", findings=(found,)), colour=True)
    assert shown.startswith("\x1b[1;31mFinding")
    assert "\x1b[2mnot in the catalogue" in shown


@settings(deadline=None, max_examples=examples(quick=60, full=2_000))
@given(ANY_TEXT)
@example("[bold red]x[/]")
@example("\x1b]8;;http://example.test\a\u202e")
@example("whoami\r\n+ 1 everything is fine\x00")
@example("\\[x]\ud800")
def test_no_text_drives_the_terminal(text) -> None:
    line = Line(mark="kept", count=1, what=text, why=text)
    section = Section(
        step="classify", given=1, kept=1, says=text, lines=(line, replace(line, what=""), replace(line, why=""))
    )
    hostile = replace(EXPLANATION, verdict=text, device=Device(text, text), sections=(section,))
    shown = printed(hostile, width=200)
    assert all(character == "\n" or character.isprintable() for character in shown)


def test_markup_and_line_breaks_are_shown_as_they_were_written() -> None:
    line = Line(mark="kept", what="[red]net[/red]\nuser :dog:", why="x")
    section = Section(step="classify", given=1, kept=1, says="says", lines=(line,))
    assert r"[red]net[/red]\nuser :dog:" in printed(replace(EXPLANATION, sections=(section,)))


def test_a_command_line_of_any_length_takes_one_line() -> None:
    line = Line(mark="kept", count=1, what="a" * 8_000, why="b" * 8_000)
    section = Section(step="classify", given=1, kept=1, says="says", lines=(line,))
    assert len(printed(replace(EXPLANATION, sections=(section,))).splitlines()) < 16


def test_json_holds_all_of_it() -> None:
    assert msgspec.json.decode(encode(EXPLANATION), type=Explanation) == EXPLANATION


def test_rich_is_loaded_by_what_prints_alone() -> None:
    check = "import sys, engine.report.explanation; assert 'rich' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True)
