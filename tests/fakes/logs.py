"""Plays the endpoint of a data collection rule: the Logs Ingestion API of Azure Monitor, and the table behind it.

Every request and every answer is held against the OpenAPI description beside it. As there, a request of more than 1 MB
is refused, packed or not; a column that the rule does not declare is dropped and a long field is cut without a word:
here both are violations. What goes wrong can be told in advance (`faults`): the next calls meet them in turn.
"""

import gzip
import json
import threading
import uuid
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from openapi_core import OpenAPI
from openapi_core.contrib.werkzeug import WerkzeugOpenAPIRequest, WerkzeugOpenAPIResponse
from openapi_core.exceptions import OpenAPIError
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

from tests.fakes.graph import BrokenOff, Refusal, Silence, Words
from tests.fakes.identity import claims
from tests.fakes.serving import Server

RULE, STREAM = "dcr-0123456789abcdef0123456789abcdef", "Custom-VizslaFindings"
AUDIENCE = "https://monitor.azure.com"
MOST_BYTES = 1 << 20
_MOST_FIELD = 64 << 10
_RESERVED = {"_ResourceId", "id", "_SubscriptionId", "TenantId", "Type", "UniqueId", "Title"}
_OPENAPI = OpenAPI.from_file_path(Path(__file__).parent / "openapi" / "logs-ingestion.json")
_PLACE = f"/dataCollectionRules/{RULE}/streams/{STREAM}"


@dataclass(frozen=True)
class Call:
    """What came: how many bytes, unpacked, with which headers, and the status of the answer."""

    size: int
    headers: dict
    status: int


class Logs(Server):
    """A rule with one stream of `columns` (name -> type). `rows` is what the table holds, `calls` what was asked.

    `allowed` says whether whoever signs in has the role on the rule: a token does not show it.
    """

    def __init__(self, columns, *, allowed=True, rule=RULE, audience=AUDIENCE):
        self.columns = columns
        self.allowed = allowed
        self.audience = audience
        self.faults = deque()
        self.rows = []
        self.calls = []
        self.violations = [f"{name} is reserved" for name in columns if name in _RESERVED]
        self._place = _PLACE.replace(RULE, rule)
        self._closing = threading.Event()

    def __exit__(self, *reason):
        self._closing.set()
        super().__exit__(*reason)

    def __call__(self, environ, start_response):
        request = Request(environ)
        packed = request.get_data()
        body = gzip.decompress(packed) if request.headers.get("Content-Encoding") == "gzip" else packed
        asked = WerkzeugOpenAPIRequest(_unpacked(request, body))
        fault = self.faults.popleft() if self.faults else None
        response = self._refused(request, asked, max(len(packed), len(body))) or self._answer(body, fault)
        if not isinstance(fault, Words):
            self._hold(response, asked)
        response.headers["request-id"] = str(uuid.uuid4())
        self.calls.append(Call(len(body), dict(request.headers), response.status_code))
        if isinstance(fault, Silence):
            self._closing.wait(10)
        if isinstance(fault, BrokenOff):
            response = Response(_dropped(), 200, headers={"Content-Length": "9"})
        return response(environ, start_response)

    def _refused(self, request, asked, size):
        """The refusal of a request that the rule would not look at."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or claims(token).get("aud") != self.audience:
            return _error(Refusal(401, "InvalidToken", "The authentication token is not for Azure Monitor."))
        if request.path != self._place:
            return _error(Refusal(404, "NotFound", "No data collection rule with this immutable id and stream."))
        if size > MOST_BYTES:
            said = f"Maximum allowed content length: {MOST_BYTES} bytes (1 MB). Provided content length: {size} bytes."
            return _error(Refusal(413, "ContentLengthLimitExceeded", said))
        try:
            _OPENAPI.validate_request(asked)
        except OpenAPIError as error:
            self.violations.append(f"{error}: {error.__cause__}")
            return _error(Refusal(400, "InvalidPayload", str(error)))
        if not self.allowed:
            said = "The token does not have access to ingest data for the data collection rule."
            return _error(Refusal(403, "OperationFailed", said))
        return None

    def _answer(self, body, fault):
        if isinstance(fault, Refusal):
            return _error(fault)
        rows = json.loads(body)
        self.violations += [said for row in rows for said in self._violations(row)]
        self.rows += rows
        if isinstance(fault, Words):
            return Response(fault.body, fault.status, mimetype="application/json")
        return Response(status=204)

    def _violations(self, row):
        for name, value in row.items():
            kind = self.columns.get(name)
            if kind is None:
                yield f"{name} is no column"
            elif value is not None and not _KINDS[kind](value):
                yield f"{name} is no {kind}: {value!r}"
            elif len(_stored(value)) > _MOST_FIELD:
                yield f"{name} would be cut at 64 KB"

    def _hold(self, response, asked):
        try:
            _OPENAPI.validate_response(asked, WerkzeugOpenAPIResponse(response))
        except OpenAPIError as error:
            self.violations.append(f"{error}: {error.__cause__}")


def _is_moment(value):
    try:
        return isinstance(value, str) and bool(datetime.fromisoformat(value))
    except ValueError:
        return False


_KINDS = {
    "string": lambda value: isinstance(value, str),
    "long": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "datetime": _is_moment,
    "dynamic": lambda value: isinstance(value, (dict, list)),
}


def _stored(value):
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode()


def _unpacked(request, body):
    """The same request as if it had not been packed."""
    builder = EnvironBuilder(
        path=request.path,
        query_string=request.query_string.decode(),
        method=request.method,
        data=body,
        headers=[(name, value) for name, value in request.headers if name not in ("Content-Length", "Host")],
    )
    return Request(builder.get_environ())


def _error(refusal):
    document = {"error": {"code": refusal.code, "message": refusal.message}}
    return Response(json.dumps(document), refusal.status, headers=refusal.headers, mimetype="application/json")


def _dropped():
    yield b"ok"
    raise ConnectionError("dropped")
