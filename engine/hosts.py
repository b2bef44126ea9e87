"""Which devices are meant by the hosts that a caller names: exactly those, never one whose name holds another's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from engine import parameters
from engine.errors import SourceError
from engine.model.demand import MOST_DEVICES, Host, Resolved
from engine.model.event import text
from engine.model.finding import Device
from engine.model.hunt import Parameter
from engine.model.run import Window
from engine.sources.interface import Source

_HERE = Path(__file__).parent
_NAMES = Parameter(type="string list", description="Device ids or names.", max_items=2 * MOST_DEVICES)


def resolve(hosts: Sequence[Host], *, source: Source, window: Window) -> tuple[Resolved, ...]:
    """Each host with the ids of the devices that it is, in the window: several where they share a name.

    Raises SourceError and RemoteError; ParameterError for a name that no query can hold.
    """
    if not hosts:
        return ()
    known = list(_devices(tuple(dict.fromkeys(_words(hosts))), source, window))
    resolved = ((host, tuple(sorted({each.id for each in known if _is(host, each)}))) for host in hosts)
    return tuple(Resolved(host, ids, len(ids) > 1) for host, ids in resolved)


def _words(hosts: Sequence[Host]) -> Iterator[str]:
    """All that a device may go by: its full name, and where Defender has the host name alone, that."""
    for host in hosts:
        yield host.called
        if host.host_name:
            yield host.host_name


def _devices(names: tuple[str, ...], source: Source, window: Window) -> Iterator[Device]:
    """From the inventory; where there is none, as in most files, from what ran."""
    try:
        yield from _rows("hosts.kql", names, source, window)
    except SourceError:
        yield from _rows("hosts_seen.kql", names, source, window)


def _rows(file: str, names: tuple[str, ...], source: Source, window: Window) -> list[Device]:
    bound = {"names": parameters.coerce("devices", _NAMES, names)}
    query = parameters.bind((_HERE / file).read_text("utf-8"), bound)
    return [
        Device(text(row, "DeviceId"), text(row, "DeviceName")) for batch in source.rows(query, window) for row in batch
    ]


def _is(host: Host, device: Device) -> bool:
    """Whether the host is the device. Without a domain on either side, the host name decides."""
    full = device.name.casefold()
    name, _, domain = full.partition(".")
    if host.id:
        return device.id.casefold() == host.id.casefold()
    asked = host.called.casefold()
    if host.host_name and not domain:
        return name == host.host_name.casefold()
    return asked == full or ("." not in asked and asked == name)
