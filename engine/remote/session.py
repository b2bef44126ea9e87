"""One far side, asked over HTTPS with a bearer token: timeouts, retries, the budget, and an id for every call."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Self
from urllib.parse import urlsplit

import msgspec
import requests
from requests.auth import AuthBase
from urllib3.exceptions import NewConnectionError

from engine import VERSION
from engine.errors import NotPermitted, Refused, RemoteError, Unclear
from engine.remote import unconfirmed
from engine.remote.budget import Budget
from engine.remote.clouds import address
from engine.remote.retries import AskAgain, Retries, retry_after, until_next_quarter

CONNECT_SECONDS, READ_SECONDS = 10.0, 200.0
_CHUNK = 1 << 18
_LONGEST_REASON = 500
_ATTEMPT_SECONDS = 600.0
_SUCCESS = 2
_TRANSIENT = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)
_JSON = {"Content-Type": "application/json; charset=utf-8"}
log = logging.getLogger("vizsla.remote")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One request. `shown` is its path as the log may have it; `once` says that it must not be carried out twice."""

    method: str
    path: str
    shown: str
    body: bytes
    permission: str
    headers: Mapping[str, str] = field(default_factory=dict)
    once: bool = False


class Session:
    """What is asked of one address, `url`, in one tenant. Certificates are always checked, redirects never followed.

    `name` is what messages and the log call the far side; `token` gives a bearer token, where one is wanted. An answer
    longer than `most_bytes`, unpacked, is refused as too large. Every call has a client-request-id that stands in our
    log and in our errors, with the far side's own; tokens and what is sent stand in neither. `cure` says how a
    permission is granted.
    """

    def __init__(
        self,
        *,
        name: str,
        url: str,
        token: Callable[[], str] | None,
        retries: Retries,
        budget: Budget | None = None,
        timeouts: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS),
        most_bytes: int = 192 << 20,
        cure: Callable[[str], str] | None = None,
    ) -> None:
        self._name = name
        self._cure = cure or _grant
        self.url = address(url, f"the address of {name}")
        self._token = token
        self._retries = retries
        self._budget = budget
        self._timeouts = timeouts
        self._most_bytes = most_bytes
        self._http = requests.Session()
        self._http.verify = True
        self._http.headers.update({"User-Agent": f"vizsla/{VERSION}", "Accept": "application/json"})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections. Closing twice is harmless."""
        self._http.close()

    def ask(self, method: str, path: str, document: object = None, *, permission: str) -> bytearray:
        """The body of the answer to a JSON document, unpacked. `permission` is what the call needs, by name.

        Raises Throttled, NotPermitted, Refused (with status, code and reason), and RemoteError for all else. It may be
        carried out more than once.
        """
        body = b"" if document is None else msgspec.json.encode(document)
        asked = _Asked(method=method, path=path, shown=path, body=body, permission=permission, headers=_JSON)
        return self._retries.call(lambda: self._attempt(asked))

    def tell(
        self,
        method: str,
        path: str,
        body: bytes,
        *,
        permission: str,
        headers: Mapping[str, str] = _JSON,
        shown: str = "",
    ) -> bytearray:
        """As `ask`, for what must not be carried out twice: asked again only where it cannot have been.

        Raises Unclear where it may have been carried out, and nobody says so. `shown` stands in the log and in errors
        for a path that is a secret.
        """
        asked = _Asked(
            method=method,
            path=path,
            shown=shown or path,
            body=body,
            permission=permission,
            headers=headers,
            once=True,
        )
        return self._retries.call(lambda: self._attempt(asked))

    def sign_in(self) -> str:
        """The bearer token that the next request would have; empty where none is wanted. Raises NotPermitted."""
        return self._token() if self._token else ""

    def reach(self) -> datetime | None:
        """What the far side says the time is (UTC), and None where it answers without; any answer will do.

        Nobody is signed in, nothing is asked of it, and it is asked once. Raises RemoteError where it does not answer.
        """
        place = urlsplit(self.url)
        told = f"{self._name}: HEAD /"
        try:
            with self._http.head(
                f"{place.scheme}://{place.netloc}/", auth=_nobody, timeout=CONNECT_SECONDS, allow_redirects=False
            ) as response:
                log.info("%s: %d", told, response.status_code)
                return _moment(response.headers.get("Date"))
        except requests.exceptions.SSLError as error:
            raise RemoteError(f"{told}: its certificate is not trusted here.") from error
        except requests.RequestException as error:
            raise RemoteError(f"{told}: no answer ({_plain(error)}).") from error

    def _attempt(self, asked: _Asked) -> bytearray:
        self._take_turn()
        call, began = str(uuid.uuid4()), time.monotonic()
        told = f"{self._name}: {asked.method} {asked.shown}"
        try:
            with self._http.request(
                asked.method,
                self.url + asked.path,
                data=asked.body or None,
                headers={**asked.headers, "client-request-id": call},
                auth=_Bearer(self._token()) if self._token else _nobody,
                timeout=self._timeouts,
                allow_redirects=False,
                stream=True,
            ) as response:
                answer = self._read(response, call, began + _ATTEMPT_SECONDS)
        except requests.exceptions.SSLError as error:
            raise RemoteError(f"{told}: its certificate is not trusted here (client-request-id {call}).") from error
        except _TRANSIENT as error:
            log.warning("%s: %s, client-request-id %s", told, type(error).__name__, call)
            why = f"{told}: no whole answer ({_plain(error)}; client-request-id {call})"
            raise (Unclear(f"{why}.") if asked.once and not _was_unsent(error) else AskAgain(why)) from error
        except requests.RequestException as error:
            raise RemoteError(f"{told}: {type(error).__name__} (client-request-id {call}).") from error
        ids = f"client-request-id {call}, request-id {response.headers.get('request-id', 'none')}"
        log.info("%s: %d, %d bytes, %.1f s, %s", told, response.status_code, len(answer), time.monotonic() - began, ids)
        if response.status_code // 100 != _SUCCESS:
            raise self._failure(response, answer, ids, asked)
        return answer

    def _take_turn(self) -> None:
        """Waits until the budget has a call left, which it takes. Raises Throttled where that is long."""
        if self._budget is None:
            return
        while (free := self._budget.take(now := self._retries.now())) > now:
            spent = f"{self._budget} for {self._budget.tenant} are used up until {free:%H:%M:%S}Z"
            why = f"{self._name}: {spent}"
            self._retries.pause_until(free, why)

    def _read(self, response: requests.Response, call: str, end: float) -> bytearray:
        """The body, as it comes: nobody is asked to hold it twice."""
        body = bytearray()
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > self._most_bytes:
                reason = f"the answer is longer than {self._most_bytes >> 20} MB"
                raise Refused(f"{self._name}: {reason} (client-request-id {call}).", status=413, reason=reason)
            if time.monotonic() > end:
                raise requests.ReadTimeout(f"still sending after {_ATTEMPT_SECONDS:.0f} s")
        return body

    def _failure(self, response: requests.Response, body: bytearray, ids: str, asked: _Asked) -> Exception:
        """What to raise for an answer that is none."""
        status, (code, reason) = response.status_code, complaint(body)
        told = f"{self._name} answers {status}{f', {code}' if code else ''}{f': {reason}' if reason else ''} ({ids})"
        if status in (401, 403):
            return NotPermitted(f"{told}. {self._cure(asked.permission)}")
        wait = retry_after(response.headers.get("Retry-After"), self._retries.now())
        if status == requests.codes.too_many_requests:
            if wait is None and unconfirmed.is_cpu_quota(reason):
                wait = until_next_quarter(self._retries.now())
            return AskAgain(told, wait=wait, busy=True)
        if status == requests.codes.request_timeout or status >= requests.codes.server_error:
            unclear = asked.once and status != requests.codes.service_unavailable
            return Unclear(f"{told}.") if unclear else AskAgain(told, wait=wait)
        return Refused(told, status=status, code=code, reason=reason)


class _Bearer(AuthBase):
    """Puts the token on a request itself, for what requests finds in a .netrc would replace a header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Signs nobody in, whatever a .netrc holds."""
    return request


def _moment(date: str | None) -> datetime | None:
    """The moment of a Date header; None for anything else."""
    try:
        moment = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _was_unsent(error: requests.RequestException) -> bool:
    """Whether the far side cannot have seen the request: there was no connection."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(reason, NewConnectionError)


