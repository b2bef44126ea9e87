"""Everything Vizsla raises on purpose.

VizslaError                 caught by the runner, the command line and the HTTP side
  x HuntError               a hunt on disk is at fault; carries every fault found
  x ParameterError          a caller's value that a hunt's parameter does not take
  x SourceError             events cannot be had
      x NothingToRead       no file holds telemetry
      x UnreadableFile      a file that was named cannot be read
      x UnsupportedQuery    KQL that this source cannot run
  x SinkError               a finding cannot be delivered
  x StoreError              what is remembered cannot be read or written
  x SettingsError           the environment lacks a setting or holds a wrong one

Each message says what happened, where, and what to do. Anything else that is raised is a bug, and nobody catches it.
"""

from __future__ import annotations

from dataclasses import dataclass


class VizslaError(Exception):
    """The root: the runner catches this and nothing else."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake in a hunt's files: where it stands, what is wrong, and the cure."""

    file: str
    path: str
    message: str
    cure: str = ""
    line: int | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        at = f" {self.path}:" if self.path else ""
        cure = f". {self.cure}" if self.cure else ""
        return f"{place}:{at} {self.message}{cure}"


class HuntError(VizslaError):
    """A hunt that cannot be loaded. `faults` holds every fault of its files, not only the first."""

    def __init__(self, hunt: str, faults: tuple[Fault, ...]) -> None:
        self.hunt = hunt
        self.faults = faults
        super().__init__("\n".join(str(fault) for fault in faults))


class ParameterError(VizslaError):
    """A value that a parameter does not take. The message names the parameter and what it takes."""


class SourceError(VizslaError):
    """Events cannot be had."""


class NothingToRead(SourceError):
    """None of the files named holds telemetry."""


class UnreadableFile(SourceError):
    """A file that was named cannot be read as telemetry."""


class UnsupportedQuery(SourceError):
    """KQL that this source cannot run. The message names the construct."""


class SinkError(VizslaError):
    """A finding cannot be delivered."""


class StoreError(VizslaError):
    """What is remembered between runs cannot be read or written."""


class SettingsError(VizslaError):
    """The environment lacks a setting, or holds a wrong one."""
