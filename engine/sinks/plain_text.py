r"""Text that others wrote, put into a field that is plain text until somebody renders it.

Microsoft calls an alert's description and an incident's comment strings, and an incident's description rich text; how
the portal shows them is not documented. So what could act there, as HTML or as Markdown, becomes an escape that is
seen, `\x3c` for `<`, in the form that invisible characters have too: a `<` that may open a tag, an `&` that may begin
an entity, the bracket between the halves of a Markdown link or image, and the colon of an address, which would be made
a link to click on. HTML's own escapes would not do: `&lt;` is what an analyst would read where nothing renders it. A
`<`, `&` or `:` that cannot act stays, so that command lines can be read and searched for. What Markdown would merely
set in italics stays too.

Limits are counted as .NET counts characters: an emoji is two.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from engine.report.visible import visible

_ACTING = re.compile(r"<(?=[A-Za-z/!?])|&(?=#|\w+;)|(?<=\])\(|:(?=//)")
_NOTE = 40
"""Room for the words that say how much is cut off."""


def units(text: str) -> int:
    """How long .NET says that a text is: in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def safe(text: str, most: int) -> str:
    """The text on one line, safe to read, in at most `most` units (40 or more): what is cut off is counted."""
    head = text[: most + 1]
    acting = {found.start() for found in _ACTING.finditer(head)}
    shown = [_escaped(each) if place in acting else visible(each) for place, each in enumerate(head)]
    if len(text) <= most and sum(map(units, shown)) <= most:
        return "".join(shown)
    used = kept = 0
    while (used := used + units(shown[kept])) <= most - _NOTE:
        kept += 1
    return f"{''.join(shown[:kept])}... ({len(text) - kept:,} more characters)"


def within(lines: Iterable[str], *, total: int, most: int, rest: Callable[[int], str]) -> list[str]:
    """As many of `total` lines as fit into `most` units, each with its line break, and `rest` of how many do not.

    `rest(total)` itself must fit. No more lines are made than are looked at.
    """
    kept: list[str] = []
    used = 0
    for line in lines:
        left = total - len(kept) - 1
        used += units(line) + 1
        if used + (units(rest(left)) + 1 if left else 0) > most:
            return [*kept, rest(left + 1)]
        kept.append(line)
    return kept


def _escaped(character: str) -> str:
    return f"\\x{ord(character):02x}"
