"""Cards as Microsoft's renderer shows them; `python -m tests.engine.sinks.pictures` makes docs/images/card-*.png."""

import json
import tempfile
from pathlib import Path

from engine.sinks.cards.digest import digested
from engine.sinks.cards.finding import changed, raised
from engine.sinks.cards.room import fitting
from tests.browser import chromium, visit
from tests.engine.sinks import card_examples as examples

ROOT = Path(__file__).parents[3]
RENDERER = ROOT / "tests/node/node_modules/adaptivecards/dist/adaptivecards.min.js"
WIDTH = 720


def _colours(default, subtle):
    return {"default": default, "subtle": subtle}


_FOREGROUND = {
    "default": _colours("#242424", "#616161"),
    "accent": _colours("#4F52B2", "#4F52B2"),
    "attention": _colours("#B10E1C", "#B10E1C"),
    "warning": _colours("#835B00", "#835B00"),
    "good": _colours("#237B4B", "#237B4B"),
}
_BACKGROUNDS = {
    "default": "#FFFFFF",
    "emphasis": "#F0F0F0",
    "accent": "#E8EBFA",
    "attention": "#FBE4E6",
    "warning": "#FFF4CE",
    "good": "#E7F2DA",
}
# Close to what Teams gives its cards in the light theme.
HOST = {
    "fontFamily": "'Segoe UI', system-ui, sans-serif",
    "fontTypes": {
        "default": {"fontFamily": "'Segoe UI', system-ui, sans-serif"},
        "monospace": {"fontFamily": "Consolas, 'DejaVu Sans Mono', monospace"},
    },
    "fontSizes": {"small": 12, "default": 14, "medium": 16, "large": 18, "extraLarge": 24},
    "fontWeights": {"lighter": 300, "default": 400, "bolder": 600},
    "spacing": {"small": 4, "default": 8, "medium": 12, "large": 16, "extraLarge": 24, "padding": 16},
    "separator": {"lineThickness": 1, "lineColor": "#E0E0E0"},
    "supportsInteractivity": True,
    "actions": {"maxActions": 6, "actionsOrientation": "horizontal", "actionAlignment": "left", "buttonSpacing": 8},
    "containerStyles": {
        name: {"backgroundColor": colour, "foregroundColors": _FOREGROUND} for name, colour in _BACKGROUNDS.items()
    },
}
_STYLE = """
body { margin: 12px; background: #f5f5f5; font-family: 'Segoe UI', system-ui, sans-serif; }
#card { background: #fff; border: 1px solid #e0e0e0; border-radius: 6px; overflow: hidden; }
.ac-pushButton { padding: 6px 12px; border: 1px solid #d1d1d1; border-radius: 4px; background: #fff; font-weight: 600; }
"""
# Markdown is told apart from text by marking it: nothing on a card of ours may pass through here.
_SCRIPT = """
const markdown = [];
AdaptiveCards.AdaptiveCard.onProcessMarkdown = (text, result) => {
  markdown.push(text); result.outputHtml = text; result.didProcess = true;
};
const card = new AdaptiveCards.AdaptiveCard();
card.hostConfig = new AdaptiveCards.HostConfig(HOST);
const context = new AdaptiveCards.SerializationContext(AdaptiveCards.Versions.v1_5);
card.parse(CARD, context);
const events = [];
for (let each = 0; each < context.eventCount; each++) events.push(context.getEventAt(each).message);
events.push(...card.validateProperties().validationEvents.map(each => each.message));
document.getElementById("card").appendChild(card.render());
"""


def page(message):
    """A page that shows the card of a message; `events` are what the renderer complains of."""
    card = message["attachments"][0]["content"]
    script = _SCRIPT.replace("HOST", _literal(HOST)).replace("CARD", _literal(card))
    # A file's name would be asked for as a request: the page holds the renderer itself.
    renderer = RENDERER.read_text("utf-8").replace("</script", "<\\/script")
    return (
        f"<!doctype html><meta charset=utf-8><style>{_STYLE}</style><div id=card></div>"
        f"<script>{renderer}</script><script>{script}</script>"
    )


def _literal(document):
    return json.dumps(document).replace("<", "\\u003c")


CARDS = {
    "low": fitting(lambda room: raised(examples.LOW, room)),
    "high": fitting(lambda room: raised(examples.HIGH, room)),
    "grown": fitting(lambda room: changed(examples.GROWN, room)),
    "gone": fitting(lambda room: changed(examples.GONE, room)),
    "digest": fitting(lambda room: digested(examples.DIGEST, room)),
    "hostile": fitting(lambda room: raised(examples.HOSTILE_NOTICE, room)),
}


def picture(folder):
    """A PNG of each card, as wide as a channel on a desk shows it."""
    with tempfile.TemporaryDirectory() as pages, chromium() as browser:
        for name, message in CARDS.items():
            shown = Path(pages) / f"{name}.html"
            shown.write_text(page(message), "utf-8")
            visit(browser, shown, width=WIDTH, height=100, picture=folder / f"card-{name}.png")


if __name__ == "__main__":
    picture(ROOT / "docs/images")
