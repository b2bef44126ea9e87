"""The page in a browser: quiet, within its width, readable in light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from msgspec.structs import replace
from playwright.sync_api import Browser

from engine.model.finding import Account, Device
from engine.report.html import render
from tests.browser import chromium, visit
from tests.engine.report.example import FINDINGS, NOTE, RUN

PHONE, DESK = 390, 1280
ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)>'\"\u202e\0"
HOSTILE = tuple(
    replace(
        finding,
        title=ATTACK,
        device=Device(finding.device.id, "w" * 300),
        account=Account("a" * 300, "d" * 300),
        actor=replace(finding.actor, file_name="f" * 300, folder_path="C:\\" + "p" * 300),
        reasons=(ATTACK, "r" * 300),
        techniques=("t" * 300,),
        commands=tuple(
            replace(command, title="i" * 300, parent="p" * 300, command_line=ATTACK + "x" * 32_768)
            for command in finding.commands
        ),
    )
    for finding in FINDINGS
)
PAGES = {
    "findings": render(RUN, FINDINGS, note=NOTE),
    "hostile": render(RUN, HOSTILE, note=ATTACK),
    "many": render(RUN, FINDINGS * 10),
    "none": render(RUN, ()),
    "failed": render(replace(RUN, status="failed", error=ATTACK), ()),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder: Path = tmp_path_factory.mktemp("pages")
    for name, page in PAGES.items():
        (folder / f"{name}.html").write_text(page, "utf-8")
    return folder


@pytest.mark.parametrize(("name", "width"), [*product(PAGES, [PHONE, DESK]), ("hostile", 700), ("hostile", 1000)])
def test_a_page_asks_for_nothing_says_nothing_and_fits(browser, folder, name, width) -> None:
    page = folder / f"{name}.html"
    seen = visit(browser, page, width=width, ask={"width": "document.documentElement.scrollWidth"})
    assert (seen.answers, seen.console, seen.requests, seen.dialogs) == ({"width": width}, (), (page.as_uri(),), ())


@pytest.mark.parametrize(("name", "findings"), [("findings", 6), ("hostile", 6), ("many", 60), ("none", 0)])
def test_every_finding_is_on_the_page(browser, folder, name, findings) -> None:
    ask = {
        "cards": "document.querySelectorAll('details.finding').length",
        "bars": "document.querySelectorAll('.fleet line.bar').length",
    }
    assert visit(browser, folder / f"{name}.html", ask=ask).answers == {"cards": findings, "bars": findings}


def test_a_hostile_command_line_is_text(browser, folder) -> None:
    ask = {
        "line": "document.querySelector('td code').innerText.slice(0, 70)",
        "escapes": "[...document.querySelector('td code').querySelectorAll('*')].map(each => each.outerHTML)",
        "foreign": "document.querySelectorAll('script, img, iframe, object, embed, form').length",
    }
    assert visit(browser, folder / "hostile.html", ask=ask).answers == {
        "line": r"""<script>alert(1)</script><img src=x onerror=alert(2)>'"\u202e\x00xxxxxx"""[:70],
        "escapes": [r"<mark>\u202e\x00</mark>", '<span class="cut">30,833 characters more</span>'],
        "foreign": 0,
    }


def test_the_dark_is_dark(browser, folder) -> None:
    ask = {"page": "getComputedStyle(document.body).backgroundColor", "ink": "getComputedStyle(document.body).color"}
    light, dark = (visit(browser, folder / "findings.html", dark=dark, ask=ask).answers for dark in (False, True))
    assert light == {"page": "rgb(246, 247, 248)", "ink": "rgb(29, 33, 38)"}
    assert dark == {"page": "rgb(20, 23, 26)", "ink": "rgb(228, 231, 234)"}


def test_a_link_opens_a_folded_finding(browser, folder) -> None:
    ask = {
        "folded": "document.querySelectorAll('details')[39].open",
        "followed": "location.hash = '#finding-40'",
        "opened": "document.querySelectorAll('details')[39].open",
    }
    answers = visit(browser, folder / "many.html", ask=ask).answers
    assert (answers["folded"], answers["opened"]) == (False, True)


@pytest.mark.parametrize(
    ("name", "width", "dark"),
    [*product(["findings"], [PHONE, DESK], [False, True]), ("none", DESK, False), ("failed", DESK, True)],
)
def test_axe_finds_nothing_that_shuts_people_out(browser, folder, name, width, dark) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", offline=True
    )
    tab = context.new_page()
    tab.goto((folder / f"{name}.html").as_uri())
    found: list[Any] = Axe().run(tab).response["violations"]
    context.close()
    assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found] == []
