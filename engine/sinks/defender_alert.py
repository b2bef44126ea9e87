"""An alert in Microsoft Defender, and the incident that it opens: where analysts already look.

A finding becomes an alert, and Defender opens an incident for it. What becomes of it later is a comment on that
incident, wherever it was merged into; a rise in severity is a second alert in it, for a comment wakes nobody. A digest
is one alert. The key of what was told is the last line of its description, so that an alert whose answer was lost is
found instead of raised again.

`createAlert` is beta, and Microsoft supports no beta in production. The one switch is VIZSLA_SINKS, which names this
sink or does not; the one place where its form is written down is `CREATE`, `alert_body` and `alert_entities`.

What the pages of microsoft-graph-docs-contrib say, and this relies on:

- beta/api/security-alert-createalert (2026-08-04): the call, 201, and in the answer `id`, `incidentId` (text) and
  `alertWebUrl`; serviceSource is microsoft365Defender. SecurityAlert.Create.All is enough.
- beta/resources/security-createalertinput, -entitydefinition (2026-08-04): what is required, linkToIncident (Int64).
- beta/api/security-alert-post-manualalert, beta/resources/security-entitydefinitioninput (2026-05-18; the form that
  createAlert replaces): at most 5,000 characters of description, 1 to 100 entities, 1,000 characters an identifier, and
  which identifiers there are.
- v1.0/api/security-list-alerts_v2: $filter takes createdDateTime and serviceSource, $top, and @odata.nextLink.
- v1.0/resources/security-incident: redirectIncidentId is where a merged incident went.
- v1.0/api/security-incident-post-comments: the comment's form, 200 and the list of all comments.

Unconfirmed, and coded for: whether those limits hold for createAlert (they are kept); how long a title and a comment
may be (250 and 1,000 are kept); how soon a new alert is listed, and whether with the description as it was sent (its
end is compared); whether Defender drops a second alert that is like the first; how often createAlert may be called;
what it answers where linkToIncident is gone or was merged (the incident is looked up first); categories other than
those of its examples; whether a tenant has SecurityAlert.Create.All yet (WIDER names what includes it).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from types import MappingProxyType
from typing import ClassVar, Literal, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from engine.errors import Refused, RemoteError, Unclear
from engine.model.delivery import Receipt
from engine.model.finding import SEVERITIES, Severity
from engine.model.notice import Call, Digest, Notice
from engine.remote.session import Session
from engine.sinks import alert_body, alert_text
from engine.sinks.plain_text import safe

CREATE = "/beta/security/alerts_v2/createAlert"
ALERTS = "/v1.0/security/alerts_v2"
INCIDENTS = "/v1.0/security/incidents"

RIGHTS: Mapping[str, str] = MappingProxyType(
    {
        f"POST {CREATE}": "SecurityAlert.Create.All",
        f"GET {ALERTS}": "SecurityAlert.Read.All",
        f"GET {INCIDENTS}/{{id}}": "SecurityIncident.Read.All",
        f"POST {INCIDENTS}/{{id}}/comments": "SecurityIncident.ReadWrite.All",
    }
)
"""What each call needs: the least application permission of Microsoft Graph. The last is for comments alone."""
WIDER: Mapping[str, str] = MappingProxyType(
    {
        "SecurityAlert.Create.All": "SecurityAlert.ReadWrite.All",
        "SecurityAlert.Read.All": "SecurityAlert.ReadWrite.All",
        "SecurityIncident.Read.All": "SecurityIncident.ReadWrite.All",
    }
)
"""The permission that includes another."""

_PAGE, _MOST_PAGES, _MOST_MERGERS = 100, 50, 10
_INCIDENT = re.compile(r"[0-9]{1,18}")
T = TypeVar("T")
log = logging.getLogger("vizsla")


class _Alert(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    incident_id: str | None = None
    alert_web_url: str | None = None
    severity: str | None = None
    description: str | None = None


class _Page(msgspec.Struct, frozen=True):
    value: tuple[_Alert, ...]
    next: str | None = msgspec.field(default=None, name="@odata.nextLink")


class _Incident(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    redirect_incident_id: str | None = None


class _Comment(msgspec.Struct, frozen=True):
    comment: str | None = None


class _Comments(msgspec.Struct, frozen=True):
    value: tuple[_Comment, ...]


class DefenderAlert:
    """Raises alerts in the tenant that `session` signs in to. Without `comments`, only a rise in severity is told."""

    name = "defender_alert"
    can_tell: ClassVar[bool] = True
    for_people: ClassVar[bool] = False

    def __init__(self, *, session: Session, comments: bool = True) -> None:
        self._session = session
        self._comments = comments

    def deliver(self, notice: Notice) -> Receipt:
        """See Sink. An incident that is no longer there is replaced by a new one, for a finding that still stands."""
        earlier = notice.earlier
        if earlier is None:
            return self._create(alert_body.of_notice(notice), notice.finding.severity)
        risen = _has_risen(notice)
        if not risen and not self._comments:
            return earlier
        incident = self._incident_now(earlier.incident)
        if incident and risen:
            rise = f"Its severity has risen from {earlier.severity} to {notice.finding.severity} since it was told."
            return self._create(alert_body.of_notice(notice, incident=incident, news=[rise]), notice.finding.severity)
        if incident and self._comment(incident, notice):
            return msgspec.structs.replace(earlier, incident=incident, severity=notice.finding.severity)
        if not notice.finding.stands:
            log.info("incident %s is gone: nobody is told that %s no longer stands", earlier.incident, notice.key)
            return earlier
        return self._create(alert_body.of_notice(notice, news=[_gone(earlier)]), notice.finding.severity)

    def digest(self, digest: Digest) -> Receipt:
        """See Sink."""
        return self._create(alert_body.of_digest(digest), digest.severity)

    def find(self, key: str, since: datetime) -> Receipt | None:
        """See Sink. Raises Unclear where Defender lists more alerts than are looked through."""
        line = alert_text.key_line(key)
        for alert in self._alerts(since):
            if (alert.description or "").rstrip().endswith(line):
                return _receipt(alert, next((each for each in SEVERITIES if each == alert.severity), ""))
        return None

    def preview(self, notice: Notice) -> Call:
        """See Sink. Of what was told before: what would be told, were its incident where it was."""
        earlier = notice.earlier
        if earlier is None:
            return Call(method="POST", url=CREATE, body=alert_body.of_notice(notice))
        if _has_risen(notice):
            return Call(method="POST", url=CREATE, body=alert_body.of_notice(notice, incident=earlier.incident))
        if not self._comments:
            return Call(method="NOTHING", url="", body=None)
        return Call(method="POST", url=_of_incident(earlier.incident, "/comments"), body=alert_body.comment(notice))

    def check(self) -> None:
        """See Sink. Alerts are listed, as when an answer was lost: of the last minute, and one at the most."""
        next(self._alerts(datetime.now(UTC) - timedelta(minutes=1), page=1), None)

    def _create(self, document: Mapping[str, object], severity: Severity) -> Receipt:
        right = RIGHTS[f"POST {CREATE}"]
        answer = self._session.tell("POST", CREATE, msgspec.json.encode(document), permission=right)
        alert = _read(answer, _Alert, Unclear, "took an alert, and its answer cannot be read")
        if not alert.id or not _INCIDENT.fullmatch(alert.incident_id or ""):
            raise Unclear("Microsoft Graph took an alert, and its answer names no alert or no incident.")
        return _receipt(alert, severity)

    def _comment(self, incident: str, notice: Notice) -> bool:
        """Whether the incident took the comment: it is not there any more where it did not."""
        right = RIGHTS[f"POST {INCIDENTS}/{{id}}/comments"]
        body = msgspec.json.encode(alert_body.comment(notice))
        try:
            answer = self._session.tell("POST", _of_incident(incident, "/comments"), body, permission=right)
        except Refused as refusal:
            if refusal.status == HTTPStatus.NOT_FOUND:
                return False
            raise
        _read(answer, _Comments, Unclear, "took a comment, and its answer cannot be read")
        return True

    def _incident_now(self, incident: str) -> str:
        """The id of the incident that this one was merged into, or its own; empty where it is gone."""
        for _ in range(_MOST_MERGERS):
            if not _INCIDENT.fullmatch(incident):
                return ""
            right = RIGHTS[f"GET {INCIDENTS}/{{id}}"]
            try:
                answer = self._session.ask("GET", _of_incident(incident), permission=right)
            except Refused as refusal:
                if refusal.status == HTTPStatus.NOT_FOUND:
                    return ""
                raise
            into = _read(answer, _Incident, RemoteError, "answers with no incident").redirect_incident_id
            if not into:
                return incident
            incident = into
        raise RemoteError(f"Microsoft Graph: incident {incident} was merged more than {_MOST_MERGERS} times in a row.")

    def _alerts(self, since: datetime, page: int = _PAGE) -> Iterator[_Alert]:
        """What Defender lists of its own since then, page by page: always from the session's own host."""
        moment = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        wanted = f"createdDateTime ge {moment} and serviceSource eq 'microsoft365Defender'"
        query = urlencode({"$filter": wanted, "$top": page}, quote_via=quote, safe="$:'")
        for _ in range(_MOST_PAGES):
            answer = self._session.ask("GET", f"{ALERTS}?{query}", permission=RIGHTS[f"GET {ALERTS}"])
            listed = _read(answer, _Page, RemoteError, "answers with no list of alerts")
            yield from listed.value
            if not listed.next:
                return
            query = _further(listed.next)
        raise Unclear(
            f"Defender lists more than {_PAGE * _MOST_PAGES:,} alerts since {moment}: nobody can look through."
        )


