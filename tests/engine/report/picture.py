"""Takes the pictures in docs/images: `python -m tests.engine.report.picture`. What they show is samples/."""

from __future__ import annotations

import tempfile
from pathlib import Path

from engine import learn, loader, ondemand
from engine.report import html
from engine.sources.local import Local
from engine.stores.memory import Memory
from tests.browser import chromium, visit

ROOT = Path(__file__).parents[3]


def report() -> str:
    """The flagship's report on the sample day, judged with the week before it."""
    hunt = loader.load(loader.HUNTS / "discovery-burst")
    with Local(paths=[str(ROOT / "samples")]) as source:
        week = learn.read(ROOT / "samples/routine.gz", hunt.id)
        asked = ondemand.Asked()
        outcome = ondemand.run(hunt, asked, source=source, whole=source.whole, store=Memory(), baseline=week)
    return html.render(outcome.run, outcome.findings, title=hunt.title)


def picture(path: Path) -> None:
    """The top of the report, as a desk sees it."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        page = Path(folder) / "report.html"
        page.write_text(report(), "utf-8")
        visit(browser, page, width=1200, height=1672, picture=path, whole=False)


if __name__ == "__main__":
    picture(ROOT / "docs/images/report.png")
