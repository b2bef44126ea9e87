"""The `steps` of a hunt.yaml to StepSpecs: classes found, lists resolved, references to parameters checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from engine import parameters
from engine.decode import decode_once, nearest
from engine.errors import Fault
from engine.model.catalogue import Catalogue
from engine.model.hunt import Definition, Parameter, StepSpec
from engine.model.known_good import KnownGood
from engine.model.windows import Windows
from engine.steps import STEPS

_LISTS: tuple[type[Any], ...] = (Catalogue, KnownGood, Windows)
_KINDS: Mapping[str, type[Any]] = {"int": int, "timespan": timedelta, "string": str, "string list": tuple, "bool": bool}


def step_specs(folder: Path, definition: Definition, faults: list[Fault]) -> tuple[StepSpec, ...]:
    """The steps of the hunt in `folder`, in order; every mistake is added to `faults`."""
    return tuple(_Steps(folder, definition, faults).specs())


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
