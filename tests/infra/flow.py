"""The picture of a playbook's flow, drawn from its definition: `python -m tests.infra.flow` writes SVG and PNG."""

from __future__ import annotations

import re
import struct
import sys
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from itertools import count
from pathlib import Path
from textwrap import wrap
from typing import Any

from tests.browser import chromium, visit
from tests.infra import workflow
from tests.infra.run import FAILED
from tests.infra.workflow import Action, Workflow
from tests.tree import ROOT

PLAYBOOKS = ROOT / "infra" / "playbooks"
_WIDE, _GAP, _APART, _PAD, _LINE, _COLUMNS = 292, 26, 30, 16, 16, 46
_SIDE, _SCALE = 18, 1.5
_KINDS = {
    "ApiConnection": ("Sentinel", "#1f6feb", "#eef5ff"),
    "ApiConnectionWebhook": ("Sentinel", "#1f6feb", "#eef5ff"),
    "Http": ("HTTP", "#7a3ec8", "#f6f0ff"),
    "If": ("if", "#9a6700", "#fffaf0"),
    "Scope": ("scope", "#57606a", "#f8f9fb"),
    "Terminate": ("end", "#24292f", "#eceff2"),
}
_PLAIN = ("", "#8c959f", "#ffffff")
_BAD = ("#cf222e", "#fff1f0")
_EDGES = {
    "next": ("#57606a", "", ""),
    "always": ("#57606a", "7 4", "whatever came of it"),
    "failed": (_BAD[0], "7 4", "failed or timed out"),
}
_LINES = {
    "next": "if that succeeded",
    "always": "whatever came of it",
    "failed": "if that failed or timed out",
}
_COLOURS = {
    "ApiConnection": "Sentinel connector",
    "Http": "HTTP: Key Vault, the app, Azure Resource Manager",
    "If": "a condition",
    "Compose": "a value is made",
    "failed": "only after a failure",
    "Terminate": "the run ends",
}
_STYLE = """
text { font: 12px "Segoe UI", Inter, "DejaVu Sans", sans-serif; fill: #24292f }
.name { font-weight: 600; font-size: 13px }
.kind, .edge { font-size: 11px }
.title { font-size: 18px; font-weight: 600 }
"""


@dataclass(frozen=True, slots=True)
class Block:
    """A drawn part: its size, and its SVG, which begins at 0, 0. Its lines meet it at `middle`."""

    width: float
    height: float
    middle: float
    svg: str


def _lines(text: str, width: float) -> list[str]:
    return wrap(text, int(_COLUMNS * (width - 2 * _PAD) / (_WIDE - 2 * _PAD)))


def _heading(name: str, kind: str, said: str, width: float, extra: str = "") -> tuple[float, str]:
    """Name, kind and description of a box, and how high they are."""
    word, ink, _ = _KINDS.get(kind, _PLAIN)
    word = extra or word
    parts = [f'<text class="name" x="{_PAD}" y="22">{escape(name.replace("_-_", ": ").replace("_", " "))}</text>']
    if word:
        parts.append(f'<text class="kind" x="{width - _PAD}" y="22" text-anchor="end" style="fill:{ink}">{word}</text>')
    lines = _lines(said, width)
    parts += [f'<text x="{_PAD}" y="{40 + _LINE * place}">{escape(line)}</text>' for place, line in enumerate(lines)]
    return 34 + _LINE * len(lines), "".join(parts)


def _frame(kind: str, width: float, height: float, *, bad: bool = False) -> str:
    _, ink, ground = _KINDS.get(kind, _PLAIN)
    ink, ground = _BAD if bad else (ink, ground)
    return f'<rect width="{width}" height="{height}" rx="6" fill="{ground}" stroke="{ink}" stroke-width="1.3"/>'


def _box(name: str, kind: str, said: str, *, bad: bool = False, extra: str = "") -> Block:
    height, text = _heading(name, kind, said, _WIDE, extra)
    return Block(_WIDE, height, _WIDE / 2, _frame(kind, _WIDE, height, bad=bad) + text)


