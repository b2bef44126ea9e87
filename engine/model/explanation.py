"""Why a hunt found something on a device, or nothing: what each step was given, kept and dropped, in its own words."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from engine.model.finding import Device, Severity
from engine.model.run import Window

Mark: TypeAlias = Literal["kept", "dropped", "near", "note"]


class Line(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that a step says.

    `mark` tells what became of it: `kept`, `dropped`, `near` for what lacked a little, `note` for what stands beside.
    `count` is how many events, windows' commands or points it is about. `what` may be text of the data, as it came.
    """

    mark: Mark
    count: int | None = None
    what: str = ""
    why: str = ""


class Section(Struct, frozen=True, kw_only=True):
    """One step at work: how many events of the span it was given and how many it kept."""

    step: str
    given: int
    kept: int
    says: str
    lines: tuple[Line, ...] = ()


class Found(Struct, frozen=True, kw_only=True):
    """A finding in brief; `fingerprint` leads to the whole of it."""

    severity: Severity
    score: int
    title: str
    start: str
    end: str
    fingerprint: str


class Explanation(Struct, frozen=True, kw_only=True):
    """The answer to: why is there a finding on this device at that time, or none?

    `span` is what was asked about; it is judged within the whole window of the run, as the run judges it. `notes` are
    the source's.
    """

    hunt: str
    device: Device
    span: Window
    verdict: str
    findings: tuple[Found, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()
