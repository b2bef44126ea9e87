r"""What a card is made of: version 1.5, as Teams shows it.

Text stands in TextRuns alone, which nobody reads as Markdown: what an attacker wrote can be neither a link nor a
heading. Two things are read even there, and are written as escapes that can be seen: `<at>`, which Power Automate turns
into a mention, and `{{DATE(`, which Teams turns into a date.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeAlias

from engine.model.finding import Severity
from engine.report.visible import cut, visible

Element: TypeAlias = dict[str, Any]
STYLES: dict[Severity, str] = {"high": "attention", "medium": "warning", "low": "accent", "informational": "emphasis"}
COLOURS: dict[Severity, str] = {"high": "Attention", "medium": "Warning", "low": "Accent", "informational": "Default"}
LONGEST_LINK = 3_000
"""Characters: three such links and the least of everything else are under the limit of a message."""
_LEFT = "104px"
_MENTION = re.compile(r"<(?=\s*/?\s*at\b)", re.IGNORECASE)
_FUNCTION = re.compile(r"\{(?=\{\s*\w+\s*\()")
_LINK = re.compile(r"https://[!#-;=?-~]+")


def literal(text: str, most: int) -> str:
    """Text as it was written, `most` characters of it at the most; how many more there are is said."""
    kept, more = cut(text, most)
    shown = _FUNCTION.sub(r"\\u007b", _MENTION.sub(r"\\u003c", visible(kept)))
    return f"{shown}… (+{more:,} characters)" if more else shown


def run(text: str, **style: object) -> Element:
    """Text in one style. It is `literal`, or our own."""
    return {"type": "TextRun", "text": text, **style}


def subtle(text: str, **style: object) -> Element:
    """What is read second."""
    return run(text, isSubtle=True, **style)


def code(text: str, **style: object) -> Element:
    """What a machine wrote or reads."""
    return run(text, fontType="Monospace", size="Small", **style)


def paragraph(*runs: Element, **layout: object) -> Element:
    """Runs that follow each other; they wrap. Those without text are left out."""
    return {"type": "RichTextBlock", "inlines": [each for each in runs if each["text"]], **layout}


def heading(text: str, *more: Element) -> Element:
    """What a section is about, in our own words."""
    return paragraph(run(text, weight="Bolder"), *more, spacing="Medium", separator=True)


def container(items: Iterable[Element], **layout: object) -> Element:
    """Elements that share a background."""
    return {"type": "Container", "items": list(items), **layout}


def row(left: Element, *paragraphs: Element) -> Element:
    """A run on the left, and what belongs to it on the right, in columns."""
    items = [{**each, "spacing": "None"} for each in paragraphs]
    columns = [
        {"type": "Column", "width": _LEFT, "items": [paragraph(left)]},
        {"type": "Column", "width": "stretch", "items": items, "spacing": "Small"},
    ]
    return {"type": "ColumnSet", "columns": columns, "spacing": "Small"}


def fact(label: str, *paragraphs: Element) -> Element:
    """A name of ours and what it is: a FactSet would read Markdown."""
    return row(subtle(label), *paragraphs)


def opens(url: str, **shown: object) -> list[Element]:
    """The action that opens a page; none where the address is no plain https, or too long to be sent."""
    safe = len(url) <= LONGEST_LINK and _LINK.fullmatch(url)
    return [{"type": "Action.OpenUrl", "url": url, **shown}] if safe else []


def message(style: str, band: Iterable[Element], body: Iterable[Element], actions: Iterable[Element]) -> Element:
    """What a Workflows webhook takes: one card, as wide as the channel, that begins with a band in `style`."""
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.5",
        "msteams": {"width": "Full"},
        "fallbackText": "Vizsla tells of a finding. This client is too old to show it.",
        "body": [container(band, style=style, bleed=True), *body],
        "actions": list(actions),
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}
