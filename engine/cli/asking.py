"""One hunt, asked by a person: over files or over the tenant. It moves no watermark and writes no finding."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from engine import bootstrap, learn, loader, ondemand, parameters, settings
from engine.cli.terminal import HuntsFolder, Plain, errors, known, progress
from engine.errors import VizslaError
from engine.explain.answer import Question
from engine.explain.answer import explain as explained
from engine.model.baseline import Baseline
from engine.model.finding import SEVERITIES, at_least
from engine.model.hunt import Hunt
from engine.model.notice import Call
from engine.model.run import Window
from engine.record import Outcome, Request
from engine.report import console as table
from engine.report import explanation, html
from engine.report.document import encode
from engine.settings import Settings
from engine.sinks.interface import Sink
from engine.sources.interface import Source
from engine.stores.interface import Store


class Form(StrEnum):
    """What `run` prints."""

    TABLE = "table"
    JSON = "json"
    HTML = "html"


class Floor(StrEnum):
    """The severities, for --fail-on."""

    INFORMATIONAL = "informational"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


Paths = Annotated[
    list[str] | None,
    typer.Option(
        "--from", help="A file, a folder or a quoted glob: NDJSON, JSON, CSV, Parquet. Repeats. Or else: the tenant."
    ),
]
Since = Annotated[str | None, typer.Option(help="Start of the window, ISO 8601, UTC.")]
Until = Annotated[str | None, typer.Option(help="End of the window, ISO 8601, UTC.")]
Last = Annotated[str | None, typer.Option(help="The window before the newest event, or now: 24h, 7d.")]
Param = Annotated[list[str] | None, typer.Option(help="name=value. Repeats.")]
Device = Annotated[list[str] | None, typer.Option(help="Device id or name. Repeats.")]
Printed = Annotated[Form, typer.Option("--format", help="What to print or write.")]
Out = Annotated[Path | None, typer.Option(help="Write json or html to this file; for html, the table is printed.")]
Learned = Annotated[Path | None, typer.Option(help="What `vizsla baseline learn` wrote.")]
Kept = Annotated[Path | None, typer.Option(help="SQLite file that keeps the record of runs.")]
FailOn = Annotated[Floor | None, typer.Option(help="Exit 1 when a finding is this severe, or worse.")]


Deliver = Annotated[
    list[str] | None, typer.Option(help="Tell this sink too: teams, teams:soc, defender_alert. Repeats.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be delivered, and deliver nothing.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="With --format json: do not mask secrets.")]


def run(  # noqa: PLR0917 - the options of a command line
    hunt: Annotated[str, typer.Argument(help="The hunt: see `vizsla hunts`.")],
    paths: Paths = None,
    since: Since = None,
    until: Until = None,
    last: Last = None,
    param: Param = None,
    device: Device = None,
    form: Printed = Form.TABLE,
    out: Out = None,
    baseline: Learned = None,
    store: Kept = None,
    fail_on: FailOn = None,
    deliver: Deliver = None,
    dry_run: DryRun = False,  # noqa: FBT002 - a flag
    reveal: Reveal = False,  # noqa: FBT002 - a flag
    folder: HuntsFolder = loader.HUNTS,
) -> None:
    r"""Run a hunt over files, or over the tenant as whoever is signed in here (`az login`).

    It moves no watermark and writes no finding. For example:

    `vizsla run discovery-burst --from samples`

    `vizsla run discovery-burst --from samples --last 6h --param minimum=4 --format json`

    `vizsla run discovery-by-device --from 'samples/*.gz' --device ws-0022 --format html --out report.html`
    """
    _refuse_table(form, out)
    if reveal and form is not Form.JSON:
        raise typer.BadParameter("secrets are shown in JSON only: add --format json", param_hint="--reveal")
    asked = ondemand.Asked(
        since=since,
        until=until,
        last=last,
        parameters=_pairs(param or []),
        devices=tuple(device or []),
        reveal=reveal,
    )
    chosen = loader.load(folder / known(folder, hunt))
    past = learn.read(baseline, chosen.id) if baseline else None
    told = _telling(chosen, deliver or [], dry_run=dry_run)
    outcome = (_ask_files if paths else _ask_the_tenant)(chosen, asked, paths or [], store, past, told)
    for note in outcome.run.notes:
        errors.print(note, style="yellow", markup=False, soft_wrap=True)
    if outcome.run.status != "succeeded":
        raise VizslaError(outcome.run.error)
    if told.calls is not None:
        typer.echo(msgspec.json.format(msgspec.json.encode(told.calls), indent=2))
    else:
        _show(chosen, outcome, form, out)
    raise typer.Exit(1 if fail_on and _reaches(fail_on, outcome) else 0)


def explain(  # noqa: PLR0917 - the options of a command line
    hunt: Annotated[str, typer.Argument(help="The hunt: see `vizsla hunts`.")],
    paths: Annotated[list[str], typer.Option("--from", help="A file, a folder or a quoted glob. Repeats.")],
    device: Annotated[str, typer.Option(help="Device id, full name or host name.")],
    at: Annotated[
        str | None,
        typer.Option(help="ISO 8601, UTC: what ran within the hunt's window before and after. Left out, all is told."),
    ] = None,
    baseline: Learned = None,
    form: Annotated[Plain, typer.Option("--format", help="What to print.")] = Plain.TABLE,
    folder: HuntsFolder = loader.HUNTS,
) -> None:
    """Explain why a hunt found something on a device, or nothing: step by step, and what was missing.

    For example: `vizsla explain discovery-burst --from samples --device ws-0034 --at 2026-11-23T04:48:00Z`
    """
    question = Question(device=device, at=ondemand.moment("at", at) if at else None)
    chosen = loader.load(folder / known(folder, hunt))
    with progress() as shown, bootstrap.files(paths, progress=shown) as source:
        past = learn.read(baseline, chosen.id) if baseline else None
        whole = source.whole
        request = Request(id="explain", tenant="default", window=whole, now=whole.end, baseline=past)
        answer = explained(chosen, request, question, source=source)
    for note in answer.notes:
        errors.print(note, style="yellow", markup=False, soft_wrap=True)
    if form is Plain.JSON:
        typer.echo(explanation.encode(answer).encode())
    else:
        explanation.show(answer, Console())


@dataclass
class _Telling:
    """Whom a run tells besides whoever reads the terminal. `calls` is what a dry run would send; None for any other."""

    hunt: Hunt
    sinks: Mapping[str, Sink]
    portal: str
    dry_run: bool
    calls: tuple[Call, ...] | None = None

    def tell(self, outcome: Outcome, source: Source, store: Store) -> None:
        """Tells, or only says what would be sent."""
        hunt, sinks, portal, now = self.hunt, self.sinks, self.portal, outcome.run.began or datetime.now(UTC)
        if self.dry_run:
            self.calls = ondemand.previews(hunt, outcome, sinks=sinks, source=source, portal=portal, now=now)
        elif sinks:
            for note in ondemand.tell(hunt, outcome, sinks=sinks, source=source, store=store, portal=portal, now=now):
                errors.print(note, style="yellow", markup=False, soft_wrap=True)


def _telling(hunt: Hunt, names: list[str], *, dry_run: bool) -> _Telling:
    """The sinks of these names, before anything is asked. Raises SettingsError for one that is not set up."""
    if dry_run and not names:
        raise typer.BadParameter("nothing would be delivered: name a sink with --deliver", param_hint="--dry-run")
    there = settings.read(os.environ) if names else Settings()
    return _Telling(hunt, bootstrap.chosen(there, names, example=dry_run), bootstrap.portal(there.live), dry_run)


def _ask_files(  # noqa: PLR0917 - as its twin
    hunt: Hunt, asked: ondemand.Asked, paths: list[str], store: Path | None, past: Baseline | None, told: _Telling
) -> Outcome:
    """The run over files."""
    with progress() as shown, bootstrap.files(paths, progress=shown) as source:
        kept = bootstrap.store(store)
        outcome = ondemand.run(hunt, asked, source=source, whole=source.whole, store=kept, baseline=past)
        told.tell(outcome, source, kept)
        return outcome


def _ask_the_tenant(
    hunt: Hunt, asked: ondemand.Asked, _: list[str], store: Path | None, past: Baseline | None, told: _Telling
) -> Outcome:
    """The run over the tenant that the environment names, with what it has learned there unless `past` is given."""
    there = settings.read(os.environ)
    kept = bootstrap.remembered(replace(there, store=store or there.store))
    now = datetime.now(UTC)
    whole = Window(now - parameters.timespan(hunt.definition.schedule.lookback), now)
    learned = past or learn.remembered(kept, there.tenant, hunt.id)
    with errors.status("Asking the tenant"), bootstrap.tenant(there.live, there.tenant, kept) as source:
        outcome = ondemand.run(
            hunt, asked, source=source, whole=whole, store=kept, baseline=learned, tenant=there.tenant
        )
        told.tell(outcome, source, kept)
        return outcome


def _refuse_table(form: Form, out: Path | None) -> None:
    if out and form is Form.TABLE:
        raise typer.BadParameter("a table is printed only: add --format json or html", param_hint="--out")


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


def _reaches(floor: Floor, outcome: Outcome) -> bool:
    severity = next(severity for severity in SEVERITIES if severity == floor.value)
    return any(at_least(finding.severity, severity) for finding in outcome.findings)
