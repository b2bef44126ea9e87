"""The page holds what it was given, as text and as nothing else."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.model.finding import Account, Device, Finding
from engine.report.html import OPEN_FINDINGS, render
from engine.report.visible import visible
from tests.engine.report.example import FINDINGS, NOTE, RUN

ANY_TEXT = st.text(st.characters(exclude_categories=()))
FIRST = FINDINGS[0]
MOST_BYTES = 3_000_000
VOID = {"meta", "link", "line", "circle"}


@dataclass
class Parsed(HTMLParser):
    """What a browser would make of a page: its elements with their attributes, and the text inside each."""

    page: str
    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    path: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.texts.setdefault(tag, []).append("")
        if tag not in VOID:
            self.path.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.path.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data.split()
        for tag in set(self.path):
            self.texts[tag][-1] += data

    def names(self) -> list[str]:
        """The elements in order, without those that mark an escape."""
        return [tag for tag, _ in self.elements if tag != "mark"]


def hostile(text: str) -> Finding:
    """A finding that holds the text wherever others can write."""
    process = replace(FIRST.actor, file_name=text, folder_path=text, command_line=text, creation_time=text, sha1=text)
    command = replace(
        FIRST.commands[0], command_line=text, file_name=text, parent=text, intent=text, title=text, technique=text
    )
    return replace(
        FIRST,
        fingerprint=text,
        title=text,
        device=Device(text, text),
        account=Account(text, text, text),
        actor=process,
        chain=(process, replace(process, process_id=None)),
        commands=(command,),
        techniques=(text,),
        reasons=(text,),
    )


@settings(deadline=None, max_examples=60)
@given(ANY_TEXT.filter(bool))
@example("</code></style></script><script>alert(1)</script>")
@example("'\"><img src=x onerror=alert(1)>")
@example("{{ 7 * 7 }}{% raw %}")
@example("invoice_\u202efdp.exe\0\x1b]0;title\a")
@example("\ud800<b>&amp;&#0;")
def test_no_text_becomes_markup_and_none_is_lost(text) -> None:
    page = Parsed(render(RUN, [hostile(text)], title=text, note=text))
    harmless = Parsed(render(RUN, [hostile("x")], title="x", note="x"))
    assert page.names() == harmless.names()
    assert page.path == []
    assert page.texts["code"][-2] == visible(text)
    assert page.texts["h3"][-1] == visible(text)
    assert page.texts["circle"] == [""]
    assert [value for _, attributes in page.elements if (value := attributes.get("title")) == visible(text)]


@given(ANY_TEXT)
@settings(deadline=None, max_examples=20)
def test_the_file_can_be_written(text) -> None:
    assert render(replace(RUN, status="failed", error=text, notes=(text,)), [hostile(text)]).encode()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("a" * 2_000, "a" * 2_000),
        ("a" * 32_768, "a" * 2_000 + " 30,768 characters more"),
        ("a" * 2_001, "a" * 2_000 + " 1 character more"),
    ],
)
def test_a_long_command_line_is_cut_and_says_by_how_much(line, shown) -> None:
    finding = replace(FIRST, commands=(replace(FIRST.commands[0], command_line=line),))
    assert Parsed(render(RUN, [finding])).texts["code"][-2] == shown


def test_techniques_lead_to_attack_and_nothing_else_leaves_the_page() -> None:
    finding = replace(FIRST, techniques=("T1482", "T1069.002", "T1482/../x", "javascript:alert(1)"))
    links = [attributes["href"] for tag, attributes in Parsed(render(RUN, [finding])).elements if tag == "a"]
    assert links == [
        "#finding-1",
        "#finding-1",
        "https://attack.mitre.org/techniques/T1482/",
        "https://attack.mitre.org/techniques/T1069/002/",
    ]


def test_the_page_says_what_a_run_did() -> None:
    text = " ".join(Parsed(render(RUN, FINDINGS, title="Discovery burst", note=NOTE)).words)
    for told in (
        "Discovery burst 2026-11-23 12:00 to 2026-11-24 12:00 UTC " + NOTE,
        "Findings 2 high 3 medium 1 low Devices with a finding 5 Events read 43,102 Run 3.4 s succeeded",
        "Set aside known good 21,877 repeat of a command 12,340 routine for its actor 6,914 net1 under net 1,203",
        r"fin-ws-0142.contoso.example CONTOSO\m.keller 2026-11-24 09:44:10 UTC 5 min 21 s, 10 commands",
        "rundll32.exe actor PID 9316, started 2026-11-24 09:41:52, signature Valid",
    ):
        assert told in text


def test_a_hunt_without_a_title_is_called_by_its_id() -> None:
    assert Parsed(render(RUN, ())).texts["h1"] == ["Discovery burst"]


def test_findings_stand_worst_first() -> None:
    page = Parsed(render(RUN, FINDINGS[::-1]))
    assert page.texts["h3"][1:] == [finding.title for finding in FINDINGS]


@pytest.mark.parametrize(
    ("status", "heading", "told"),
    [
        ("succeeded", "Nothing found", "the rest did not add up to a finding."),
        ("failed", "Summary", "This run failed. Graph is away. What follows may be incomplete."),
    ],
)
def test_no_finding_is_told_apart_from_a_failed_run(status, heading, told) -> None:
    page = Parsed(render(replace(RUN, status=status, error="Graph is away."), ()))
    assert page.texts["h2"] == [heading]
    assert told in page.texts["body"][0]


def test_an_actor_that_the_chain_lacks_leads_it() -> None:
    page = Parsed(render(RUN, [replace(FIRST, chain=(replace(FIRST.actor, file_name="cmd.exe"),))]))
    assert [text for text in page.texts["b"] if text.endswith(".exe")] == ["rundll32.exe", "cmd.exe"]


def test_five_hundred_findings_stay_light() -> None:
    many = [
        replace(
            FINDINGS[number % 6], commands=FIRST.commands, device=Device(f"d{number}", f"ws-{number}.contoso.example")
        )
        for number in range(500)
    ]
    page = render(RUN, many)
    assert (page.count("<details"), page.count(" open>")) == (500, OPEN_FINDINGS)
    assert len(page.encode()) <= MOST_BYTES


def test_folded_findings_say_what_they_leave_out() -> None:
    many = [replace(FIRST, commands=FIRST.commands * 3)] * (OPEN_FINDINGS + 1)
    page = Parsed(render(RUN, many))
    assert len(page.texts["tr"]) == (OPEN_FINDINGS * 31) + 21
    assert page.texts["p"][-3:-1] == ["10 more commands, not shown.", "Fingerprint 5b0e2f6c9a1d4837"]


def test_jinja_is_loaded_by_a_report_alone() -> None:
    subprocess.run(
        [sys.executable, "-c", "import sys, engine.report.html; assert 'jinja2' not in sys.modules"], check=True
    )


def test_what_an_encoded_command_says_stands_beside_it_and_what_was_expected_above_all() -> None:
    command = replace(FIRST.commands[0], decoded="whoami <b>/groups</b>")
    told = replace(FIRST, commands=(command,), expected="an authorised test until noon, anna: pentest <i>")
    page = Parsed(render(RUN, [told]))
    assert "whoami <b>/groups</b>" in page.texts["code"]
    assert "an authorised test until noon, anna: pentest <i>" in page.texts["p"]
