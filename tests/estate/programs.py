"""The programs that run on the estate: where they lie, who made them, what their version resource says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha1

import msgspec

from tests.estate import tables
from tests.estate.devices import Device

_SYSTEM32 = r"C:\Windows\System32"
_MICROSOFT = "Microsoft Corporation"
_WINDOWS_FOLDERS = (r"c:\windows\system32", r"c:\windows\syswow64")


@dataclass(frozen=True, slots=True)
class Program:
    """A file that can run. `signer` is `os`, `vendor` or `none`; `account` is who runs it when it is a service."""

    name: str
    folder: str
    original: str = ""
    company: str = ""
    signer: str = "none"
    account: str = "system"

    @property
    def path(self) -> str:
        """The folder with the file's name."""
        return rf"{self.folder}\{self.name}"


class _Other(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    folder: str
    company: str = _MICROSOFT
    original: str = ""
    signer: str = "vendor"
    account: str = "system"


class Service(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a resident process is started: its command line (the name alone, when empty) and by which service."""

    line: str = ""
    parent: str = "services.exe"


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    system32: dict[str, str]
    services: dict[str, Service]
    others: dict[str, _Other]


@cache
def _table() -> _Table:
    return tables.read("programs.yaml", _Table)


@cache
def known() -> dict[str, Program]:
    """The programs of programs.yaml, by file name and by file name without its ending, in lower case."""
    table = _table()
    programs = [Program(name, _SYSTEM32, kept or name, _MICROSOFT, "os") for name, kept in table.system32.items()]
    programs += [
        Program(name, other.folder, other.original or name, other.company, other.signer, other.account)
        for name, other in table.others.items()
    ]
    stems = {program.name.lower().rpartition(".")[0]: program for program in programs}
    return stems | {program.name.lower(): program for program in programs}


@cache
def service(name: str) -> tuple[int, Service]:
    """A resident process by name, with its place among all that could be resident: no two have the same.

    A program that the table of services does not name is started by services.exe under its own name.
    """
    names = sorted({*_table().system32, *_table().others, *_table().services})
    if name not in names:
        raise LookupError(f"No service is called {name!r}: add its program to {tables.FOLDER / 'programs.yaml'}.")
    return names.index(name), _table().services.get(name, Service(line=name))


def resolve(word: str, user: str) -> Program:
    """The program that a word on a command line means for that user.

    A path of its own, outside Windows' folders and other than the one in the table, is a stranger: unsigned and
    without a version resource, whatever it calls itself.
    """
    folder, _, name = word.rpartition("\\")
    program = known().get(name.lower())
    if program is None:
        if not folder or "." not in name:
            cure = f"add it to {tables.FOLDER / 'programs.yaml'}, or put quotes around a path with blanks"
            raise LookupError(f"No program is called {word!r}: {cure}.")
        return Program(name, folder)
    home = program.folder.replace("{user}", user)
    if not folder or folder.lower() == home.lower():
        return program if home == program.folder else replace(program, folder=home)
    if folder.lower() in _WINDOWS_FOLDERS and program.signer == "os":
        return replace(program, folder=folder)
    return Program(name, folder)


def file_hash(program: Program, device: Device) -> str:
    """SHA-1 of the file: Windows' own change with the build, others with the release, a stranger's with its place."""
    if program.signer == "os":
        return _digest(program.name, device.build)
    return _digest(program.name, str(device.version) if program.original else program.folder)


@cache
def _digest(name: str, release: str) -> str:
    return sha1(f"{name}/{release}".encode(), usedforsecurity=False).hexdigest()
