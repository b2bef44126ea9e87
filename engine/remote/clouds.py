"""Where a cloud's services stand, and which addresses Vizsla agrees to talk to."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

from engine.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Cloud:
    """One of Microsoft's clouds: who signs in, where Graph answers, and for whom an exchanged token is made out.

    `exchange` is the audience of a managed identity's token that stands in for an app's secret, `monitor` that of a
    token for Azure Monitor; `portal` is where people look at Defender.
    """

    authority: str
    graph: str
    exchange: str
    monitor: str
    portal: str

    @property
    def graph_scope(self) -> str:
        """What a token for Microsoft Graph is asked for: the cloud's own name, whatever address Graph is asked at."""
        return f"{self.graph}/.default"

    @property
    def monitor_scope(self) -> str:
        """What a token for Azure Monitor's ingestion is asked for."""
        return f"{self.monitor}/.default"


_US_SIGN_IN, _US_EXCHANGE = "https://login.microsoftonline.us", "api://AzureADTokenExchangeUSGov"
_US_MONITOR = "https://monitor.azure.us"
CLOUDS: Mapping[str, Cloud] = MappingProxyType(
    {
        "global": Cloud(
            "https://login.microsoftonline.com",
            "https://graph.microsoft.com",
            "api://AzureADTokenExchange",
            "https://monitor.azure.com",
            "https://security.microsoft.com",
        ),
        "us-gov-l4": Cloud(
            _US_SIGN_IN, "https://graph.microsoft.us", _US_EXCHANGE, _US_MONITOR, "https://security.microsoft.us"
        ),
        "us-gov-l5": Cloud(
            _US_SIGN_IN, "https://dod-graph.microsoft.us", _US_EXCHANGE, _US_MONITOR, "https://security.apps.mil"
        ),
    }
)


def address(url: str, setting: str) -> str:
    """The address without its last slash. Raises SettingsError, which names the `setting`, unless it is safe to use.

    Safe is https, or http on this machine alone, and no user, query or fragment: those would end in logs.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise SettingsError(f"{setting}: {url} is no address like https://graph.microsoft.com.")
    if parts.username is not None or parts.query or parts.fragment:
        raise SettingsError(f"{setting}: an address has no user, query or fragment; give scheme, host and path alone.")
    if parts.scheme == "http" and not _is_here(parts.hostname):
        raise SettingsError(f"{setting}: {url} is not encrypted: write https. Plain http is for this machine alone.")
    return url.rstrip("/")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
