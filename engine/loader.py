"""hunts/ to Hunt. Names the file, the key and the cure of every mistake, all of a hunt's at once.

A folder of `hunts/` whose name does not begin with `_` is a hunt; `hunts/_lists/` holds data that hunts share.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from textwrap import shorten

import msgspec
from croniter import croniter

from engine import parameters
from engine.decode import because, decode_once, nearest
from engine.errors import Fault, HuntError, ParameterError, SettingsError
from engine.model import tables
from engine.model.hunt import Case, Cases, Definition, Hunt, Parameter, ParameterType, Value
from engine.sinks import SINKS
from engine.specs import step_specs

HUNTS = Path(__file__).parent.parent / "hunts"
_BESIDE = ("baseline.kql", "late.kql")
"""The queries that a hunt may have beside its query.kql."""
_LATE: Mapping[str, ParameterType] = {"received_since": "datetime", "settled": "datetime", "settle": "timespan"}
"""What a sweep for late rows binds."""
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a folder of hunts holds: those that can run, by id, and one error for each that cannot."""

    hunts: Mapping[str, Hunt]
    broken: tuple[HuntError, ...]


def names(folder: Path = HUNTS) -> tuple[str, ...]:
    """The ids of the folder's hunts, broken ones too. Raises SettingsError when there is no such folder."""
    if not folder.is_dir():
        raise SettingsError(f"{folder} is no folder of hunts.")
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name[0] not in "_."))


def load_all(folder: Path = HUNTS) -> Loaded:
    """Every hunt of the folder. A broken one costs itself, never the others. Raises SettingsError as `names` does."""
    hunts: dict[str, Hunt] = {}
    broken: list[HuntError] = []
    for name in names(folder):
        try:
            hunts[name] = load(folder / name)
        except HuntError as error:
            broken.append(error)
    return Loaded(hunts, tuple(broken))


def load(folder: Path) -> Hunt:
    """One hunt. Raises HuntError with every fault of its files."""
    faults: list[Fault] = []
    if not _NAME.fullmatch(folder.name):
        faults.append(
            Fault(folder.name, "", "is no name for a hunt", "A hunt's folder is kebab-case: discovery-burst.")
        )
    definition, found = decode_once(folder / "hunt.yaml", Definition, name=f"{folder.name}/hunt.yaml")
    faults += found
    cases, found = decode_once(folder / "cases.yaml", Cases, name=f"{folder.name}/cases.yaml")
    faults += found
    query = _query(folder, "query.kql", faults)
    baseline, late = (_query(folder, file, faults) if (folder / file).exists() else None for file in _BESIDE)
    if definition is None or cases is None or query is None:
        raise HuntError(folder.name, tuple(faults))
    faults += _definition_faults(folder, definition)
    sound = {
        name: _sound(name, parameter, f"{folder.name}/hunt.yaml", faults)
        for name, parameter in definition.parameters.items()
    }
    definition = msgspec.structs.replace(definition, parameters=sound)
    defaults = _defaults(folder, definition, query, faults)
    for file, text in zip(_BESIDE, (baseline, late), strict=True):
        faults += _beside_faults(folder, definition, query, file, text or "")
    faults += _late_faults(folder, late)
    steps = step_specs(folder, definition, faults)
    faults += _case_faults(folder, definition, cases)
    lent = tuple(_with_events(folder, case, index, faults) for index, case in enumerate(cases.cases))
    if faults:
        raise HuntError(folder.name, tuple(dict.fromkeys(faults)))
    return Hunt(folder.name, folder, definition, query, baseline, late, defaults, steps, lent)


