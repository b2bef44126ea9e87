"""Where an analyst goes on in the Defender portal: a device's page, an alert's, and a query in Advanced Hunting.

The hunting page takes a query in its address: UTF-16LE text, gzipped, base64url without its padding. Confirmed on links
in Microsoft's documentation (`hunting?query=...&runQuery=true&timeRangeId=week`), which decode so. The path of today,
`/v2/advanced-hunting`, and `tid` are known from links that others publish. None of it was tried in a portal.
"""

from __future__ import annotations

import gzip
import re
from base64 import urlsafe_b64encode
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from engine import parameters
from engine.model.event import moment_of, ticks
from engine.model.finding import Finding
from engine.model.hunt import Value
from engine.model.notice import Links

_QUERY = Path(__file__).with_name("links.kql")
_MARGIN = timedelta(minutes=30)
_LONGEST = 1_800
"""Chat and mail programs cut longer addresses off, and half a query is worse than none."""
_TENANT_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def links(finding: Finding, *, portal: str) -> Links:
    """The finding's links into the `portal`, an address such as https://security.microsoft.com.

    The query asks for its device from half an hour before the finding to half an hour after. A link that would be too
    long is left out, as is a query whose device id KQL cannot hold.
    """
    return Links(
        device=_page(portal, "machines/v2", finding.device.id, finding.tenant), hunting=_hunting(finding, portal)
    )


def alert_link(alert_id: str, *, portal: str, tenant: str) -> str:
    """The page of one of Defender's alerts; empty where it would be too long."""
    return _page(portal, "alerts", alert_id, tenant)


def query(finding: Finding) -> str:
    """What a finding's device ran around that time, as KQL. ValueError where KQL cannot hold the device's id."""
    bound: dict[str, Value] = {
        "device": finding.device.id,
        "since": moment_of(ticks(finding.start)) - _MARGIN,
        "until": moment_of(ticks(finding.end)) + _MARGIN,
    }
    return parameters.bind(_QUERY.read_text("utf-8"), bound)


def _hunting(finding: Finding, portal: str) -> str:
    try:
        text = query(finding)
    except ValueError:
        return ""
    packed = urlsafe_b64encode(gzip.compress(text.encode("utf-16-le"), mtime=0)).decode().rstrip("=")
    # The query says itself from when to when; the longest range on the page keeps it from being cut.
    fields = f"query={packed}&runQuery=true&timeRangeId=month{_tenant(finding.tenant, '&')}"
    return _short_enough(f"{portal}/v2/advanced-hunting?{fields}")


def _page(portal: str, folder: str, name: str, tenant: str) -> str:
    return _short_enough(f"{portal}/{folder}/{quote(name, safe='', errors='replace')}{_tenant(tenant, '?')}")


def _tenant(tenant: str, joint: str) -> str:
    """Leads whoever works for several tenants into the right one, where the tenant goes by its id."""
    return f"{joint}tid={tenant}" if _TENANT_ID.fullmatch(tenant) else ""


def _short_enough(link: str) -> str:
    return link if len(link) <= _LONGEST else ""
