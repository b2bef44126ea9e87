"""`vizsla check`: every lint over every hunt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from engine.errors import Fault
from engine.lints import kusto
from engine.lints.cases import CasesPass
from engine.lints.interface import Lint, Subject
from engine.lints.names import CatalogueIsCovered, NamesAreClear
from engine.lints.query import ColumnsAreReturned, KqlIsClean, NoControlCommands, TablesAreDeclared
from engine.loader import load_all
from engine.model import tables
from engine.model.hunt import Hunt

LINTS: tuple[Lint, ...] = (
    KqlIsClean(),
    NoControlCommands(),
    TablesAreDeclared(),
    ColumnsAreReturned(),
    CatalogueIsCovered(),
    NamesAreClear(),
    CasesPass(),
)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found. `not_run` says which lints could not run, and why."""

    hunts: int
    lints: int
    cases: int
    faults: tuple[Fault, ...]
    not_run: tuple[str, ...]


def check(
    folder: Path, *, only: str | None = None, analyse: Callable[..., dict[str, kusto.Analysis]] = kusto.analyse
) -> Checked:
    """Lints the hunts of a folder, or one of them. Broken ones count with the faults that the loader found."""
    loaded = load_all(folder)
    hunts = [hunt for hunt in loaded.hunts.values() if only in (None, hunt.id)]
    faults = [fault for broken in loaded.broken if only in (None, broken.hunt) for fault in broken.faults]
    analyses, not_run = _analyses(hunts, analyse)
    missing = dict(not_run)
    if find_spec("duckdb") is None:
        missing["local"] = "the cases were not run: they need `pip install vizsla[local]`"
    able = [lint for lint in LINTS if lint.needs not in missing]
    for hunt in hunts:
        subject = Subject(hunt, analyses.get(hunt.id))
        faults += [fault for lint in able for fault in lint(subject)]
    ran = "local" not in missing
    cases = sum(len(hunt.cases) for hunt in hunts) if ran else 0
    return Checked(len(hunts), len(able), cases, tuple(faults), tuple(missing.values()))


def _analyses(
    hunts: list[Hunt], analyse: Callable[..., dict[str, kusto.Analysis]]
) -> tuple[dict[str, kusto.Analysis], dict[str, str]]:
    """Microsoft's parser on all queries in one call, or which lints cannot run without it."""
    known = {table: tables.columns(table) for table in tables.names()}
    try:
        return analyse({hunt.id: hunt.query for hunt in hunts}, known), {}
    except kusto.NodeMissing as error:
        left_out = ", ".join(lint.name for lint in LINTS if lint.needs == "node")
        return {}, {"node": f"{left_out} were not run. {error}"}
