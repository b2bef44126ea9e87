"""Everything Vizsla raises on purpose.

VizslaError                 caught by the runner, the command line and the HTTP side
  x HuntError               a hunt on disk is at fault; carries every fault found
  x ParameterError          a caller's value that is not taken
  x Conflict                a request that contradicts an earlier one under the same key
  x Busy                    so much is asked for already that another request has to wait
  x SourceError             events cannot be had
      x NothingToRead       no file holds telemetry
      x UnreadableFile      a file that was named cannot be read
      x UnsupportedQuery    KQL that this source cannot run
      x TooManyRows         an answer larger than the source gives whole: ask for less at a time
  x RemoteError             a remote address does not answer, or not as it should
      x NotPermitted        nobody could sign in, or who did lacks a permission
      x Refused             the request was understood, and refused
      x Unclear             it was sent, and nobody can say whether it was carried out
      x Throttled           the wait would be too long to sit out: `until` says when to ask again
  x SinkError               a finding cannot be delivered
  x StoreError              what is remembered cannot be read or written
  x SettingsError           the environment lacks a setting or holds a wrong one

Each message says what happened, where, and what to do. Anything else that is raised is a bug, and nobody catches it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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
    """A value that is not taken. The message names it, and what is taken.

    `pointer` says where it stands in a request over HTTP (RFC 6901).
    """

    def __init__(self, message: str, *, pointer: str = "") -> None:
        self.pointer = pointer
        super().__init__(message)


class Conflict(VizslaError):
    """A request that contradicts an earlier one under the same key."""


class Busy(VizslaError):
    """So much is asked for already that another request has to wait."""


class SourceError(VizslaError):
    """Events cannot be had."""


class NothingToRead(SourceError):
    """None of the files named holds telemetry."""


class UnreadableFile(SourceError):
    """A file that was named cannot be read as telemetry."""


class UnsupportedQuery(SourceError):
    """KQL that this source cannot run. The message names the construct."""


class TooManyRows(SourceError):
    """An answer larger than the source gives whole. It is raised before the first row is given."""


class RemoteError(VizslaError):
    """A remote address does not answer, or not as it should."""


class NotPermitted(RemoteError):
    """Nobody could sign in, or who did lacks a permission. The message names it and says how to grant it."""


class Refused(RemoteError):
    """A request that the far side understood and refused: `status` of HTTP, and its own `code` and `reason`."""

    def __init__(self, message: str, *, status: int, code: str = "", reason: str = "") -> None:
        self.status = status
        self.code = code
        self.reason = reason
        super().__init__(message)


class Unclear(RemoteError):
    """A request that was sent, and may have been carried out: no answer says so, or one that cannot be read."""


class Throttled(RemoteError):
    """A wait too long to sit out. It is no failure: the same may be asked again at `until` (UTC)."""

    def __init__(self, message: str, *, until: datetime) -> None:
        self.until = until
        super().__init__(message)


class SinkError(VizslaError):
    """A finding cannot be delivered."""


class StoreError(VizslaError):
    """What is remembered between runs cannot be read or written."""


class SettingsError(VizslaError):
    """The environment lacks a setting, or holds a wrong one."""
