"""`vizsla check`: every lint over every hunt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from engine.errors import Fault
from engine.lints import kusto
from engine.lints.cases import CasesPass
from engine.lints.context import ContextCanBeAsked
from engine.lints.interface import Lint, Subject, common_texts, texts
from engine.lints.known_good import KnownGoodIsAnIdentity, KnownGoodIsInForce, KnownGoodNamesWhatThereIs
from engine.lints.names import CatalogueIsCovered, NamesAreClear
from engine.lints.query import ColumnsAreReturned, KqlIsClean, NoControlCommands, TablesAreDeclared
from engine.lints.windows import WindowsAreCurrent
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
    KnownGoodIsInForce(),
    KnownGoodIsAnIdentity(),
    KnownGoodNamesWhatThereIs(),
    WindowsAreCurrent(),
    ContextCanBeAsked(),
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
    analyses, not_run = _analyses(folder, hunts, analyse)
    missing = dict(not_run)
    if find_spec("duckdb") is None:
        missing["local"] = "the cases were not run: they need `pip install vizsla[local]`"
    able = [lint for lint in LINTS if lint.needs not in missing]
    for hunt in hunts:
        subject = Subject(hunt, analyses.get(hunt.id, {}), analyses.get("_lists", {}))
        faults += [fault for lint in able for fault in lint(subject)]
    ran = "local" not in missing
    cases = sum(len(hunt.cases) for hunt in hunts) if ran else 0
    once = tuple(dict.fromkeys(faults))  # hunts share lists
    return Checked(len(hunts), len(able), cases, once, tuple(missing.values()))


def _analyses(
    folder: Path, hunts: list[Hunt], analyse: Callable[..., dict[str, kusto.Analysis]]
) -> tuple[dict[str, dict[str, kusto.Analysis]], dict[str, str]]:
    """Microsoft's parser on all KQL in one call, hunt -> file -> analysis; or which lints cannot run without it.

    Under `_lists` stand the files that hunts have in common, with their path from the folder.
    """
    known = {table: tables.columns(table) for table in tables.names()}
    common = common_texts(folder)
    own = {f"{hunt.id}/{file}": text for hunt in hunts for file, text in texts(hunt).items()}
    try:
        found = analyse(own | common, known)
    except kusto.NodeMissing as error:
        left_out = ", ".join(lint.name for lint in LINTS if lint.needs == "node")
        return {}, {"node": f"{left_out} were not run. {error}"}
    by_hunt = {hunt.id: {file: found[f"{hunt.id}/{file}"] for file in texts(hunt)} for hunt in hunts}
    return by_hunt | {"_lists": {file: found[file] for file in common}}, {}
