"""Names each event's actor: the nearest known ancestor that is no shell, or a person's session.

In a real intrusion each command had a `cmd.exe /c` of its own, so the parent process says little; and a row knows its
grandparent by name alone, so that only the shell's own creation row tells an agent's script from an impostor's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar

from engine.model.actor import Actor, ActorKind
from engine.model.event import Event, span_ticks, text, ticks
from engine.model.finding import Process
from engine.steps.interface import Batch, Context

_MOST_ROWS, _REACH = 2, span_ticks(timedelta(days=1))
"""How many creation rows of shells are climbed, and how old they may be: as far as the hunts' queries fetch them.

More may be in view by chance, and who the actor is must not depend on where a run begins.
"""
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
        "DeviceId", "FileName", "ProcessId", "ProcessCreationTime", "AccountName", "AccountDomain", "AccountSid",
        "LogonId", "CreatedProcessSessionId", "InitiatingProcessFileName", "InitiatingProcessFolderPath",
        "InitiatingProcessId", "InitiatingProcessCreationTime", "InitiatingProcessCommandLine",
        "InitiatingProcessAccountSid", "InitiatingProcessSignatureStatus", "InitiatingProcessSHA1",
        "InitiatingProcessParentFileName", "InitiatingProcessParentId", "InitiatingProcessParentCreationTime",
    )  # fmt: skip
    adds: ClassVar[tuple[str, ...]] = ("Actor",)

    shells: tuple[str, ...]
    desktops: tuple[str, ...] = ("explorer.exe", "windowsterminal.exe", "openconsole.exe")
    remote_hosts: tuple[str, ...] = ("psexesvc.exe", "wsmprovhost.exe", "winrshost.exe", "wmiprvse.exe")
    schedulers: tuple[str, ...] = ("services.exe", "svchost.exe", "taskeng.exe")

    def __call__(self, batch: Batch, context: Context) -> Batch:  # noqa: ARG002 - every step is called alike
        """The batch with every event extended; nothing is dropped."""
        ancestry = _Ancestry(batch, frozenset(name.lower() for name in self.shells))
        return replace(
            batch,
            events=tuple({**event, "Actor": self._actor(event, *ancestry.climb(event))} for event in batch.events),
        )

    def _actor(self, event: Event, chain: tuple[Process, ...], notes: tuple[str, ...]) -> Actor:
        actor = chain[0]
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
        return Actor(key, kind, actor, chain, notes)

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


class _Ancestry:
    """The creation rows of shells, by the process that each created, and the way up through them."""

    def __init__(self, batch: Batch, leads_on: frozenset[str]) -> None:
        self._leads_on = leads_on
        passing = (event for event in batch.events if text(event, "FileName").lower() in leads_on)
        self._rows: dict[tuple[object, ...], Event] = {
            (row.get("DeviceId"), row.get("ProcessId"), created): row
            for rows in (batch.shells, passing)
            for row in rows
            if (created := row.get("ProcessCreationTime"))
        }

    def climb(self, event: Event) -> tuple[tuple[Process, ...], tuple[str, ...]]:
        """The processes from the first that is no shell down to the launcher of the event, and what was lacking."""
        chain: list[Process] = []
        notes: tuple[str, ...] = ()
        row: Event | None = event
        climbed = 0
        while row is not None:
            launcher = _launcher(row)
            chain.append(launcher)
            if launcher.file_name.lower() not in self._leads_on:
                if not launcher.folder_path:
                    notes = (_NO_FOLDER.format(name=launcher.file_name or "the launcher"),)
                break
            above = self._rows.get((row.get("DeviceId"), launcher.process_id, launcher.creation_time))
            climbed += 1
            if above is None or climbed > _MOST_ROWS or _is_older(above, event):
                notes = _by_name_alone(row, chain, self._leads_on)
                break
            row = above
        chain.reverse()
        return tuple(chain), notes


def _by_name_alone(row: Event, chain: list[Process], leads_on: frozenset[str]) -> tuple[str, ...]:
    """The launcher's own row is missing: its parent is known by name, id and time, but without a folder.

    Puts the parent on the chain; what is lacking.
    """
    parent = Process(
        file_name=text(row, "InitiatingProcessParentFileName"),
        process_id=row.get("InitiatingProcessParentId"),
        creation_time=text(row, "InitiatingProcessParentCreationTime"),
    )
    if not parent.file_name:
        return (_NO_PARENT.format(name=chain[-1].file_name),)
    chain.append(parent)
    lacking = _NO_PARENT if parent.file_name.lower() in leads_on else _NO_FOLDER
    return (lacking.format(name=parent.file_name),)


def _is_older(above: Event, event: Event) -> bool:
    """Whether a creation row is from more than a day before the event: then it is as good as missing."""
    then, now = text(above, "Timestamp"), text(event, "Timestamp")
    return then[:10] != now[:10] and ticks(now) - ticks(then) > _REACH


def _launcher(row: Event) -> Process:
    # Made for each row on the way up, so without the detour over `text`.
    return Process(
        file_name=row.get("InitiatingProcessFileName") or "",
        folder_path=row.get("InitiatingProcessFolderPath") or "",
        process_id=row.get("InitiatingProcessId"),
        creation_time=row.get("InitiatingProcessCreationTime") or "",
        command_line=row.get("InitiatingProcessCommandLine") or "",
        account_sid=row.get("InitiatingProcessAccountSid") or "",
        signature_status=row.get("InitiatingProcessSignatureStatus") or "",
        sha1=row.get("InitiatingProcessSHA1") or "",
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
