"""A process, and what Defender's columns tell of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from engine.model.event import timestamp
from tests.estate.devices import Device
from tests.estate.people import Logon
from tests.estate.programs import Program, file_hash

Row: TypeAlias = dict[str, Any]

_SIGNERS = {"os": ("OsVendor", "Valid"), "vendor": ("Other", "Valid"), "none": ("Unknown", "Unsigned")}


@dataclass(frozen=True, eq=False)
class Process:
    """One process; `created` is in ticks. Its identity is device, pid and creation time: a pid alone is used again."""

    device: Device
    pid: int
    created: int
    program: Program
    line: str
    logon: Logon
    parent: Process | None

    @cached_property
    def creation_time(self) -> str:
        """The creation time as Defender writes it."""
        return timestamp(self.created)

    @cached_property
    def as_created(self) -> Row:
        """The columns of the process in its own row."""
        program, logon = self.program, self.logon
        name, address = logon.remote or ("", "")
        return {
            "FileName": program.name,
            "FolderPath": program.path,
            "SHA1": file_hash(program, self.device),
            "ProcessVersionInfoCompanyName": program.company,
            "ProcessVersionInfoOriginalFileName": program.original,
            "ProcessId": self.pid,
            "ProcessCommandLine": self.line,
            "ProcessIntegrityLevel": logon.integrity,
            "ProcessTokenElevation": logon.elevation,
            "ProcessCreationTime": self.creation_time,
            "AccountDomain": logon.account.domain,
            "AccountName": logon.account.name,
            "AccountSid": logon.account.sid,
            "AccountUpn": logon.account.upn,
            "LogonId": logon.id,
            "CreatedProcessSessionId": logon.session,
            "IsProcessRemoteSession": logon.remote is not None,
            "ProcessRemoteSessionDeviceName": name,
            "ProcessRemoteSessionIP": address,
        }

    @cached_property
    def as_initiating(self) -> Row:
        """The columns of the process in its children's rows; of its own parent they know name, id and time alone."""
        program, logon, parent = self.program, self.logon, self.parent
        signer, status = _SIGNERS[program.signer]
        return {
            "InitiatingProcessFileName": program.name,
            "InitiatingProcessFolderPath": program.path,
            "InitiatingProcessSHA1": file_hash(program, self.device),
            "InitiatingProcessVersionInfoCompanyName": program.company,
            "InitiatingProcessVersionInfoOriginalFileName": program.original,
            "InitiatingProcessId": self.pid,
            "InitiatingProcessCommandLine": self.line,
            "InitiatingProcessCreationTime": self.creation_time,
            "InitiatingProcessAccountDomain": logon.account.domain,
            "InitiatingProcessAccountName": logon.account.name,
            "InitiatingProcessAccountSid": logon.account.sid,
            "InitiatingProcessAccountUpn": logon.account.upn,
            "InitiatingProcessLogonId": logon.id,
            "InitiatingProcessIntegrityLevel": logon.integrity,
            "InitiatingProcessTokenElevation": logon.elevation,
            "InitiatingProcessParentFileName": parent.program.name if parent else "",
            "InitiatingProcessParentId": parent.pid if parent else 0,
            "InitiatingProcessParentCreationTime": parent.creation_time if parent else None,
            "InitiatingProcessSignerType": signer,
            "InitiatingProcessSignatureStatus": status,
            "InitiatingProcessSessionId": logon.session,
            "IsInitiatingProcessRemoteSession": logon.remote is not None,
        }


def identity(row: Row) -> tuple[str, int, str]:
    """Which process a row tells of: device, pid and creation time."""
    return row["DeviceId"], row["ProcessId"], row["ProcessCreationTime"]


def initiator(row: Row) -> tuple[str, int, str]:
    """Which process started the one that a row tells of: what `identity` gives for its own row, if it has one."""
    return row["DeviceId"], row["InitiatingProcessId"], row["InitiatingProcessCreationTime"]
