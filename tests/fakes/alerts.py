"""Plays the alerts and incidents of a tenant in Microsoft Graph: createAlert, the list of alerts, incidents, comments.

Every request and answer is held against the OpenAPI description beside it (by `Graph`, which routes here). Where
Microsoft does not say what is refused, this refuses: a description over 5,000 of .NET's characters, an alert linked to
an incident that is gone or merged, a comment on one.
"""

import itertools
import re
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from openapi_core import OpenAPI

from engine.sinks.defender_alert import ALERTS, CREATE, INCIDENTS, RIGHTS, WIDER

OPENAPI = OpenAPI.from_file_path(Path(__file__).parent / "openapi" / "graph-security-alerts.json")
PORTAL = "https://security.microsoft.com"
_FILTER = re.compile(r"createdDateTime ge (\S+) and serviceSource eq '(\w+)'")
_INCIDENT = re.compile(rf"{INCIDENTS}/([^/]+)(/comments)?")
_DESCRIPTION = 5_000


@dataclass
class Incident:
    """`into` is the incident that it was merged into."""

    id: str
    comments: list = field(default_factory=list)
    into: str | None = None


class Alerts:
    """`alerts` are as Graph gives them, oldest first, `incidents` by id; a page of the list holds `page` of them."""

    def __init__(self, url):
        self.alerts = []
        self.incidents = {}
        self.page = 100
        self.now = lambda: datetime.now(UTC)
        self._url = url
        self._numbers = itertools.count(1)
        self._alone = threading.Lock()

    def open(self, **properties):
        """An alert of somebody else's, in an incident of its own."""
        with self._alone:
            return self._raised({"title": "Another's", "description": "", "severity": "low"} | properties, None)

    def merge(self, incident, into):
        """An analyst, or Defender, groups an incident together with another."""
        self.incidents[incident].into = into

    def remove(self, incident):
        """The incident is no longer there."""
        del self.incidents[incident]

    @staticmethod
    def takes(request):
        """Whether a request is for alerts or incidents."""
        return request.path.startswith((CREATE, ALERTS, INCIDENTS))

    @staticmethod
    def permits(request, roles):
        """Whether an application with these roles may ask."""
        path = _INCIDENT.sub(lambda found: f"{INCIDENTS}/{{id}}{found[2] or ''}", request.path)
        right = RIGHTS[f"{request.method} {path}"]
        return right in roles or WIDER.get(right) in roles

    def answer(self, request):
        """Status and document."""
        with self._alone:
            if request.path == CREATE:
                return self._create(request.get_json()["createAlertInput"])
            if request.path == ALERTS:
                return self._list(request)
            found = _INCIDENT.fullmatch(request.path)
            incident = self.incidents.get(found[1])
            if incident is None:
                return _error(404, "NotFound", "There is no such incident.")
            return self._comment(incident, request) if found[2] else (200, _shown(incident))

    def _create(self, given):
        if len(given["description"].encode("utf-16-le")) // 2 > _DESCRIPTION:
            return _error(400, "BadRequest", "The description is too long.")
        linked = str(given.get("linkToIncident") or "")
        if linked and (linked not in self.incidents or self.incidents[linked].into):
            return _error(400, "BadRequest", "linkToIncident names no incident that is open to alerts.")
        kept = {name: given[name] for name in given if name not in ("linkToIncident", "entityDefinitions")}
        return 201, self._raised(kept | {"entities": given["entityDefinitions"]}, linked or None)

    def _raised(self, properties, incident):
        number = next(self._numbers)
        incident = incident or str(40 + number)
        self.incidents.setdefault(incident, Incident(incident))
        name = f"ea2c5e5341-c60a-42fc-953f-{number:012}"
        alert = {
            "@odata.type": "#microsoft.graph.security.alert",
            "id": f"{name}_aml",
            "providerAlertId": f"manual_{name}",
            "incidentId": incident,
            "status": "new",
            "serviceSource": "microsoft365Defender",
            "detectionSource": "manual",
            "createdDateTime": f"{self.now():%Y-%m-%dT%H:%M:%S.%f}7Z",
            "alertWebUrl": f"{PORTAL}/alerts/{name}_aml",
        }
        self.alerts.append(alert | properties)
        return self.alerts[-1]

    def _list(self, request):
        wanted = _FILTER.fullmatch(request.args.get("$filter", ""))
        if not wanted:
            return _error(400, "BadRequest", "The filter cannot be read.")
        since, service = datetime.fromisoformat(wanted[1]), wanted[2]
        found = [
            each
            for each in reversed(self.alerts)
            if each["serviceSource"] == service and datetime.fromisoformat(each["createdDateTime"]) >= since
        ]
        first = int(request.args.get("$skiptoken", 0))
        last = first + min(self.page, int(request.args.get("$top", 100)))
        document = {"value": found[first:last]}
        if last < len(found):
            query = f"$filter={request.args['$filter']}&$top={request.args['$top']}&$skiptoken={last}"
            document["@odata.nextLink"] = f"{self._url()}{ALERTS}?{query}".replace(" ", "%20")
        return 200, document

    def _comment(self, incident, request):
        if incident.into:
            return _error(400, "BadRequest", "The incident was merged into another.")
        incident.comments.append(request.get_json()["comment"])
        return 200, {"value": [_said(each) for each in incident.comments]}


def _shown(incident):
    return {
        "@odata.type": "#microsoft.graph.security.incident",
        "id": incident.id,
        "status": "redirected" if incident.into else "active",
        "redirectIncidentId": incident.into,
        "incidentWebUrl": f"{PORTAL}/incidents/{incident.id}",
        "comments": [_said(each) for each in incident.comments],
    }


def _said(comment):
    moment = "2026-11-24T12:00:00.0000000Z"
    return {"comment": comment, "createdByDisplayName": "Vizsla", "createdDateTime": moment}


def _error(status, code, message):
    return status, {"error": {"code": code, "message": message}}