def _further(link: str) -> str:
    """The query of the list's next page, whose link the far side gives whole. Raises RemoteError for another's."""
    place, _, query = link.partition("?")
    if not place.casefold().endswith(ALERTS) or not query or not link.isprintable():
        raise RemoteError("Microsoft Graph: the link to the next page of alerts leads elsewhere.")
    return query


def _has_risen(notice: Notice) -> bool:
    """Whether the finding is worse than when it was told last."""
    told = notice.earlier.severity if notice.earlier else ""
    return bool(told) and notice.finding.stands and SEVERITIES.index(notice.finding.severity) > SEVERITIES.index(told)


def _gone(earlier: Receipt) -> str:
    return f"It was told before in incident {safe(earlier.incident, 40) or '(unknown)'}, which is no longer there."


def _of_incident(incident: str, rest: str = "") -> str:
    return f"{INCIDENTS}/{quote(incident, safe='')}{rest}"


def _receipt(alert: _Alert, severity: Severity | Literal[""]) -> Receipt:
    link = alert.alert_web_url or ""
    return Receipt(
        id=alert.id,
        link=link if link.startswith("https://") else "",
        incident=alert.incident_id or "",
        severity=severity,
    )


def _read(answer: bytearray, kind: type[T], failure: type[RemoteError], what: str) -> T:
    """The answer as what it should be. Raises `failure` where it is anything else."""
    try:
        return msgspec.json.decode(answer, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise failure(f"Microsoft Graph {what}: {error}.") from error
