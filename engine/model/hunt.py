"""A hunt: the hypothesis, the query that tests it, and what becomes of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from engine.model.finding import Severity

Timespan: TypeAlias = Annotated[
    str, Meta(pattern=r"^\d+(\.\d+)?(d|h|m|s|ms)$", description="Kusto timespan: 10m, 24h, 7d")
]
Score: TypeAlias = Annotated[int, Meta(ge=0, le=100)]
Value: TypeAlias = int | timedelta | str | tuple[str, ...] | datetime | bool
ParameterType = Literal["int", "timespan", "string", "string list", "datetime", "bool"]


class Parameter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A typed, bounded value that a hunt lets its caller set. Its default is the `let` line in query.kql.

    `minimum` and `maximum` bound an int or a timespan; `choices` or `pattern` (a regular expression that the whole
    string must match) bound a string, or each string of a list; `max_items` bounds a list.
    """

    type: ParameterType
    description: str
    minimum: int | Timespan | None = None
    maximum: int | Timespan | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    max_items: int = 1000


class Attack(Struct, frozen=True, forbid_unknown_fields=True):
    """MITRE ATT&CK: the tactic, and the techniques the hunt can see."""

    tactic: Annotated[str, Meta(pattern=r"^TA\d{4}$")]
    techniques: tuple[Annotated[str, Meta(pattern=r"^T\d{4}(\.\d{3})?$")], ...]


class Schedule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the hunt runs and how far each run looks.

    `cron` has five fields, in UTC. `settle` is how long events are given to arrive, `overlap` how far a run looks back
    behind the watermark, `reach` how much further the query may look for the shells that launched its events, and
    `lookback` the window of a run on demand that names none, and of the first run. After an outage, windows longer than
    `slice` are caught up in slices.
    """

    cron: Annotated[str, Meta(pattern=r"^\S+( \S+){4}$", description="five fields, UTC")]
    settle: Timespan = "5m"
    overlap: Timespan = "20m"
    reach: Timespan = "0m"
    lookback: Timespan = "24h"
    slice: Timespan = "6h"


class SeverityFloors(Struct, frozen=True, forbid_unknown_fields=True):
    """The least score of each severity; below `low` a finding is informational."""

    low: Score
    medium: Score
    high: Score

    def of(self, score: int) -> Severity:
        """The severity of a score of 0-100."""
        if score >= self.high:
            return "high"
        if score >= self.medium:
            return "medium"
        return "low" if score >= self.low else "informational"


class Route(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One sink that findings go to, from a severity on; `channel` is which of the sink's places.

    With a `digest`, findings wait and are told together, but those of severity high, which go at once.
    """

    to: str
    channel: Annotated[str, Meta(pattern=r"^([a-z][a-z0-9]*)?$")] = ""
    min_severity: Severity = "low"
    digest: Literal["", "hourly", "daily"] = ""

    @property
    def sink(self) -> str:
        """The sink's name with the channel: `teams:soc`."""
        return f"{self.to}:{self.channel}" if self.channel else self.to


class Definition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """hunt.yaml, key by key. `steps` are single-key mappings: the step's name to its fields.

    More than `storm` findings in one run, those of severity high apart, are told as one.
    """

    title: str
    hypothesis: str
    attack: Attack
    schedule: Schedule
    tables: tuple[str, ...]
    parameters: dict[str, Parameter] = {}
    steps: tuple[dict[str, dict[str, Any] | None], ...]
    severity: SeverityFloors
    deliver: tuple[Route, ...] = ()
    storm: Annotated[int, Meta(ge=1)] = 20
    blind_spots: tuple[str, ...]
    false_positives: tuple[str, ...]
    response: tuple[str, ...]


class Expectation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One finding that a case expects: its device, its distinct intents in any order, and, if named, its severity."""

    device: str
    intents: tuple[str, ...]
    commands: int | None = None
    severity: Severity | None = None


class Case(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Events in, findings expected.

    An event is a mapping of Defender's columns laid over `common`, with three keys of its own: `at`, a timespan after
    the case's start; `as`, a label; and `by`, the label of the event whose process launched this one. What is not given
    is derived: see `engine/lints/case_events.py`. With `events_from`, a hunt's id, `common` and `events` are those of
    that hunt's case of the same name, or of the one that `events_of` names.
    """

    name: str
    parameters: dict[str, Any] = {}
    common: dict[str, Any] = {}
    events: tuple[dict[str, Any], ...] = ()
    events_from: str = ""
    events_of: str = ""
    expect: tuple[Expectation, ...]


class Cases(Struct, frozen=True, forbid_unknown_fields=True):
    """cases.yaml: at least one hit and one miss."""

    cases: Annotated[tuple[Case, ...], Meta(min_length=2)]


@dataclass(frozen=True, slots=True)
class StepSpec:
    """A step as hunt.yaml names it: its class, fields with lists resolved, and the fields that take a parameter."""

    name: str
    cls: type[Any]
    fields: Mapping[str, Any]
    references: Mapping[str, str]

    def build(self, values: Mapping[str, Value]) -> Any:
        """The step, with each referenced parameter's value in its field."""
        return self.cls(**self.fields, **{field: values[name] for field, name in self.references.items()})


@dataclass(frozen=True, slots=True)
class Hunt:
    """A hunt as loaded: every check of the loader has passed. `id` is its folder's name.

    `baseline_query` tells what a day was like, `late_query` which devices' rows came late; None where it has none.
    """

    id: str
    folder: Path
    definition: Definition
    query: str
    baseline_query: str | None
    late_query: str | None
    defaults: Mapping[str, Value]
    steps: tuple[StepSpec, ...]
    cases: tuple[Case, ...]

    @property
    def title(self) -> str:
        """The title in hunt.yaml."""
        return self.definition.title

    @property
    def query_file(self) -> Path:
        """The KQL file, for messages."""
        return self.folder / "query.kql"


def schema() -> dict[str, Any]:
    """The JSON Schema of hunt.yaml, for editors."""
    document = msgspec.json.schema(Definition)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A Vizsla hunt", **document}