def _block(flow: Workflow, action: Action, *, bad: bool) -> Block:
    said = action.is_.get("description", "")
    if action.kind not in {"If", "Scope"}:
        ended = f"end: {action.is_['inputs']['runStatus']}" if action.kind == "Terminate" else ""
        return _box(action.name, action.kind, said, bad=bad, extra=ended)
    branches = [
        (label, _sequence(flow, held))
        for branch, label in (("actions", "yes"), ("else", "no"))
        if (held := flow.inside(action.name, branch))
    ]
    width = max(_WIDE, sum(each.width for _, each in branches) + _APART * (len(branches) - 1) + 2 * _PAD)
    top, text = _heading(action.name, action.kind, said, width)
    label_high = 20 if action.kind == "If" else 4
    parts, x, bottom = [], float(_PAD), 0.0
    for label, each in branches:
        if action.kind == "If":
            parts.append(f'<text class="edge" x="{x}" y="{top + 12}" style="fill:#9a6700">{label}</text>')
        parts.append(_moved(each, x, top + label_high))
        x, bottom = x + each.width + _APART, max(bottom, top + label_high + each.height)
    height = bottom + _PAD
    return Block(
        width, height, _PAD + branches[0][1].middle, _frame(action.kind, width, height) + text + "".join(parts)
    )


def _moved(block: Block, x: float, y: float) -> str:
    return f'<g transform="translate({x:g} {y:g})">{block.svg}</g>'


@dataclass(frozen=True, slots=True)
class _Placed:
    """Where a block stands in its sequence: in which lane, how far down."""

    block: Block
    lane: int
    top: float

    @property
    def bottom(self) -> float:
        return self.top + self.block.height


def _sequence(flow: Workflow, actions: list[Action]) -> Block:
    """Actions one below the other; what follows a failure stands in a lane of its own to the right."""
    placed = _place(flow, actions)
    lanes = range(1 + max(each.lane for each in placed.values()))
    widths = [max((each.block.width for each in placed.values() if each.lane == lane), default=0) for lane in lanes]
    left = [sum(widths[:lane]) + 2 * _APART * lane for lane in lanes]
    # In one lane all lines run straight down: the blocks hang from one middle.
    middles = [left[lane] + max(each.block.middle for each in placed.values() if each.lane == lane) for lane in lanes]
    at = {name: middles[each.lane] - each.block.middle for name, each in placed.items()}
    lines = [
        _edge(kind, (at[one], placed[one]), (at[each.name], placed[each.name]), "no" if _ends(flow, one) else "")
        for each in actions
        for one, kind in _before(each)
    ]
    width = max(at[name] + each.block.width for name, each in placed.items())
    svg = "".join(lines) + "".join(_moved(each.block, at[name], each.top) for name, each in placed.items())
    return Block(width, max(each.bottom for each in placed.values()), middles[0], svg)


def _before(action: Action) -> Iterator[tuple[str, str]]:
    for one, statuses in action.after.items():
        failed, fine = FAILED & {*statuses}, "Succeeded" in statuses
        yield one, "always" if failed and fine else "failed" if failed else "next"


def _place(flow: Workflow, actions: list[Action]) -> dict[str, _Placed]:
    placed: dict[str, _Placed] = {}
    # Failures first: their lanes are short, and the main line goes by beside them.
    waiting = sorted(actions, key=lambda each: "failed" not in dict(_before(each)).values())
    while waiting:
        action = next(each for each in waiting if all(one in placed for one in each.after))
        waiting.remove(action)
        edges = dict(_before(action))
        top = max((placed[one].bottom + _GAP for one in edges), default=0.0)
        lane = max((placed[one].lane for one in edges), default=0)
        if "failed" in edges.values():
            top += _GAP
            lane = next(n for n in count(lane + 1) if all(p.bottom < top for p in placed.values() if p.lane == n))
        placed[action.name] = _Placed(_block(flow, action, bad=lane > 0 and action.kind != "Terminate"), lane, top)
    return placed


def _ends(flow: Workflow, name: str) -> bool:
    """Whether it is an If whose first branch ends the run, so that what follows is its other branch."""
    inside = flow.inside(name, "actions")
    return flow.actions[name].kind == "If" and any(each.kind == "Terminate" for each in inside)


def _edge(kind: str, start: tuple[float, _Placed], end: tuple[float, _Placed], word: str = "") -> str:
    """The line from one block to the next: straight down, or, after a failure, out of the block's side."""
    ink, dashes, own_word = _EDGES[kind]
    (at, one), (other_at, other) = start, end
    x, other_x = at + one.block.middle, other_at + other.block.middle
    path = f"M{x:g} {one.bottom:g}V{other.top:g}"
    if kind == "failed":
        path = f"M{at + one.block.width:g} {one.bottom - _SIDE:g}H{other_x:g}V{other.top:g}"
    style = f'stroke="{ink}" stroke-width="1.6" stroke-dasharray="{dashes}" marker-end="url(#{kind})"'
    return f'<path d="{path}" fill="none" {style}/>' + _word(other_x + 8, other.top - 9, word or own_word, ink)


