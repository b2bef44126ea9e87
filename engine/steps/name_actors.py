"""Names each event's actor: the nearest known ancestor that is no shell, or a person's session.

In a real intrusion each command had a `cmd.exe /c` of its own, so the parent process says little; and a row knows its
grandparent by name alone, so that only the shell's own creation row tells an agent's script from an impostor's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from engine.model.actor import Actor, ActorKind
from engine.model.event import Event, text
from engine.model.finding import Process
from engine.steps.interface import Batch, Context

Lineage = Mapping[tuple[str, str, str], Event]
_DEEPEST = 32
_NO_FOLDER = "the folder of {name} is unknown: its shell's creation row is not in the data"
_NO_PARENT = "what started {name} is not in the data"


@dataclass(frozen=True)
class NameActors:
    """Extends each event with its `Actor`.

    `shells`, and what passes commands on as they do, lead on to what started them. Below a process of `desktops`, the
    actor is the desktop session: CreatedProcessSessionId when above 0, else the account's SID, else its LogonId.
    Processes of `remote_hosts` begin anew for each command or live for ever: there, and below a scheduler that started
    a shell, the actor is one image and account. Anywhere else it is one process.
    """

    reads: ClassVar[tuple[str, ...]] = (
        "DeviceId", "ProcessId", "ProcessCreationTime", "AccountName", "AccountDomain", "AccountSid", "LogonId",
        "CreatedProcessSessionId", "InitiatingProcessFileName", "InitiatingProcessFolderPath", "InitiatingProcessId",
        "InitiatingProcessCreationTime", "InitiatingProcessCommandLine", "InitiatingProcessAccountSid",
        "InitiatingProcessSignatureStatus", "InitiatingProcessSHA1", "InitiatingProcessParentFileName",
        "InitiatingProcessParentId", "InitiatingProcessParentCreationTime",
    )  # fmt: skip
    adds: ClassVar[tuple[str, ...]] = ("Actor",)

    shells: tuple[str, ...]
    desktops: tuple[str, ...] = ("explorer.exe", "windowsterminal.exe", "openconsole.exe")
    remote_hosts: tuple[str, ...] = ("psexesvc.exe", "wsmprovhost.exe", "winrshost.exe", "wmiprvse.exe")
    schedulers: tuple[str, ...] = ("services.exe", "svchost.exe", "taskeng.exe")

    def __call__(self, batch: Batch, context: Context) -> Batch:  # noqa: ARG002 - every step is called alike
        """The batch with every event extended; nothing is dropped."""
        lineage = _lineage(batch)
        leads_on = frozenset(name.lower() for name in self.shells)
        return replace(
            batch, events=tuple({**event, "Actor": self._actor(event, lineage, leads_on)} for event in batch.events)
        )

    def _actor(self, event: Event, lineage: Lineage, leads_on: frozenset[str]) -> Actor:
        chain, notes = _climb(event, lineage, leads_on)
        actor = chain[-1]
        kind, name = self._kind(actor, chain)
        device = text(event, "DeviceId")
        key: tuple[str, ...]
        match kind:
            case "session":
                key = (device, "session", *_session(event))
            case "remote":
                key = (device, "remote", name, _account(event))
            case _:
                key = (device, "process", name, str(actor.process_id), actor.creation_time)
        return Actor(key, kind, actor, tuple(reversed(chain)), notes)

    def _kind(self, actor: Process, chain: tuple[Process, ...]) -> tuple[ActorKind, str]:
        name = actor.file_name.lower()
        if name in self.desktops:
            return "session", name
        scheduled = name in self.schedulers and len(chain) > 1 and _schedules(actor)
        return ("remote" if scheduled or name in self.remote_hosts else "process"), name


def _schedules(actor: Process) -> bool:
    """Svchost hosts many services; only the scheduler's starts shells for strangers. Unknown is taken for it."""
    return (
        actor.file_name.lower() != "svchost.exe"
        or "-s " not in actor.command_line
        or "schedule" in actor.command_line.lower()
    )


def _climb(event: Event, lineage: Lineage, leads_on: frozenset[str]) -> tuple[tuple[Process, ...], tuple[str, ...]]:
    """The processes from the launcher of the event up to the first that is no shell, and what was lacking."""
    chain: list[Process] = []
    row: Event | None = event
    while row is not None and len(chain) < _DEEPEST:
        launcher = _launcher(row)
        chain.append(launcher)
        if launcher.file_name.lower() not in leads_on:
            return tuple(chain), () if launcher.folder_path else (
                _NO_FOLDER.format(name=launcher.file_name or "the launcher"),
            )
        above = lineage.get(_identity(row, "InitiatingProcessId", "InitiatingProcessCreationTime"))
        if above is None:
            return _by_name_alone(row, chain, lineage, leads_on)
        row = above
    return tuple(chain), ()


def _by_name_alone(
    row: Event, chain: list[Process], lineage: Lineage, leads_on: frozenset[str]
) -> tuple[tuple[Process, ...], tuple[str, ...]]:
    """The launcher's own row is missing: its parent is known by name, id and time, but without a folder."""
    parent = Process(
        file_name=text(row, "InitiatingProcessParentFileName"),
        process_id=row.get("InitiatingProcessParentId"),
        creation_time=text(row, "InitiatingProcessParentCreationTime"),
    )
    if not parent.file_name:
        return tuple(chain), (_NO_PARENT.format(name=chain[-1].file_name),)
    chain.append(parent)
    if parent.file_name.lower() not in leads_on:
        return tuple(chain), (_NO_FOLDER.format(name=parent.file_name),)
    above = lineage.get(_identity(row, "InitiatingProcessParentId", "InitiatingProcessParentCreationTime"))
    if above is None or len(chain) >= _DEEPEST:
        return tuple(chain), (_NO_PARENT.format(name=parent.file_name),)
    further, notes = _climb(above, lineage, leads_on)
    return (*chain, *further), notes


def _lineage(batch: Batch) -> Lineage:
    """Every creation row at hand, by the identity of the process it created."""
    rows = (*batch.shells, *batch.events)
    return {_identity(row, "ProcessId", "ProcessCreationTime"): row for row in rows if row.get("ProcessCreationTime")}


def _identity(row: Event, process_id: str, creation_time: str) -> tuple[str, str, str]:
    return text(row, "DeviceId"), text(row, process_id), text(row, creation_time)


def _launcher(row: Event) -> Process:
    return Process(
        file_name=text(row, "InitiatingProcessFileName"),
        folder_path=text(row, "InitiatingProcessFolderPath"),
        process_id=row.get("InitiatingProcessId"),
        creation_time=text(row, "InitiatingProcessCreationTime"),
        command_line=text(row, "InitiatingProcessCommandLine"),
        account_sid=text(row, "InitiatingProcessAccountSid"),
        signature_status=text(row, "InitiatingProcessSignatureStatus"),
        sha1=text(row, "InitiatingProcessSHA1"),
    )


def _session(event: Event) -> tuple[str, str]:
    session = event.get("CreatedProcessSessionId")
    if isinstance(session, int) and session > 0:
        return "session", str(session)
    sid = text(event, "AccountSid")
    return ("sid", sid) if sid else ("logon", text(event, "LogonId"))


def _account(event: Event) -> str:
    sid = text(event, "AccountSid")
    return sid or f"{text(event, 'AccountDomain')}\\{text(event, 'AccountName')}".lower()
