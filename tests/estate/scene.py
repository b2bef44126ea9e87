"""One run on one device: starts processes at its own pace and keeps the rows that Defender would record."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from math import exp
from random import Random

from engine.model.event import TICKS_PER_SECOND, timestamp
from tests.estate.commands import SHELLS, inner, net1, pieces, spell, split, starts_nothing
from tests.estate.devices import Device, Fleet, tagged
from tests.estate.dice import dice
from tests.estate.people import DOMAIN, NETBIOS, Logon
from tests.estate.processes import Process, Row
from tests.estate.programs import resolve

_PLACE = re.compile(r"\{(\w+)\}")
_MILLISECOND = TICKS_PER_SECOND // 1000
_FIRST_PID, _PIDS = 8_000, 5_000  # short-lived processes; services and desktops lie below
_NET1_IS_MISSING = 0.03
_SIGNATURE_IS_UNKNOWN = 0.02
_RUN_IS_LATE = 0.008
# Seconds, and sigma of the logarithm: with the late runs, the 95th percentile is 167 s as in a real export.
_MEDIAN_DELAY, _DELAY_SPREAD = 90.0, 0.358
_ADMINISTRATORS = {"en": "Administrators", "de": "Administratoren", "fr": "Administrateurs"}


@dataclass
class Scene:
    """What one run has started so far. `clock` is its present, in ticks; `rows` come in order of Timestamp."""

    device: Device
    roll: Random
    clock: int
    names: dict[str, str]
    rows: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._pid = self.roll.randrange(_PIDS)
        late = self.roll.random() < _RUN_IS_LATE
        # A device that was offline reports its run hours later; at most 13.8 h are known of a real export.
        self._offline = int(600 * exp(self.roll.uniform(0, 4.4)) * TICKS_PER_SECOND) if late else 0

    def wait(self, shortest: float, longest: float) -> None:
        """Lets the clock run for a span between the two, in seconds."""
        self.clock += int(self.roll.uniform(shortest, longest) * TICKS_PER_SECOND)

    def fill(self, line: str) -> str:
        """The line with its {placeholders} replaced; one that has no name stays as it is."""
        return _PLACE.sub(self._name, line) if "{" in line else line

    def _name(self, match: re.Match[str]) -> str:
        word = match[1]
        if word == "guid":
            text = f"{self.roll.getrandbits(128):032x}"
            return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
        return str(self.roll.randrange(1000, 30000)) if word == "n" else self.names.get(word, match[0])

    def start(self, parent: Process, line: str, logon: Logon, *, word: str = "") -> Process:
        """A new process and its row. `word` names the program where the line does not."""
        # Two runs may share a desktop that the first has only just begun.
        self.clock = max(self.clock, parent.created + _MILLISECOND)
        self._pid = (self._pid + self.roll.randrange(1, 9)) % _PIDS
        program = resolve(word or split(line)[0], self.names["user"])
        pid = _FIRST_PID + 4 * self._pid
        process = Process(self.device, pid, self.clock, program, line, logon, parent)
        self.rows.append(self._row(process, parent))
        self.clock += self.roll.randrange(15 * _MILLISECOND, 90 * _MILLISECOND)
        return process

    def record(self, process: Process) -> None:
        """The row of a process that exists already: a desktop's, when its owner logs on."""
        if process.parent:
            self.rows.append(self._row(process, process.parent))

    def _row(self, process: Process, parent: Process) -> Row:
        delay = int(self.roll.lognormvariate(0, _DELAY_SPREAD) * _MEDIAN_DELAY * 1000) * _MILLISECOND
        row = {
            "Timestamp": process.creation_time,
            "DeviceId": self.device.id,
            "DeviceName": self.device.name,
            "ActionType": "ProcessCreated",
            **process.as_created,
            **parent.as_initiating,
            # Defender's counter since the boot, told in milliseconds: it needs no knowledge of other runs.
            "ReportId": (process.created - self.device.booted) // _MILLISECOND,
            "_ArrivalTime": timestamp(process.created + delay + self._offline),
        }
        spelling = self.roll.random()
        if spelling < 0.4:
            path = parent.program.path.lower()
            row["InitiatingProcessFolderPath"] = path if spelling < 0.2 else path.rpartition("\\")[0]
        if self.roll.random() < _SIGNATURE_IS_UNKNOWN:
            row["InitiatingProcessSignerType"] = row["InitiatingProcessSignatureStatus"] = "Unknown"
        return row

    def carry_out(self, parent: Process, line: str) -> list[Process]:
        """What a parent starts for a line that it is given: programs, shells within, net1. Returns them, less net1.

        A shell parts the line at pipes and does its built-in commands itself; any other parent starts it as it is.
        """
        shell = parent.program.name
        started: list[Process] = []
        for piece in pieces(line) if shell in SHELLS else [line]:
            if starts_nothing(piece):
                continue
            word = split(piece)[0]
            path = resolve(word, self.names["user"]).path
            child = self.start(parent, spell(piece, launcher=shell, path=path), parent.logon, word=word)
            started.append(child)
            if child.program.name == "cmd.exe":
                started += self.carry_out(child, inner(child.line))
            elif child.program.name == "net.exe":
                self._net1(child)
        return started

    def _net1(self, net: Process) -> None:
        line = net1(net.line)
        if line and self.roll.random() >= _NET1_IS_MISSING:
            self.start(net, line, net.logon, word="net1.exe")


def scene(fleet: Fleet, device: Device, *, start: int, key: tuple[object, ...], user: str, day: int) -> Scene:
    """A scene at `start` (ticks), all of whose chances hang on the device and the key."""
    roll = dice(device.id, *key)
    server = roll.choice(tagged(fleet, "member"))
    colleague = roll.choice(tagged(fleet, "workstation")).owner
    names = {
        **_estate_names(fleet),
        "user": user,
        "host": device.host,
        "gateway": device.address.rpartition(".")[0] + ".1",
        "administrators": _ADMINISTRATORS[device.language],
        "day": str(day),
        "colleague": colleague.name if colleague else user,
        "server": server.host,
        "server_ip": server.address,
        "word": "".join(roll.choices("abcdefghklmnoprstuvwz", k=7)),
    }
    return Scene(device, roll, start, names)


@lru_cache(maxsize=8)
def _estate_names(fleet: Fleet) -> dict[str, str]:
    first, second = tagged(fleet, "dc")[:2]
    return {"domain": DOMAIN, "netbios": NETBIOS.upper(), "dc": first.host, "dc2": second.host, "dc_ip": first.address}