def complaint(body: bytes | bytearray) -> tuple[str, str]:
    """Code and message of a Microsoft error, on one line and bounded; empty where the body is anything else."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "", ""
    error = document.get("error") if isinstance(document, dict) else None
    if not isinstance(error, dict):
        return "", ""
    code, message = (error.get(key) for key in ("code", "message"))
    return _line(code), _line(message)


def _line(text: object) -> str:
    """Text of a stranger's, fit for a message: one line, printable, bounded."""
    if not isinstance(text, str):
        return ""
    printable = "".join(each if each.isprintable() else " " for each in text)
    return " ".join(printable.split())[:_LONGEST_REASON]


def _plain(error: requests.RequestException) -> str:
    """What went wrong, without the address and the library's inner objects."""
    names = {requests.ConnectTimeout: "no connection in time", requests.ReadTimeout: "it fell silent"}
    return next(
        (words for kind, words in names.items() if isinstance(error, kind)), "the connection failed or broke off"
    )


def _grant(permission: str) -> str:
    return (
        f"The call needs the application permission {permission}. An administrator grants it once: the app role "
        f"{permission} of Microsoft Graph, assigned to the managed identity or application that signs in (`az rest "
        f"--method POST --url .../servicePrincipals/<its object id>/appRoleAssignments`, or Enterprise applications in "
        f"the Entra admin center). A person also needs a role in Defender that may hunt, such as Security Reader. "
        f"A new grant can take hours to reach the tokens of a managed identity."
    )
