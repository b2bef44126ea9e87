"""What the commands have in common: messages, the bar of progress, options and what they take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from engine import bootstrap, loader
from engine.decode import nearest

errors = Console(stderr=True, highlight=False)
HuntsFolder = Annotated[Path, typer.Option("--hunts", help="The folder of hunts.", show_default=False)]


class Plain(StrEnum):
    """What `explain` prints."""

    TABLE = "table"
    JSON = "json"


def known(folder: Path, hunt: str) -> str:
    """The name of a hunt that there is. Raises typer.BadParameter with the nearest right name."""
    names = loader.names(folder)
    if hunt not in names:
        raise typer.BadParameter(f"{hunt} is no hunt in {folder}. {nearest(hunt, names)}", param_hint="hunt")
    return hunt


@contextmanager
def progress() -> Iterator[bootstrap.Progress]:
    """A bar on stderr, only on a terminal."""
    with Progress(
        SpinnerColumn(), *Progress.get_default_columns(), TextColumn("{task.fields[what]}"),
        console=errors, transient=True, disable=not errors.is_terminal,
    ) as bar:  # fmt: skip
        task = bar.add_task("Reading", what="")
        yield lambda done, total, what: bar.update(task, completed=done, total=total, what=what)
