"""`vizsla` on the command line: the same hunts over files, with no Azure.

Exit codes: 0 ran, 1 failed (or findings at or above --fail-on), 2 usage, 3 some lints could not run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from engine import bootstrap, learn, loader, ondemand, parameters
from engine.decode import nearest
from engine.errors import VizslaError
from engine.explain.answer import Question, explain
from engine.model.finding import SEVERITIES, Severity, at_least
from engine.model.hunt import Hunt
from engine.report import console as table
from engine.report import explanation, html, listing
from engine.report.document import encode
from engine.report.words import count
from engine.runner import Outcome, Request

app = typer.Typer(
    name="vizsla",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Runs threat hunts over Microsoft Defender's tables, here over files.",
)
learned = typer.Typer(help="Learn what is routine, and show it.", no_args_is_help=True)
app.add_typer(learned, name="baseline")
errors = Console(stderr=True, highlight=False)


class Form(StrEnum):
    """What `run` prints."""

    TABLE = "table"
    JSON = "json"
    HTML = "html"


class Plain(StrEnum):
    """What `explain` prints."""

    TABLE = "table"
    JSON = "json"


class Floor(StrEnum):
    """The severities, for --fail-on."""

    INFORMATIONAL = "informational"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


HuntsFolder = Annotated[Path, typer.Option("--hunts", help="The folder of hunts.", show_default=False)]


@app.command()
def hunts(folder: HuntsFolder = loader.HUNTS) -> None:
    """List the hunts: what each looks for, and its parameters with their defaults."""
    loaded = loader.load_all(folder)
    listing.hunts(loaded.hunts.values(), Console(), written=parameters.write)
    for broken in loaded.broken:
        errors.print(f"{broken.hunt} cannot be loaded:\n{broken}", style="red", markup=False)
    raise typer.Exit(1 if loaded.broken else 0)


@app.command()
def check(
    hunt: Annotated[str | None, typer.Argument(help="One hunt; all when left out.")] = None,
    folder: HuntsFolder = loader.HUNTS,
) -> None:
    """Lint the hunts: Microsoft's own KQL parser, columns, parameters, lists, and the hunts' cases.

    Exit 0 clean, 1 faults found, 3 no fault but some lints could not run (they need Node; `make dev` installs it).
    """
    from engine.lints import check as lint  # noqa: PLC0415 - what only `check` needs

    checked = lint.check(folder, only=_known(folder, hunt) if hunt else None)
    for fault in checked.faults:
        errors.print(str(fault), style="red", markup=False, soft_wrap=True)
    for note in checked.not_run:
        errors.print(note, style="yellow", markup=False, soft_wrap=True)
    ran = ", ".join(map(count, (checked.hunts, checked.lints, checked.cases), ("hunt", "lint", "case")))
    typer.echo(f"{ran}: {count(len(checked.faults), 'fault')}")
    raise typer.Exit(1 if checked.faults else 3 if checked.not_run else 0)


@app.command()
def run(  # noqa: PLR0917 - the options of a command line
    hunt: Annotated[str, typer.Argument(help="The hunt: see `vizsla hunts`.")],
    paths: Annotated[
        list[str],
        typer.Option("--from", help="A file, a folder or a quoted glob: NDJSON, JSON, CSV, Parquet. Repeats."),
    ],
    since: Annotated[str | None, typer.Option(help="Start of the window, ISO 8601, UTC.")] = None,
    until: Annotated[str | None, typer.Option(help="End of the window, ISO 8601, UTC.")] = None,
    last: Annotated[str | None, typer.Option(help="The window before the newest event: 24h, 7d.")] = None,
    param: Annotated[list[str] | None, typer.Option(help="name=value. Repeats.")] = None,
    device: Annotated[list[str] | None, typer.Option(help="Device id or name. Repeats.")] = None,
    form: Annotated[Form, typer.Option("--format", help="What to print or write.")] = Form.TABLE,
    out: Annotated[
        Path | None, typer.Option(help="Write json or html to this file; for html, the table is printed.")
    ] = None,
    baseline: Annotated[Path | None, typer.Option(help="What `vizsla baseline learn` wrote.")] = None,
    store: Annotated[Path | None, typer.Option(help="SQLite file that keeps the record of runs.")] = None,
    fail_on: Annotated[Floor | None, typer.Option(help="Exit 1 when a finding is this severe, or worse.")] = None,
    folder: HuntsFolder = loader.HUNTS,
) -> None:
    r"""Run a hunt over files.

    For example:

    `vizsla run discovery-burst --from samples`

    `vizsla run discovery-burst --from samples --last 6h --param minimum=4 --format json`

    `vizsla run discovery-by-device --from 'samples/*.gz' --device ws-0022 --format html --out report.html`
    """
    if out and form is Form.TABLE:
        raise typer.BadParameter("a table is printed only: add --format json or html", param_hint="--out")
    asked = ondemand.Asked(
        since=since, until=until, last=last, parameters=_pairs(param or []), devices=tuple(device or [])
    )
    chosen = loader.load(folder / _known(folder, hunt))
    with _progress() as progress, bootstrap.files(paths, progress=progress) as source:
        past = learn.read(baseline, chosen.id) if baseline else None
        kept = bootstrap.store(store)
        outcome = ondemand.run(chosen, asked, source=source, whole=source.whole, store=kept, baseline=past)
    for note in outcome.run.notes:
        errors.print(note, style="yellow", markup=False, soft_wrap=True)
    if outcome.run.status == "failed":
        raise VizslaError(outcome.run.error)
    _show(chosen, outcome, form, out)
    if fail_on and any(at_least(finding.severity, _severity(fail_on)) for finding in outcome.findings):
        raise typer.Exit(1)


@app.command("explain")
def explain_device(  # noqa: PLR0917 - the options of a command line
    hunt: Annotated[str, typer.Argument(help="The hunt: see `vizsla hunts`.")],
    paths: Annotated[list[str], typer.Option("--from", help="A file, a folder or a quoted glob. Repeats.")],
    device: Annotated[str, typer.Option(help="Device id, full name or host name.")],
    at: Annotated[
        str | None,
        typer.Option(help="ISO 8601, UTC: what ran within the hunt's window before and after. Left out, all is told."),
    ] = None,
    baseline: Annotated[Path | None, typer.Option(help="What `vizsla baseline learn` wrote.")] = None,
    form: Annotated[Plain, typer.Option("--format", help="What to print.")] = Plain.TABLE,
    folder: HuntsFolder = loader.HUNTS,
) -> None:
    """Explain why a hunt found something on a device, or nothing: step by step, and what was missing.

    For example: `vizsla explain discovery-burst --from samples --device ws-0034 --at 2026-11-23T04:48:00Z`
    """
    question = Question(device=device, at=ondemand.moment("at", at) if at else None)
    chosen = loader.load(folder / _known(folder, hunt))
    with _progress() as progress, bootstrap.files(paths, progress=progress) as source:
        past = learn.read(baseline, chosen.id) if baseline else None
        whole = source.whole
        request = Request(id="explain", tenant="default", window=whole, now=whole.end, baseline=past)
        answer = explain(chosen, request, question, source=source)
    for note in answer.notes:
        errors.print(note, style="yellow", markup=False, soft_wrap=True)
    if form is Plain.JSON:
        typer.echo(explanation.encode(answer).encode())
    else:
        explanation.show(answer, Console())


@learned.command("learn")
def learn_baseline(
    hunt: Annotated[str, typer.Argument(help="The hunt: see `vizsla hunts`.")],
    paths: Annotated[list[str], typer.Option("--from", help="A file, a folder or a quoted glob. Repeats.")],
    baseline: Annotated[Path, typer.Option(help="The file to write; days that it holds are kept.")],
    folder: HuntsFolder = loader.HUNTS,
) -> None:
    """Learn what is routine from the days in the files, one day at a time.

    For example: `vizsla baseline learn discovery-burst --from samples --baseline routine.gz`
    """
    chosen = loader.load(folder / _known(folder, hunt))
    grown = learn.read(baseline, chosen.id)
    with _progress() as progress, bootstrap.files(paths, progress=progress) as source:
        for day in learn.days(source.whole):
            grown = grown.with_day(learn.learn(chosen, source, day))
    learn.write(baseline, grown)
    for kept in grown.days:
        typer.echo(f"{kept.day}  {kept.devices:,} devices  {len(kept.pairs):,} pairs  {len(kept.sets):,} sets")
    typer.echo(f"{len(grown.days)} days in {baseline}" + ("; seven make a baseline" if grown.weak else ""))


@learned.command("show")
def show_baseline(
    hunt: Annotated[str, typer.Argument(help="The hunt: see `vizsla hunts`.")],
    baseline: Annotated[Path, typer.Option(help="What `vizsla baseline learn` wrote.", exists=True, dir_okay=False)],
    most: Annotated[int, typer.Option(help="How many pairs to show.", min=1)] = 20,
    folder: HuntsFolder = loader.HUNTS,
) -> None:
    """Show what was learned: the most routine pairs of an actor and an intent, and the newest."""
    listing.baseline(learn.read(baseline, _known(folder, hunt)), Console(), most=most)


def main() -> None:
    """The entry point: an error that Vizsla raises becomes one message and exit 1, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that lacks a character shows its number instead
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except VizslaError as error:
        errors.print(str(error), style="red", markup=False, soft_wrap=True)
        sys.exit(1)


