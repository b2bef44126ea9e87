"""What speaks for a finding: each part a sentence with its number, and the points that it earns.

The shares of the parts add up to 100: intents 60, techniques 10, pace 8, actor 15, standing 7.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from engine.model.actor import Actor, image_path
from engine.model.burst import Burst
from engine.model.catalogue import Intent
from engine.model.event import TICKS_PER_SECOND, text
from engine.model.identity import is_writable
from engine.steps.rarity import HEAVY, Rarity, kinds_of, weights

_BY_WEIGHT = {1: 8, 2: 13, HEAVY: 22}
_INTENTS_MOST = 60
_TECHNIQUE = 2
_TECHNIQUES_MOST = 10
_SCRIPTED, _STEADY, _TYPED = 8, 6, 4
_TYPED_FROM, _PACE_MOST = 3.0, 60.0
_ELEVATED = ("high", "system")
_REMOTELY, _HIGHLY, _NEW = 3, 2, 2

_OPENERS = ("winword.exe", "excel.exe", "powerpnt.exe", "outlook.exe", "onenote.exe", "acrord32.exe", "acrobat.exe")
_SERVERS = ("w3wp.exe", "httpd.exe", "nginx.exe", "tomcat.exe", "php-cgi.exe", "sqlservr.exe")
_HOSTS = ("wscript.exe", "cscript.exe", "mshta.exe", "rundll32.exe", "regsvr32.exe", "msbuild.exe", "installutil.exe")
_REMOTE = ("psexesvc.exe", "wsmprovhost.exe", "winrshost.exe", "wmiprvse.exe")
# Windows starts these with arguments; without any, someone else did.
_ARGUED = ("rundll32.exe", "regsvr32.exe", "dllhost.exe", "svchost.exe", "searchprotocolhost.exe", "werfault.exe")
_QUIET = ("msra.exe", "dllhost.exe", "werfault.exe", "searchindexer.exe", "mobsync.exe", "wermgr.exe", "notepad.exe",
          "searchprotocolhost.exe", "searchfilterhost.exe", "gpupdate.exe", "spoolsv.exe", "lsass.exe")  # fmt: skip


class Part(NamedTuple):
    """Some points of a score, and the sentence that earns them."""

    points: int
    reason: str

    def __str__(self) -> str:
        return f"{self.reason} (+{self.points})"


def parts(burst: Burst, known: Mapping[str, Intent], *, new_for: int = 0) -> tuple[Part, ...]:
    """The parts of a burst's score, most telling first; parts that earn nothing are left out.

    `new_for` is for how many earlier days the account was not seen on the device, 0 where it was, or who can tell.
    """
    earned = (
        *_intents(burst, known),
        _techniques(burst, known),
        _pace(burst),
        _actor(burst.actor),
        _standing(burst, new_for),
    )
    return tuple(part for part in earned if part.points)


def _intents(burst: Burst, known: Mapping[str, Intent]) -> Iterator[Part]:
    """One part for each intent that is rare for the actor, heaviest first, up to the share of intents."""
    left = _INTENTS_MOST
    weighed = tuple(zip(burst.events, weights(kinds_of(burst.events)), strict=True))
    firsts = {event["Intent"]: event for event, weight in reversed(weighed) if weight}
    for intent in sorted(
        (known[each] for each in firsts), key=lambda each: (-each.weight, burst.intents.index(each.id))
    ):
        points = min(_BY_WEIGHT[intent.weight], left)
        left -= points
        yield Part(points, f"{intent.title}, by {_name(burst)}{_seen(firsts[intent.id].get('Rarity'))}")


def _seen(rarity: Rarity | None) -> str:
    if rarity is None or not rarity.of:
        return ""
    if rarity.stand_in:
        return f": seen on {rarity.devices:,} of the {rarity.fleet:,} devices here"
    days = f"{rarity.of} earlier {'day' if rarity.of == 1 else 'days'}"
    # The set counts, so that it is not known, however well one of it is.
    alone = ", but seldom together with the others" if rarity.cover and rarity.devices and not rarity.weak else ""
    return f": seen on {rarity.devices:,} of {rarity.fleet:,} devices in {days}{alone}"


def _techniques(burst: Burst, known: Mapping[str, Intent]) -> Part:
    techniques = sorted({known[intent].technique for intent in burst.intents})
    points = min(_TECHNIQUE * (len(techniques) - 1), _TECHNIQUES_MOST)
    return Part(points, f"{len(techniques)} techniques of ATT&CK: {', '.join(techniques)}")


def _pace(burst: Burst) -> Part:
    """By the mean pause between one command and the next."""
    pauses = max(len(burst.events) - 1, 1)
    seconds = (burst.end - burst.start) / TICKS_PER_SECOND
    mean = seconds / pauses
    words = f"{len(burst.events)} launches within {_lasting(seconds)}"
    if mean > _PACE_MOST:
        return Part(0, words)
    if mean < _TYPED_FROM:
        return Part(_SCRIPTED, f"{words}, faster than anyone types")
    alone = sum(text(event, "InitiatingProcessCommandLine").lower().find(" /c ") > 0 for event in burst.events)
    if alone * 2 > len(burst.events):
        return Part(_STEADY, f"{words}, most in a shell of their own, as implants do")
    return Part(_TYPED, f"{words}, as fast as one types")


def _actor(actor: Actor) -> Part:
    process = actor.process
    name = process.file_name.lower()
    path = image_path(process.folder_path, name)
    if path and is_writable(path):
        folder = path.rpartition("\\")[0]
        return Part(15, f"{process.file_name} runs from a folder that users can write to: {folder}")
    if process.signature_status.lower() in ("unsigned", "invalid"):
        return Part(15, f"{process.file_name} is {process.signature_status.lower()}")
    if name in _ARGUED and process.command_line and " " not in process.command_line.strip().strip('"'):
        return Part(15, f"{process.file_name} runs without the arguments that Windows gives it")
    for points, names, words in _KINDS:
        if name in names:
            return Part(points, f"{process.file_name} {words}")
    return Part(0, "")


_KINDS = (
    (15, _OPENERS, "opens documents, and starts no such commands by itself"),
    (15, _SERVERS, "serves the network, and starts no such commands by itself"),
    (15, _QUIET, "starts no commands by itself"),
    (12, _HOSTS, "runs the code of others"),
    (10, _REMOTE, "runs commands from another device"),
)


def _standing(burst: Burst, new_for: int) -> Part:
    """Elevation, remote sessions, and whether the account was there before."""
    remote = any(event.get("IsProcessRemoteSession") for event in burst.events)
    elevated = any(text(event, "ProcessIntegrityLevel").lower() in _ELEVATED for event in burst.events)
    new = f"under an account that was not on this device in {new_for} earlier days" if new_for else ""
    words = [word for word, is_so in ((new, new), ("in a remote session", remote), ("elevated", elevated)) if is_so]
    points = _NEW * bool(new) + _REMOTELY * remote + _HIGHLY * elevated
    return Part(points, f"its commands ran {', '.join(words)}")


def _name(burst: Burst) -> str:
    return burst.actor.process.file_name or "an unknown process"


def _lasting(seconds: float) -> str:
    if seconds < 120:  # noqa: PLR2004 - two minutes are still told in seconds
        return f"{seconds:.0f} second{'' if round(seconds) == 1 else 's'}"
    return f"{seconds / 60:.0f} minutes"
