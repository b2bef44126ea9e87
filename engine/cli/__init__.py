"""`vizsla` on the command line: the same hunts over files, over the tenant, and by the clock, with no Azure Functions.

Exit codes: 0 ran, 1 failed (or findings at or above --fail-on), 2 usage, 3 some lints could not run.
"""

from __future__ import annotations

import logging
import sys
from io import TextIOWrapper

import typer

from engine.attempts import place
from engine.cli.asking import explain, run
from engine.cli.diagnosing import doctor
from engine.cli.hunts import check, hunts
from engine.cli.learning import app as baseline
from engine.cli.muting import mute, mutes, unmute
from engine.cli.operating import runs, tick
from engine.cli.serving import serve
from engine.cli.terminal import errors
from engine.errors import VizslaError

__all__ = ["app", "main", "run"]

app = typer.Typer(
    name="vizsla",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Runs threat hunts over Microsoft Defender's tables: over files, over the tenant, and by the clock.",
)
for command in (hunts, check, run, explain, tick, runs, serve, mute, mutes, unmute, doctor):
    app.command()(command)
app.add_typer(baseline, name="baseline")


def main() -> None:
    """The entry point: an error becomes one message and exit 1, never a traceback; a bug is told by its place."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that lacks a character shows its number instead
            stream.reconfigure(errors="backslashreplace")
    logging.getLogger("azure").setLevel(logging.ERROR)  # what it warns of stands in our own message
    try:
        app()
    except VizslaError as error:
        errors.print(str(error), style="red", markup=False, soft_wrap=True)
        sys.exit(1)
    except Exception as bug:  # noqa: BLE001 - the last of all: a traceback might hold command lines
        said = f"This is a bug in Vizsla: {place(bug)}. Please report it with the command that you gave."
        errors.print(said, style="red", markup=False, soft_wrap=True)
        sys.exit(1)