def _show(hunt: Hunt, outcome: Outcome, form: Form, out: Path | None) -> None:
    if form is Form.TABLE or (form is Form.HTML and out):
        table.table(outcome.run, outcome.findings, Console())
    if form is Form.TABLE:
        return
    written = (
        encode(outcome.run, outcome.findings)
        if form is Form.JSON
        else html.render(outcome.run, outcome.findings, title=hunt.title)
    )
    if out is None:
        typer.echo(written.encode())  # JSON and the page are UTF-8, whatever the terminal's encoding
        return
    try:
        out.write_text(written, "utf-8")
    except OSError as error:
        raise VizslaError(f"{out} cannot be written: {error.strerror}.") from error
    errors.print(f"{form.value} written to {out}", markup=False, soft_wrap=True)


def _known(folder: Path, hunt: str) -> str:
    names = loader.names(folder)
    if hunt not in names:
        raise typer.BadParameter(f"{hunt} is no hunt in {folder}. {nearest(hunt, names)}", param_hint="hunt")
    return hunt


def _pairs(given: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals:
            raise typer.BadParameter(f"{pair}: write name=value", param_hint="--param")
        if name in pairs:
            raise typer.BadParameter(f"{name} is given twice", param_hint="--param")
        pairs[name] = value
    return pairs


def _severity(floor: Floor) -> Severity:
    return next(severity for severity in SEVERITIES if severity == floor.value)


@contextmanager
def _progress() -> Iterator[bootstrap.Progress]:
    """A bar on stderr, only on a terminal."""
    with Progress(
        SpinnerColumn(), *Progress.get_default_columns(), TextColumn("{task.fields[what]}"),
        console=errors, transient=True, disable=not errors.is_terminal,
    ) as bar:  # fmt: skip
        task = bar.add_task("Reading", what="")
        yield lambda done, total, what: bar.update(task, completed=done, total=total, what=what)
