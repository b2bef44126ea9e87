"""Webhooks: addresses that are secrets, for whoever knows one may post. They stand in no log and in no error."""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from engine.errors import Refused, RemoteError, SettingsError

E = TypeVar("E", bound=RemoteError)
MICROSOFT = ("*.logic.azure.com", "*.environment.api.powerplatform.com")
"""Where Workflows answers: the older address, and the one that new workflows get."""
_ADDRESS = re.compile(r"[!-~]+")
_KEY = re.compile(r"[\w-]{16,}")
_HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Secret:
    """The path and query of a webhook, and the words in them that are long enough to be keys. A filter of logs, too."""

    path: str = field(repr=False)

    def hide(self, text: str) -> str:
        """The text with `***` where it tells the secret or a key of it."""
        words = sorted({self.path, *_KEY.findall(self.path)}, key=len, reverse=True)
        return re.sub("|".join(map(re.escape, words)), _HIDDEN, text)

    def clear(self, error: E) -> E:
        """The error, which tells it no more. To be raised `from None`: what caused it may quote the address."""
        error.args = tuple(self.hide(str(each)) for each in error.args)
        if isinstance(error, Refused):
            error.reason = self.hide(error.reason)
        return error

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets the record through, without the secret."""
        record.msg, record.args = self.hide(record.getMessage()), ()
        return True


def cure(_permission: str) -> str:
    """What to do where a webhook refuses us."""
    return (
        "Whoever knows a webhook's address may post, so this address is no longer good, or its trigger lets in people "
        "alone: copy it anew from the workflow, whose trigger is to be open to anyone, into the setting it came from."
    )


def webhook(url: str, *, setting: str, hosts: Collection[str]) -> tuple[str, str]:
    """Origin and secret of a webhook's address: `https://host[:port]`, and the path with its query.

    Its host is Microsoft's or one of `hosts`, where a leading `*.` stands for any subdomain. Plain http is for a
    loopback address that `hosts` names. Raises SettingsError, which names the setting and the host at the most.
    """
    parts = _parts(url, setting)
    host = parts.hostname or ""
    if not any(_is_allowed(host, pattern.casefold()) for pattern in (*MICROSOFT, *hosts)):
        raise SettingsError(
            f"{setting}: {host} is no host of Microsoft's Workflows. Where the webhook is meant to be there, name the "
            f"host in VIZSLA_TEAMS_HOSTS."
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_here(host)):
        raise SettingsError(f"{setting}: a webhook's address begins with https, this one at {host} does not.")
    if parts.username is not None or parts.fragment or not parts.path.strip("/"):
        raise SettingsError(f"{setting}: a webhook at {host} has a path, and no user and no fragment.")
    name = f"[{host}]" if ":" in host else host
    port = f":{parts.port}" if parts.port is not None else ""
    return f"{parts.scheme}://{name}{port}", f"{parts.path}{'?' if parts.query else ''}{parts.query}"


def _parts(url: str, setting: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        readable = _ADDRESS.fullmatch(url) and "\\" not in url and parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        readable = None
    if not readable:
        # Nothing of it is repeated: any part may be the secret.
        raise SettingsError(f"{setting}: this is no address of a webhook; copy it whole from the workflow.")
    return parts


def _is_allowed(host: str, pattern: str) -> bool:
    return host.removesuffix(pattern[1:]) not in ("", host) if pattern.startswith("*.") else host == pattern


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
