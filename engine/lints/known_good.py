"""Lints of the lists of known-good: each entry an identity, in force, and about what there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from engine.decode import nearest
from engine.errors import Fault
from engine.lints.interface import Needs, Subject
from engine.model.catalogue import Catalogue
from engine.model.known_good import KnownGood, KnownGoodEntry, is_closed

_LONGEST = timedelta(days=400)
_ROOT = re.compile(r"[A-Za-z]:\\|\\\\[^\\*?]+\\[^\\*?]+\\")
_ANYTHING = ("", "/c a line that no agent has")
# Whatever these are told to run, they run: their image says nothing of who is at work.
_HOSTS = re.compile(
    r"(?:cmd|powershell|powershell_ise|pwsh|bash|wsl|explorer|svchost|services|taskeng|taskhostw?|wmiprvse|psexesvc"
    r"|wsmprovhost|winrshost|rundll32|regsvr32|dllhost|msiexec|mshta|wscript|cscript|scrcons|w3wp|sqlservr|conhost"
    r"|openconsole|windowsterminal|net1?|forfiles|wmic|schtasks|userinit|winlogon|msbuild|installutil|regasm|regsvcs"
    r"|pythonw?[\d.]*|rubyw?|perl|php|node|javaw?)\.exe",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class KnownGoodIsInForce:
    """No entry has expired, and none is given for much longer than a year. `today` is UTC's when None."""

    name: str = "known-good-is-in-force"
    recommendation: str = "Renew it with its owner, or take it out."
    needs: Needs = ""
    today: date | None = None

    def __call__(self, subject: Subject) -> Iterator[Fault]:
        """One fault an entry that has expired, or whose dates are no year apart."""
        today = self.today or datetime.now(UTC).date()
        for place, entry in _entries(subject):
            if entry.expires <= today:
                cure = f"Renew it with its owner, {entry.owner}, or take it out."
                yield place.fault("expires", f"{entry.id} expired on {entry.expires}", cure)
            if not entry.added < entry.expires <= entry.added + _LONGEST:
                message = f"{entry.id} runs from {entry.added} to {entry.expires}"
                yield place.fault("expires", message, f"An entry ends within {_LONGEST.days} days of being added.")


@dataclass(frozen=True)
class KnownGoodIsAnIdentity:
    """An entry describes one program of one vendor in its own folder, and nothing that a user can put in its place."""

    name: str = "known-good-is-an-identity"
    recommendation: str = "Name the full folder, and what proves the program where users can write."
    needs: Needs = ""

    def __call__(self, subject: Subject) -> Iterator[Fault]:
        """One fault for each folder or pattern that fits more than it should, and each host without a pattern."""
        for place, entry in _entries(subject):
            for index, folder in enumerate(entry.folder_paths):
                at = f"folder_paths[{index}]"
                if flaw := _flaw(folder):
                    yield place.fault(at, f"{folder} {flaw}", r"As in C:\Program Files\Vendor\Agent\*.")
                elif not _proven(folder, entry):
                    cure = "Add sha1s, or signature_statuses: [Valid]."
                    yield place.fault(at, f"users can write to {folder}, so that it proves nothing", cure)
            for index, pattern in enumerate(entry.command_lines):
                if any(re.fullmatch(pattern, arguments) for arguments in _ANYTHING):
                    at = f"command_lines[{index}]"
                    yield place.fault(at, f"{pattern} matches anything", "Write out what the program is told to run.")
            if _HOSTS.fullmatch(entry.file_name) and not entry.command_lines:
                cure = "Name what starts it, or add command_lines."
                yield place.fault("file_name", f"{entry.file_name} runs whatever it is told to", cure)


@dataclass(frozen=True)
class KnownGoodNamesWhatThereIs:
    """The intents of an entry are in the step's catalogue, and no two entries share an id."""

    name: str = "known-good-names-what-there-is"
    recommendation: str = "Write the ids of the catalogue, and an id of its own for each entry."
    needs: Needs = ""

    def __call__(self, subject: Subject) -> Iterator[Fault]:
        """One fault an unknown intent, and one for each entry whose id stands above it."""
        ids: set[tuple[str, str]] = set()
        for place, entry in _entries(subject):
            if (place.file, entry.id) in ids:
                yield place.fault("id", f"{entry.id} stands here twice", "Give each entry an id of its own.")
            ids.add((place.file, entry.id))
            known = [intent.id for intent in place.catalogue.intents]
            for index, intent in enumerate(entry.intents):
                if intent not in known:
                    yield place.fault(f"intents[{index}]", f"{intent} is no intent", nearest(intent, known))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an entry stands, and the catalogue that its step judges by."""

    file: str
    index: int
    catalogue: Catalogue

    def fault(self, key: str, message: str, cure: str) -> Fault:
        return Fault(self.file, f"entries[{self.index}].{key}", message, cure)


def _entries(subject: Subject) -> Iterator[tuple[_Place, KnownGoodEntry]]:
    """Every entry of the lists that the hunt's steps take, and its place."""
    for step, file, known_good in subject.taken(KnownGood):
        catalogue = step.fields.get("catalogue", Catalogue(()))
        for index, entry in enumerate(known_good.entries):
            yield _Place(file, index, catalogue), entry


def _flaw(folder: str) -> str:
    """What keeps a folder from being full, or nothing."""
    root = _ROOT.match(folder)
    if not root or "/" in folder:
        return "is no full path with a drive or a share, in backslashes"
    first, *further = folder[root.end() :].rstrip("\\").split("\\")
    if not further or not all(further) or {".", ".."} & {first, *further}:
        return "does not name two folders or more"
    return "leaves the first two folders open" if "*" in first or further[0] == "*" else ""


def _proven(folder: str, entry: KnownGoodEntry) -> bool:
    signed = [status.lower() for status in entry.signature_statuses] == ["valid"]
    path = folder.lower().replace("*", "1").rstrip("\\") + "\\" + entry.file_name.lower()
    return is_closed(path) or signed or bool(entry.sha1s)
