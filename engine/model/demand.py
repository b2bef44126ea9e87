"""A run that somebody asks for over HTTP: what is asked, the record of it, and the answer a playbook can use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

from engine.model.finding import Finding, Severity
from engine.model.run import Window

MOST_DEVICES = 1_000
LONGEST_WINDOW = timedelta(days=30)
LONGEST_WAIT = timedelta(seconds=100)
"""Logic Apps gives an HTTP action 120 seconds."""

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""No window lies outside."""
_HOSTS = {"oneOf": [{"required": ["id"]}, {"required": ["name"]}, {"required": ["hostName"]}]}
_VALUES = {"additionalProperties": {"type": ["boolean", "integer", "string", "array"], "items": {"type": "string"}}}

Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=256)]
Moment: TypeAlias = Annotated[datetime, Meta(tz=True, description="ISO 8601 with an offset: 2026-11-24T10:50:00Z")]
Verdict = Literal["clean", "suspicious", "malicious-looking"]
DemandState = Literal["queued", "running", "done"]


class Host(Struct, frozen=True, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    """One device: by Defender's `id`, by `hostName` and `dnsDomain` as Sentinel's Host has them, or by its `name`.

    A name is the host name or the full name, whatever its case; never a part of one.
    """

    id: Name | None = None
    host_name: Name | None = None
    dns_domain: Name | None = None
    name: Name | None = None

    def __post_init__(self) -> None:
        given = [self.id, self.host_name, self.name]
        if sum(each is not None for each in given) != 1 or (self.dns_domain and not self.host_name):
            raise ValueError("give one of id, name, and hostName with or without its dnsDomain")

    @property
    def called(self) -> str:
        """What it is looked for by."""
        if self.host_name:
            return f"{self.host_name}.{self.dns_domain}" if self.dns_domain else self.host_name
        return self.id or self.name or ""


OneHost: TypeAlias = Annotated[Host, Meta(extra_json_schema=_HOSTS)]


class Span(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A window: from `start` to `end`, or the `last` so long before now."""

    start: Moment | None = None
    end: Moment | None = None
    last: Annotated[timedelta, Meta(description="ISO 8601 duration: PT24H")] | None = None

    def __post_init__(self) -> None:
        if (self.last is None) == (self.start is None) or (self.start is None) != (self.end is None):
            raise ValueError("give start and end, or last")
        if any(moment and not EARLIEST <= moment <= LATEST for moment in (self.start, self.end)):
            raise ValueError(f"a window lies within {EARLIEST.year} to {LATEST.year}")
        length = self.last if self.last is not None else self.end - self.start  # type: ignore[operator]  # both are there
        if not timedelta() < length <= LONGEST_WINDOW:
            raise ValueError(f"a window is longer than nothing, and at most {LONGEST_WINDOW.days} days")


class Ask(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is asked of a hunt. Everything may be left out.

    The window is then the hunt's own lookback; over files it is all of the data. `deliver` names sinks that are told
    besides. An answer that is not there after `wait`, at most 100 seconds, is to be fetched later.
    """

    parameters: Annotated[dict[str, Any], Meta(extra_json_schema=_VALUES)] = {}
    window: Span | None = None
    devices: Annotated[tuple[OneHost, ...], Meta(max_length=MOST_DEVICES)] = ()
    tenant: Annotated[str, Meta(max_length=256)] = ""
    deliver: Annotated[tuple[Name, ...], Meta(max_length=10)] = ()
    wait: Annotated[timedelta, Meta(description="ISO 8601 duration, at most PT100S")] = timedelta(seconds=60)


class Resolved(Struct, frozen=True, rename="camel"):
    """A host that was asked about, and the devices it is: none where Defender does not know it in the window."""

    asked: Host
    ids: tuple[str, ...]
    ambiguous: bool


class Counts(Struct, frozen=True):
    """How many findings, in all and of each severity, and how many events they were found in."""

    findings: int = 0
    informational: int = 0
    low: int = 0
    medium: int = 0
    high: int = 0
    events: int = 0


class Result(Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer. `verdict` is null where the run has not succeeded: `error` then says why.

    `verdict` is `malicious-looking` with a finding of severity high, `suspicious` with one of low or medium, else
    `clean`. `highestSeverity` is null without findings, `score` the highest. `findings` are the worst hundred, worst
    first; `counts` counts them all. `commentHtml` is for Sentinel (at most 30,000 characters), `commentMarkdown` for
    all else; both are escaped. `devices` says which devices each host was, `links` where to read on, `notes` what else
    to know.
    """

    id: str
    hunt: str
    tenant: str
    status: Literal["succeeded", "failed", "throttled"]
    window: Window
    verdict: Verdict | None = None
    highest_severity: Severity | None = None
    score: int = 0
    counts: Counts = Counts()
    findings: tuple[Finding, ...] = ()
    devices: tuple[Resolved, ...] = ()
    comment_html: str = ""
    comment_markdown: str = ""
    tags: tuple[str, ...] = ()
    links: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    error: str = ""


class Demand(Struct, frozen=True, kw_only=True):
    """The record of what was asked. `digest` tells one body from another; `result` is there once it is `done`.

    It is forgotten after `until`.
    """

    id: str
    tenant: str
    hunt: str
    ask: Ask
    digest: str
    state: DemandState
    since: datetime
    until: datetime
    result: Result | None = None
