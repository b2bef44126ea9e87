"""One far side, asked over HTTPS with a bearer token: timeouts, retries, the budget, and an id for every call."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Self

import msgspec
import requests
from requests.auth import AuthBase

from engine.errors import NotPermitted, Refused, RemoteError
from engine.remote import unconfirmed
from engine.remote.budget import Budget
from engine.remote.clouds import address
from engine.remote.retries import AskAgain, Retries, retry_after, until_next_quarter

VERSION = "0.1.0"
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
log = logging.getLogger("vizsla.remote")


class Session:
    """What is asked of one address in one tenant. Certificates are always checked, redirects never followed.

    `name` is what messages and the log call the far side; `token` gives a bearer token. An answer longer than
    `most_bytes`, unpacked, is refused as too large. Every call has a client-request-id that stands in our log and in
    our errors, with the far side's own; tokens and what is sent stand in neither.
    """

    def __init__(
        self,
        *,
        name: str,
        url: str,
        token: Callable[[], str],
        retries: Retries,
        budget: Budget | None = None,
        timeouts: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS),
        most_bytes: int = 192 << 20,
    ) -> None:
        self._name = name
        self._url = address(url, f"the address of {name}")
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

    def ask(self, method: str, path: str, document: Mapping[str, Any], *, permission: str) -> bytearray:
        """The body of the answer to a JSON document, unpacked. `permission` is what the call needs, by name.

        Raises Throttled, NotPermitted, Refused (with status, code and reason), and RemoteError for all else.
        """
        body = msgspec.json.encode(document)
        return self._retries.call(lambda: self._attempt(method, path, body, permission))

    def _attempt(self, method: str, path: str, body: bytes, permission: str) -> bytearray:
        self._take_turn()
        call, began = str(uuid.uuid4()), time.monotonic()
        told = f"{self._name}: {method} {path}"
        try:
            with self._http.request(
                method,
                self._url + path,
                data=body,
                headers={"Content-Type": "application/json; charset=utf-8", "client-request-id": call},
                auth=_Bearer(self._token()),
                timeout=self._timeouts,
                allow_redirects=False,
                stream=True,
            ) as response:
                answer = self._read(response, call, began + _ATTEMPT_SECONDS)
        except requests.exceptions.SSLError as error:
            raise RemoteError(f"{told}: its certificate is not trusted here (client-request-id {call}).") from error
        except _TRANSIENT as error:
            log.warning("%s: %s, client-request-id %s", told, type(error).__name__, call)
            raise AskAgain(f"{told}: no whole answer ({_plain(error)}; client-request-id {call})") from error
        except requests.RequestException as error:
            raise RemoteError(f"{told}: {type(error).__name__} (client-request-id {call}).") from error
        ids = f"client-request-id {call}, request-id {response.headers.get('request-id', 'none')}"
        log.info("%s: %d, %d bytes, %.1f s, %s", told, response.status_code, len(answer), time.monotonic() - began, ids)
        if response.status_code // 100 != _SUCCESS:
            raise self._failure(response, answer, ids, permission)
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

    def _failure(self, response: requests.Response, body: bytearray, ids: str, permission: str) -> Exception:
        """What to raise for an answer that is none."""
        status, (code, reason) = response.status_code, complaint(body)
        told = f"{self._name} answers {status}{f', {code}' if code else ''}{f': {reason}' if reason else ''} ({ids})"
        if status in (401, 403):
            return NotPermitted(f"{told}. {_cure(permission)}")
        wait = retry_after(response.headers.get("Retry-After"), self._retries.now())
        if status == requests.codes.too_many_requests:
            if wait is None and unconfirmed.is_cpu_quota(reason):
                wait = until_next_quarter(self._retries.now())
            return AskAgain(told, wait=wait, busy=True)
        if status == requests.codes.request_timeout or status >= requests.codes.server_error:
            return AskAgain(told, wait=wait)
        return Refused(told, status=status, code=code, reason=reason)


class _Bearer(AuthBase):
    """Puts the token on a request itself, for what requests finds in a .netrc would replace a header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


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


def _cure(permission: str) -> str:
    return (
        f"The call needs the application permission {permission}. An administrator grants it once: the app role "
        f"{permission} of Microsoft Graph, assigned to the managed identity or application that signs in (`az rest "
        f"--method POST --url .../servicePrincipals/<its object id>/appRoleAssignments`, or Enterprise applications in "
        f"the Entra admin center). A person also needs a role in Defender that may hunt, such as Security Reader. "
        f"A new grant can take hours to reach the tokens of a managed identity."
    )