def _word(x: float, y: float, word: str, ink: str) -> str:
    return f'<text class="edge" x="{x:g}" y="{y:g}" style="fill:{ink}">{word}</text>' if word else ""


def _legend(x: float) -> str:
    """What the lines and colours mean."""
    parts = []
    for place, (kind, said) in enumerate(_LINES.items()):
        y = 30 + 20 * place
        ink, dashes, _ = _EDGES[kind]
        style = f'stroke="{ink}" stroke-width="1.6" stroke-dasharray="{dashes}" marker-end="url(#{kind})"'
        parts.append(f'<path d="M{x:g} {y - 4}h44" {style}/><text x="{x + 56:g}" y="{y}">{said}</text>')
    for place, (kind, said) in enumerate(_COLOURS.items()):
        y = 96 + 22 * place
        _, ink, ground = ("", *_BAD) if kind == "failed" else _KINDS.get(kind, _PLAIN)
        box = f'<rect x="{x:g}" y="{y - 13}" width="44" height="16" rx="4" fill="{ground}" stroke="{ink}"/>'
        parts.append(f'{box}<text x="{x + 56:g}" y="{y}">{said}</text>')
    return "".join(parts)


def _marker(kind: str) -> str:
    arrow = f'<path d="M0 0L8 4L0 8z" fill="{_EDGES[kind][0]}"/>'
    size = 'viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"'
    return f'<marker id="{kind}" {size}>{arrow}</marker>'


def _size(width: float, height: float) -> str:
    return f'width="{width:g}" height="{height:g}"'


def draw(template: Mapping[str, Any]) -> str:
    """The picture as SVG text."""
    flow = workflow.of(template)
    ((trigger, held),) = flow.definition["triggers"].items()
    first = _box(
        trigger, held["type"], "An automation rule, or an analyst, runs the playbook on an incident.", extra="trigger"
    )
    rest = _sequence(flow, flow.inside(None))
    top = 52 + first.height + _GAP
    start = _Placed(first, 0, 52)
    line = _edge("next", (rest.middle - first.middle, start), (0, _Placed(rest, 0, top)))
    width, height = rest.width + 2 * _PAD, top + rest.height + _PAD
    title = escape(template["metadata"]["title"])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {_size(width, height)} viewBox="0 0 {width:g} {height:g}">'
        f"<title>{title}</title><style>{_STYLE}</style><defs>{''.join(map(_marker, _EDGES))}</defs>"
        f'<rect width="100%" height="100%" fill="#ffffff"/><g transform="translate({_PAD} 0)">'
        f'<text class="title" x="0" y="32">{title}</text>'
        f"{_legend(width - 2 * _PAD - _WIDE - 60)}"
        f"{line}{_moved(first, rest.middle - first.middle, 52)}{_moved(rest, 0, top)}</g></svg>\n"
    )


def photograph(svg: str, picture: Path) -> None:
    """The SVG as Chromium shows it, with the SVG's checksum in the file, so that a stale picture is known."""
    width, height = map(float, re.findall(r'viewBox="0 0 (\S+) (\S+)"', svg)[0])
    body = (
        f'<!doctype html><meta charset="utf-8"><style>body{{margin:0}}svg{{display:block;zoom:{_SCALE}}}</style>{svg}'
    )
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        page = Path(folder) / "flow.html"
        page.write_text(body, "utf-8")
        visit(browser, page, width=round(width * _SCALE), height=round(height * _SCALE), picture=picture)
    taken = picture.read_bytes()
    end = taken.index(b"IEND") - 4
    picture.write_bytes(taken[:end] + _chunk(svg) + taken[end:])


def _chunk(svg: str) -> bytes:
    """A PNG's tEXt chunk that names the SVG which it shows."""
    held = b"tEXt" + b"Source\0" + f"{zlib.crc32(svg.encode()):08x}".encode()
    return struct.pack(">I", len(held) - 4) + held + struct.pack(">I", zlib.crc32(held))


def shows(picture: bytes, svg: str) -> bool:
    """Whether the PNG was taken of this SVG."""
    return _chunk(svg) in picture


def folders() -> list[Path]:
    """Every playbook's folder."""
    return sorted(path.parent for path in PLAYBOOKS.glob("*/azuredeploy.json"))


if __name__ == "__main__":
    for folder in folders():
        images = folder / "images"
        images.mkdir(exist_ok=True)
        drawn = draw(workflow.load(folder / "azuredeploy.json"))
        (images / "flow.svg").write_text(drawn, "utf-8")
        photograph(drawn, images / "flow.png")
        sys.stdout.write(f"{images.relative_to(ROOT)}\n")
