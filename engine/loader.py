"""hunts/ to Hunt. Names the file, the key and the cure of every mistake, all of a hunt's at once.

A folder of `hunts/` whose name does not begin with `_` is a hunt; `hunts/_lists/` holds data that hunts share.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from croniter import croniter

from engine import parameters
from engine.decode import because, decode, decode_once, nearest
from engine.errors import Fault, HuntError, ParameterError, SettingsError
from engine.model import tables
from engine.model.catalogue import Catalogue
from engine.model.hunt import Case, Cases, Definition, Hunt, Parameter, StepSpec, Value
from engine.model.known_good import KnownGood
from engine.sinks import SINKS
from engine.steps import STEPS

HUNTS = Path(__file__).parent.parent / "hunts"
_LISTS: tuple[type[Any], ...] = (Catalogue, KnownGood)
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_KINDS: Mapping[str, type[Any]] = {"int": int, "timespan": timedelta, "string": str, "string list": tuple, "bool": bool}


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
    definition, found = decode(folder / "hunt.yaml", Definition, name=f"{folder.name}/hunt.yaml")
    faults += found
    cases, found = decode(folder / "cases.yaml", Cases, name=f"{folder.name}/cases.yaml")
    faults += found
    query = _query(folder, "query.kql", faults)
    baseline = _query(folder, "baseline.kql", faults) if (folder / "baseline.kql").exists() else None
    if definition is None or cases is None or query is None:
        raise HuntError(folder.name, tuple(faults))
    faults += _definition_faults(folder, definition)
    sound = {
        name: _sound(name, parameter, f"{folder.name}/hunt.yaml", faults)
        for name, parameter in definition.parameters.items()
    }
    definition = msgspec.structs.replace(definition, parameters=sound)
    defaults = _defaults(folder, definition, query, faults)
    faults += _baseline_faults(folder, definition, query, baseline or "")
    steps = tuple(_Steps(folder, definition, faults).specs())
    faults += _case_faults(folder, definition, cases)
    lent = tuple(_with_events(folder, case, index, faults) for index, case in enumerate(cases.cases))
    if faults:
        raise HuntError(folder.name, tuple(dict.fromkeys(faults)))
    return Hunt(folder.name, folder, definition, query, baseline, defaults, steps, lent)


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
    for index, delivery in enumerate(definition.deliver):
        if delivery.to not in SINKS:
            yield Fault(file, f"deliver[{index}].to", f"{delivery.to} is no sink", nearest(delivery.to, list(SINKS)))


def _baseline_faults(folder: Path, definition: Definition, query: str, baseline: str) -> Iterator[Fault]:
    """A parameter that both queries have must have one default in them."""
    defaults = {let.name: let.text for let in parameters.lets(query) if let.name in definition.parameters}
    for let in parameters.lets(baseline):
        if defaults.get(let.name, let.text) != let.text:
            file, line = f"{folder.name}/baseline.kql", baseline[: let.start].count("\n") + 1
            yield Fault(file, f"let {let.name}", "differs from query.kql", "Write the same default in both.", line)


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


class _Steps:
    """The `steps` of one hunt.yaml on their way to StepSpecs; mistakes are added to `faults`."""

    def __init__(self, folder: Path, definition: Definition, faults: list[Fault]) -> None:
        self.folder = folder
        self.parameters = definition.parameters
        self.definition = definition
        self.faults = faults

    def specs(self) -> Iterator[StepSpec]:
        for index, entry in enumerate(self.definition.steps):
            place = f"steps[{index}]"
            if len(entry) != 1:
                self._fault(place, f"names {len(entry)} steps", "One step an item: `- classify: {catalogue: ...}`.")
                continue
            ((name, given),) = entry.items()
            if name not in STEPS:
                self._fault(f"{place}.{name}", "is no step", nearest(name, list(STEPS)))
                continue
            yield self._spec(f"{place}.{name}", name, given or {})

    def _spec(self, place: str, name: str, given: Mapping[str, Any]) -> StepSpec:
        cls = STEPS[name]
        known = {field.name: field for field in dataclasses.fields(cls)}
        hints = get_type_hints(cls)
        fields: dict[str, Any] = {}
        references: dict[str, str] = {}
        for key, value in given.items():
            at = f"{place}.{key}"
            if key not in known:
                self._fault(at, f"is no key of {name}", nearest(key, list(known)))
            elif isinstance(value, str) and value.startswith("$"):
                if self._refers(at, value[1:], hints[key]):
                    references[key] = value[1:]
            elif key in self.parameters:
                self._fault(at, f"repeats the parameter {key}", f"Write {key}: ${key}.")
            else:
                fields[key] = self._value(at, value, hints[key])
        for key, field in known.items():
            if field.default is dataclasses.MISSING and key not in given:
                self._fault(place, f"lacks the key {key}", f"Add {key}.")
        return StepSpec(name, cls, fields, references)

    def _refers(self, place: str, name: str, hint: Any) -> bool:
        if name not in self.parameters:
            self._fault(place, f"${name} is no parameter of this hunt", nearest(name, list(self.parameters)))
            return False
        if not _takes(hint, self.parameters[name]):
            self._fault(place, f"${name} is a {self.parameters[name].type}", "The key takes another type.")
            return False
        return True

    def _value(self, place: str, value: Any, hint: Any) -> Any:
        if hint in _LISTS:
            return self._list(place, value, hint)
        try:
            if hint is timedelta:
                return parameters.timespan(str(value))
            return msgspec.convert(value, hint, strict=True)
        except (ValueError, msgspec.ValidationError) as error:
            choices = [str(choice) for choice in get_args(hint)] if get_origin(hint) is Literal else []
            self._fault(place, str(error), nearest(str(value), choices) if choices else "")
            return None

    def _list(self, place: str, name: Any, hint: type[Any]) -> Any:
        folder = self.folder.parent / "_lists"
        known = sorted(path.stem for path in folder.glob("*.yaml"))
        if name not in known:
            self._fault(place, f"{name} is no list in _lists/", nearest(str(name), known))
            return None
        value, found = decode_once(folder / f"{name}.yaml", hint, name=f"_lists/{name}.yaml")
        self.faults += found
        return value

    def _fault(self, place: str, message: str, cure: str) -> None:
        self.faults.append(Fault(f"{self.folder.name}/hunt.yaml", place, message, cure))


def _takes(hint: Any, parameter: Parameter) -> bool:
    """Whether a step's field of this type can hold the parameter's values."""
    kind = _KINDS.get(parameter.type)
    origin = getattr(hint, "__origin__", hint)
    arguments = getattr(hint, "__args__", ())
    if origin is kind or kind in arguments:
        return True
    return (
        kind is str
        and bool(parameter.choices)
        and set(parameter.choices) <= {a for a in arguments if isinstance(a, str)}
    )
