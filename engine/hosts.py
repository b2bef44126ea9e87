"""Which devices are meant by the hosts that a caller names: exactly those, never one whose name holds another's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from engine import parameters
from engine.errors import ParameterError, UnsupportedQuery
from engine.model.demand import MOST_DEVICES, Host, Resolved
from engine.model.event import text
from engine.model.finding import Device
from engine.model.hunt import Parameter
from engine.model.run import Window
from engine.sources.interface import Source

_HERE = Path(__file__).parent
_INVENTORY, _SEEN = "hosts.kql", "hosts_seen.kql"
_INVENTORIED = timedelta(days=7)
"""Defender takes its inventory every few hours; a device that is off is not in that of today."""
_NAMES = Parameter(type="string list", description="Device ids or names.", max_items=2 * MOST_DEVICES)


def resolve(hosts: Sequence[Host], *, source: Source, window: Window) -> tuple[Resolved, ...]:
    """Each host with the ids of the devices that it is: several where they share a name.

    The inventory says so, up to a week before the window; of hosts that it lacks, as of all where there is none, what
    ran in the window. Raises SourceError and RemoteError.
    """
    found = _found(hosts, _devices(_INVENTORY, hosts, source, Window(window.start - _INVENTORIED, window.end)))
    missing = [host for host, ids in found.items() if not ids]
    found |= _found(missing, _devices(_SEEN, missing, source, window))
    return tuple(Resolved(host, found[host], len(found[host]) > 1) for host in hosts)


def silent(resolved: Sequence[Resolved], *, source: Source, window: Window) -> tuple[str, ...]:
    """The names of those that are known, and ran nothing in the window: nothing can be said of them.

    Raises SourceError and RemoteError.
    """
    ids = dict.fromkeys(each for host in resolved for each in host.ids)
    ran = {device.id for device in _devices(_SEEN, [Host(id=each) for each in ids], source, window)}
    return tuple(each.asked.called for each in resolved if each.ids and not ran.intersection(each.ids))


def can_be_asked(host: Host) -> bool:
    """Whether a query can hold the host's names."""
    try:
        _bound([host])
    except ParameterError:
        return False
    return True


def _found(hosts: Sequence[Host], known: Sequence[Device]) -> dict[Host, tuple[str, ...]]:
    by_word: dict[str, list[Device]] = defaultdict(list)
    for device in known:
        full = device.name.casefold()
        for word in {device.id.casefold(), full, full.partition(".")[0]}:
            by_word[word].append(device)
    near = {host: [each for word in _words([host]) for each in by_word[word.casefold()]] for host in hosts}
    return {host: tuple(sorted({each.id for each in near[host] if _is(host, each)})) for host in hosts}


def _devices(file: str, hosts: Sequence[Host], source: Source, window: Window) -> list[Device]:
    """The devices that go by any of the hosts' words; none where the source lacks the table of the inventory."""
    if not hosts:
        return []
    query = parameters.bind((_HERE / file).read_text("utf-8"), {"names": _bound(hosts)})
    try:
        rows = [row for batch in source.rows(query, window) for row in batch]
    except UnsupportedQuery:
        if file == _SEEN:
            raise
        return []
    return [Device(text(row, "DeviceId"), text(row, "DeviceName")) for row in rows]


def _bound(hosts: Sequence[Host]) -> tuple[str, ...]:
    bound = parameters.coerce("devices", _NAMES, tuple(dict.fromkeys(_words(hosts))))
    return bound if isinstance(bound, tuple) else ()


def _words(hosts: Sequence[Host]) -> Iterator[str]:
    """All that a device may go by: its full name, and where Defender has the host name alone, that."""
    for host in hosts:
        yield host.called
        if host.host_name:
            yield host.host_name


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
