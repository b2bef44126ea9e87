"""A page as a person sees it: Debian's Chromium without a window, driven by Playwright.

Playwright's own browsers are never downloaded. Nothing leaves the machine: the browser is told that it is offline.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Dialog, Page, sync_playwright

INSTALL = "apt-get update && apt-get install -y --no-install-recommends chromium"


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a visit: `answers` by the name of their question, and everything a quiet page does not do."""

    answers: dict[str, Any]
    console: tuple[str, ...]
    requests: tuple[str, ...]
    dialogs: tuple[str, ...]


@dataclass
class _Log:
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.console.append(f"error: {error}"))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("dialog", self._dismiss)

    def _dismiss(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running browser. Fails the test, with the cure, where there is none."""
    found = shutil.which("chromium")
    assert found, f"This test needs Chromium: {INSTALL}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


def visit(
    browser: Browser,
    page: Path,
    *,
    width: int = 1280,
    height: int = 900,
    dark: bool = False,
    ask: Mapping[str, str] | None = None,
    picture: Path | None = None,
    whole: bool = True,
) -> Seen:
    """Opens a file, evaluates each JavaScript expression of `ask` in it, and takes a PNG where `picture` says.

    The picture is of the `whole` page, or of the first `height` pixels.
    """
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", offline=True
    )
    try:
        tab, log = context.new_page(), _Log()
        log.listen(tab)
        tab.goto(page.resolve().as_uri())
        answers = {name: tab.evaluate(expression) for name, expression in (ask or {}).items()}
        if picture:
            tab.screenshot(path=picture, full_page=whole)
        return Seen(answers, tuple(log.console), tuple(log.requests), tuple(log.dialogs))
    finally:
        context.close()