def _query(folder: Path, file: str, faults: list[Fault]) -> str | None:
    try:
        return (folder / file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        faults.append(Fault(f"{folder.name}/{file}", "", f"cannot be read: {because(error)}"))
        return None


def _definition_faults(folder: Path, definition: Definition) -> Iterator[Fault]:
    file = f"{folder.name}/hunt.yaml"
    if not croniter.is_valid(definition.schedule.cron):
        cure = "Five fields in UTC, as in '*/15 * * * *'."
        yield Fault(file, "schedule.cron", f"{definition.schedule.cron} is no schedule", cure)
    for table in definition.tables:
        if table not in tables.names():
            yield Fault(file, "tables", f"{table} is no table known here", nearest(table, tables.names()))
    for index, route in enumerate(definition.deliver):
        if route.to not in SINKS:
            yield Fault(file, f"deliver[{index}].to", f"{route.to} is no sink", nearest(route.to, list(SINKS)))
        if [each.sink for each in definition.deliver].index(route.sink) != index:
            yield Fault(file, f"deliver[{index}].to", f"{route.sink} is named twice", "Give one its own channel.")


def _beside_faults(folder: Path, definition: Definition, query: str, file: str, text: str) -> Iterator[Fault]:
    """A parameter that both queries have must have one default in them."""
    defaults = {let.name: let.text for let in parameters.lets(query) if let.name in definition.parameters}
    for let in parameters.lets(text):
        if defaults.get(let.name, let.text) != let.text:
            line = text[: let.start].count("\n") + 1
            cure = "Write the same default in both."
            yield Fault(f"{folder.name}/{file}", f"let {let.name}", "differs from query.kql", cure, line)


def _late_faults(folder: Path, late: str | None) -> Iterator[Fault]:
    """A late.kql has a line for all that a sweep binds."""
    written = {let.name: let.text for let in parameters.lets(late or "")}
    for name, kind in _LATE.items() if late is not None else ():
        try:
            parameters.read(kind, written.get(name, ""))
        except ValueError:
            cure = f"A sweep binds it: `let {name} = {_EXAMPLES[kind]};`."
            yield Fault(f"{folder.name}/late.kql", f"let {name}", f"is no line with a {kind}", cure)


def _sound(name: str, parameter: Parameter, file: str, faults: list[Fault]) -> Parameter:
    """The parameter without the bounds that no value can be held against; each of them is a fault."""
    unusable = dict(parameters.misfits(parameter))
    faults += [Fault(file, f"parameters.{name}.{key}", message) for key, message in unusable.items()]
    return msgspec.structs.replace(parameter, **dict.fromkeys(unusable))


def _defaults(folder: Path, definition: Definition, query: str, faults: list[Fault]) -> dict[str, Value]:
    """The default of each parameter, read from its `let` line and held against its own bounds."""
    written = {let.name: let for let in parameters.lets(query)}
    defaults: dict[str, Value] = {}
    for name, parameter in definition.parameters.items():
        place = f"parameters.{name}"
        if name not in written:
            message = f"has no line `let {name} = ...;` in query.kql"
            faults.append(Fault(f"{folder.name}/hunt.yaml", place, message, nearest(name, list(written))))
            continue
        let = written[name]
        line = query[: let.start].count("\n") + 1
        fault = partial(Fault, f"{folder.name}/query.kql", f"let {name}", line=line)
        try:
            defaults[name] = parameters.coerce(name, parameter, parameters.read(parameter.type, let.text))
        except ValueError:
            cure = f"Write the default as one literal: {_EXAMPLES[parameter.type]}."
            faults.append(fault(f"{shorten(let.text, 60)} is no {parameter.type}", cure))
        except ParameterError as error:
            faults.append(fault(str(error).removeprefix(f"{name}: ")))
    return defaults


_EXAMPLES: Mapping[str, str] = {
    "int": "5",
    "timespan": "10m",
    "string": '"text"',
    "string list": 'dynamic(["a", "b"])',
    "datetime": "datetime(2026-11-24)",
    "bool": "true",
}


def _case_faults(folder: Path, definition: Definition, cases: Cases) -> Iterator[Fault]:
    file = f"{folder.name}/cases.yaml"
    for index, case in enumerate(cases.cases):
        for name, value in case.parameters.items():
            place = f"cases[{index}].parameters.{name}"
            if name not in definition.parameters:
                yield Fault(file, place, "is no parameter of this hunt", nearest(name, list(definition.parameters)))
                continue
            try:
                parameters.coerce(name, definition.parameters[name], value)
            except ParameterError as error:
                yield Fault(file, place, str(error).removeprefix(f"{name}: "))
    for wanted, missing in ((True, "a case that expects a finding"), (False, "a case that expects none")):
        if not any(bool(case.expect) is wanted for case in cases.cases):
            yield Fault(file, "cases", f"lacks {missing}", "A hunt has at least one hit and one miss.")


def _with_events(folder: Path, case: Case, index: int, faults: list[Fault]) -> Case:
    """The case, with the events of another hunt's case where it asks for them."""
    if not case.events_from:
        return case
    place = f"cases[{index}].events_from"
    file = f"{folder.name}/cases.yaml"
    lender = folder.parent / case.events_from
    if not (lender / "cases.yaml").is_file():
        cure = nearest(case.events_from, names(folder.parent))
        faults.append(Fault(file, place, f"{case.events_from} is no hunt with cases", cure))
        return case
    others, found = decode_once(lender / "cases.yaml", Cases, name=f"{lender.name}/cases.yaml")
    faults += found
    if others is None:
        return case
    lent = {other.name: other for other in others.cases}
    wanted = case.events_of or case.name
    if wanted not in lent:
        faults.append(Fault(file, place, f"{lender.name} has no case {wanted!r}", nearest(wanted, list(lent))))
    elif lent[wanted].events_from:
        cure = f"Name {lent[wanted].events_from}."
        faults.append(Fault(file, place, f"{lender.name} has the events of {wanted!r} from elsewhere", cure))
    else:
        return msgspec.structs.replace(case, common=lent[wanted].common, events=lent[wanted].events)
    return case
