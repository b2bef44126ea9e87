"""Which device is meant, and all that it did: asked of the source without any hunt's conditions."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from engine import parameters
from engine.errors import ParameterError
from engine.model.event import Event, text
from engine.model.finding import Device
from engine.model.hunt import Parameter
from engine.model.run import Window
from engine.report.visible import visible
from engine.sources.interface import Source

_HERE = Path(__file__).parent
_NAMES = Parameter(type="string list", description="Device ids or names.")
_MOST_NEAR = 3


def device(name: str, *, source: Source, window: Window) -> Device:
    """The device that goes by an id, a full name or a host name.

    Raises ParameterError when none does, with the nearest names that there are, or when several do, with theirs.
    """
    found = _devices((name,), source, window)
    if len(found) > 1:
        called = ", ".join(sorted(visible(f"{each.name} ({each.id})") for each in found))
        raise ParameterError(f"device: {name} is {len(found)} devices: {called}. Give the id of one.")
    if not found:
        raise ParameterError(f"device: {name} is no device in the data.{_near(name, _devices((), source, window))}")
    return found[0]


def deeds(device_id: str, *, source: Source, window: Window) -> list[Event]:
    """Every process creation, recorded cmdlet and LDAP search of the device in the window, in order of time."""
    return _answer("device.kql", (device_id,), source, window)


def _devices(names: tuple[str, ...], source: Source, window: Window) -> list[Device]:
    """Each device once, under the latest of its names."""
    rows = sorted(_answer("devices.kql", names, source, window), key=lambda row: text(row, "Newest"))
    latest = {text(row, "DeviceId"): text(row, "DeviceName") for row in rows}
    return [Device(device_id, name or device_id) for device_id, name in sorted(latest.items())]


def _answer(file: str, names: tuple[str, ...], source: Source, window: Window) -> list[Event]:
    bound = {"devices": parameters.coerce("device", _NAMES, names)}
    query = parameters.bind((_HERE / file).read_text("utf-8"), bound)
    return [row for batch in source.rows(query, window) for row in batch]


def _near(name: str, known: list[Device]) -> str:
    spelled = {word.lower(): each.name for each in known for word in (each.id, each.name, each.name.partition(".")[0])}
    near = dict.fromkeys(spelled[word] for word in get_close_matches(name.lower(), spelled, n=2 * _MOST_NEAR))
    return f" Did you mean {' or '.join(map(visible, list(near)[:_MOST_NEAR]))}?" if near else ""
