"""Who ran a command, and where an image lies."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from engine.model.finding import Process

ActorKind: TypeAlias = Literal["process", "session", "remote"]


class Actor(Struct, frozen=True):
    """The nearest known ancestor that is no shell, or a person's session, or a remote-execution host.

    Events whose actors have equal `key` belong together; the key begins with the device. `process` is the actor
    process: for a session or a remote-execution host, that of the event at hand. `chain` leads from the actor down to
    the launcher of the command. `notes` say what the data lacked on the way up.
    """

    key: tuple[str, ...]
    kind: ActorKind
    process: Process
    chain: tuple[Process, ...] = ()
    notes: tuple[str, ...] = ()


def image_path(folder_path: str, file_name: str) -> str:
    """The full path of an image in lower case, or "" when the folder is unknown.

    Defender gives a process's folder in mixed case, with the file name or without it.
    """
    folder = folder_path.strip().lower().replace("/", "\\").rstrip("\\")
    name = file_name.lower()
    if not folder or not name or "\\" not in folder:
        return ""
    return folder if folder.endswith(f"\\{name}") else f"{folder}\\{name}"
