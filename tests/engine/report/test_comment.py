"""Comments say what was found, and are read as text whatever a command line holds; they fit into Sentinel's."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec.structs import replace

from engine.model.finding import Account, Device
from engine.report import comment
from engine.report.comment import MOST_CHARACTERS, Said
from engine.report.visible import visible
from tests.engine.report.example import FINDINGS
from tests.proof import examples

FIRST = FINDINGS[0]
SAID = Said("Vizsla, Burst: 1 finding", ("a note",))
RENDERERS = [
    MarkdownIt("commonmark"),
    MarkdownIt("js-default", {"html": True, "linkify": False}).enable(["table", "strikethrough"]),
]
FORMS = [comment.html, comment.markdown]


class Read(HTMLParser):
    """The elements of a page, with attributes, and its text."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.text = [], ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, *attrs))
        self.text += "\n" * (tag not in {"strong", "b", "code"})

    def handle_data(self, data):
        self.text += data

    def handle_comment(self, data):
        self.elements.append(("comment", data))


def squeezed(text):
    return re.sub(r"\s+", " ", text).strip()


def hostile(text):
    """A finding with the text wherever a stranger may write."""
    command = replace(FIRST.commands[0], command_line=text, file_name=text)
    return replace(
        FIRST,
        title=text,
        account=Account(text, text),
        device=Device(text, text),
        reasons=(text, f"{text} and more"),
        commands=(command,),
        expected=text,
    )


ATTACKS = [
    "<img src=x onerror=alert(1)>",
    "</code></p><script>alert(1)</script>",
    "&lt;b&gt; &amp; &#60;",
    "[click](https://evil.example) ![x](https://evil.example/p.png)",
    "<https://evil.example> https://evil.example www.evil.example a@evil.example",
    "**bold** _it_ ~~gone~~ `code` ``` # head",
    "    four blanks",
    "> quote",
    "- item",
    "1. item",
    "1) item",
    "===",
    "---",
    "| a | b |\n|---|---|\n| c | d |",
    "a\n\n# head\n\n<div>",
    "[x]: https://evil.example",
    "\\[x\\](y) \\",
    "$x$ ^y^ ==z==",
    "\u202egnp.exe \x1b[31m \u200b",
    "\ud800",
    "&colon; &NewLine;",
]
TEXTS = st.text(st.one_of(st.sampled_from("<>&\"'`*_[](){}#+-.!|~\\:/@=$^ \n\t12ab"), st.characters()), max_size=60)


def with_attacks(test):
    for attack in ATTACKS:
        test = example(attack)(test)
    return test


@pytest.mark.property
@with_attacks
@settings(max_examples=examples(quick=150, full=5_000))
@given(TEXTS)
def test_html_holds_every_text_as_text(text):
    page = Read(comment.html(Said(text, (text,)), [hostile(text)]))
    assert {tag for tag, *_ in page.elements} <= {"p", "b", "br", "ul", "li", "code"}
    assert [attributes for _, *attributes in page.elements if attributes] == []
    wanted = squeezed(visible(text))
    assert squeezed(page.text).count(wanted) >= 5


@pytest.mark.property
@with_attacks
@settings(max_examples=examples(quick=150, full=5_000))
@given(TEXTS)
def test_markdown_holds_every_text_as_text(text):
    written = comment.markdown(Said(text, (text,)), [hostile(text)])
    for renderer in RENDERERS:
        page = Read(renderer.render(written))
        assert {tag for tag, *_ in page.elements} <= {"p", "strong", "ul", "li", "br"}
        assert [attributes for _, *attributes in page.elements if attributes] == []
        assert squeezed(page.text).count(squeezed(visible(text))) >= 5


def test_html_says_what_was_found():
    finding = replace(FIRST, title="5 commands by x.exe", reasons=("one", "two"), commands=FIRST.commands[:1])
    page = comment.html(SAID, [finding])
    assert page.startswith("<p><b>Vizsla, Burst: 1 finding</b></p><p>a note</p><p><b>")
    assert f"{finding.severity}, score {finding.score}: 5 commands by x.exe</b><br>" in page
    assert "<ul><li>one</li><li>two</li></ul><p><code>" in page
    assert page.endswith("</code></p>")


def test_markdown_says_the_same():
    finding = replace(FIRST, title="5 commands by x", reasons=("one", "two"), commands=())
    page = comment.markdown(SAID, [finding])
    assert page.startswith("**Vizsla, Burst\\: 1 finding**\n\na note\n\n**")
    assert "\n\n- one\n- two" in page


@pytest.mark.parametrize("write", FORMS)
def test_the_worst_finding_comes_first(write):
    low, high = replace(FIRST, severity="low", title="Aaa"), replace(FIRST, severity="high", title="Bbb")
    page = write(SAID, [low, high])
    assert page.index("Bbb") < page.index("Aaa")


@pytest.mark.parametrize("write", FORMS)
@pytest.mark.parametrize(
    ("findings", "commands", "characters", "left"),
    [
        (1, 21, 10, "1 more command"),
        (1, 5_000, 8_000, "more commands"),
        (12, 3, 100, "2 more findings"),
        (5_000, 1, 100, "4,990 more findings"),
        (100, 100, 8_000, "90 more findings"),
    ],
)
def test_it_fits_and_counts_what_is_left_out(write, findings, commands, characters, left):
    line = replace(FIRST.commands[0], command_line="<" * characters)
    many = [replace(FIRST, fingerprint=str(number), commands=(line,) * commands) for number in range(findings)]
    page = write(SAID, many)
    assert len(page) <= MOST_CHARACTERS
    assert left in page.replace("\\", "")


@pytest.mark.parametrize("write", FORMS)
@pytest.mark.parametrize(
    ("headline", "note", "reason"),
    [("h", "n", "'" * 40_000), ("h", "'" * 40_000, "r"), ("'" * 40_000, "n", "r"), ("\u202e" * 40_000,) * 3],
)
def test_it_fits_whatever_is_long(write, headline, note, reason):
    page = write(Said(headline, (note,)), [replace(FIRST, reasons=(reason,) * 20)])
    assert 0 < len(page) <= MOST_CHARACTERS


@pytest.mark.parametrize("write", FORMS)
def test_what_no_comment_holds_is_said_to_be_in_the_report(write):
    assert "read the report" in write(Said("h", ("'" * 40_000,)), [])


@pytest.mark.parametrize("write", FORMS)
def test_of_many_reasons_those_left_out_are_counted(write):
    page = write(SAID, [replace(FIRST, reasons=("why",) * 15)])
    assert (page.count("why"), "3 more reasons" in page) == (12, True)


@pytest.mark.parametrize("write", FORMS)
def test_what_somebody_expected_is_told(write):
    assert "Expected by Anna" in write(SAID, [replace(FIRST, expected="Expected by Anna")])


@pytest.mark.parametrize("write", FORMS)
def test_without_findings_the_headline_and_notes_stand_alone(write):
    page = write(SAID, [])
    assert ("1 finding" in page, "a note" in page, len(page) < 100) == (True, True, True)
