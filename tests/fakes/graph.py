"""Plays Microsoft Graph over HTTP: runHuntingQuery, which really runs the KQL it gets, and alerts (`alerts.py`).

Every request and every answer is held against the OpenAPI descriptions beside it. What Microsoft leaves open can be
chosen (`Spelling`), and what goes wrong can be told in advance (`faults`): the next calls meet them in turn.
"""

import gzip
import json
import re
import threading
import uuid
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from openapi_core import OpenAPI
from openapi_core.contrib.werkzeug import WerkzeugOpenAPIRequest, WerkzeugOpenAPIResponse
from openapi_core.exceptions import OpenAPIError
from werkzeug.wrappers import Request, Response

from engine.errors import SourceError
from engine.model import tables
from engine.model.run import Window
from tests.fakes import alerts
from tests.fakes.identity import claims
from tests.fakes.serving import Server

PERMISSION = "ThreatHunting.Read.All"
CPU_QUOTA = "Your query was blocked: the tenant has used its CPU quota. It is renewed in the next 15 minute cycle."
TOO_LARGE = "Query execution has exceeded the allowed result size."
_OPENAPI = OpenAPI.from_file_path(Path(__file__).parent / "openapi" / "graph-run-hunting-query.json")
_HELD_ROWS = 20
_MOMENT = timedelta(microseconds=1)
_TABLE = re.compile(r"no table `(\w+)` here")
_COLUMN = re.compile(r'column "?(\w+)"? not found', re.IGNORECASE)


@dataclass(frozen=True)
class Spelling:
    """How an answer is written, where Microsoft does not say. `keys` are those of the schema."""

    bools: str = "json"
    longs: str = "json"
    dynamics: str = "json"
    keys: tuple[str, str] = ("name", "type")
    parts: tuple[str, str] = ("schema", "results")
    types: dict = field(default_factory=dict)
    annotated: bool = False


@dataclass(frozen=True)
class Refusal:
    """An answer that is an error."""

    status: int
    code: str = "UnknownError"
    message: str = ""
    headers: dict = field(default_factory=dict)


@dataclass(frozen=True)
class BrokenOff:
    """The connection drops in the midst of the answer."""


@dataclass(frozen=True)
class Silence:
    """No answer comes, until the fake closes."""


@dataclass(frozen=True)
class Words:
    """A body that is what the fake is told to send."""

    body: bytes
    status: int = 200


@dataclass(frozen=True)
class Call:
    """What was asked, and the status of the answer. `asked` is method and path."""

    query: str
    timespan: str
    headers: dict
    status: int
    asked: str = ""
    document: dict = field(default_factory=dict)


class Graph(Server):
    """A tenant whose events are those of `source`.

    It cuts an answer off at `row_limit` rows without a word, refuses one longer than `most_bytes`, and includes the end
    of a Timespan. `alerts` are the tenant's alerts and incidents. `calls` holds what it was asked, `violations` what
    the descriptions do not allow.
    """

    def __init__(self, source, *, row_limit=100_000, most_bytes=1 << 30, spelling=None, audience=None):
        self.source = source
        self.row_limit = row_limit
        self.most_bytes = most_bytes
        self.spelling = spelling or Spelling()
        self.audience = audience or "https://graph.microsoft.com"
        self.faults = deque()
        self.calls = []
        self.violations = []
        self.alerts = alerts.Alerts(lambda: self.url)
        self._alone = threading.Lock()
        self._closing = threading.Event()

    def __exit__(self, *reason):
        self._closing.set()
        super().__exit__(*reason)

    def __call__(self, environ, start_response):
        request = Request(environ)
        asked = WerkzeugOpenAPIRequest(request)
        fault = self.faults.popleft() if self.faults else None
        response = self._refused(request, asked) or self._answer(request, fault)
        if not isinstance(fault, Words):
            self._hold(response, asked, _description(request))
        response.headers["request-id"] = str(uuid.uuid4())
        response.headers["client-request-id"] = request.headers.get("client-request-id", "")
        document = request.get_json(silent=True) or {}
        query, timespan = document.get("query", ""), document.get("timespan", "")
        asked_for = f"{request.method} {request.path}"
        self.calls.append(Call(query, timespan, dict(request.headers), response.status_code, asked_for, document))
        if isinstance(fault, Silence):
            self._closing.wait(10)
        if isinstance(fault, BrokenOff):
            whole = response.get_data()
            response.response = _half(whole)
            response.headers["Content-Length"] = str(len(whole))
        elif "gzip" in request.headers.get("Accept-Encoding", ""):
            response.set_data(gzip.compress(response.get_data(), 1))
            response.headers["Content-Encoding"] = "gzip"
        return response(environ, start_response)

    def _refused(self, request, asked):
        """The refusal of a request that Graph would not look at."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        says = claims(token)
        if scheme != "Bearer" or says.get("aud", "").removesuffix("/") != self.audience:
            return _error(Refusal(401, "InvalidAuthenticationToken", "Access token is empty or not for us."))
        try:
            _description(request).validate_request(asked)
        except OpenAPIError as error:
            self.violations.append(f"{error}: {error.__cause__}")
            return _error(Refusal(400, "BadRequest", f"{error}"))
        roles = says.get("roles", ())
        permitted = self.alerts.permits(request, roles) if self.alerts.takes(request) else PERMISSION in roles
        if not permitted:
            return _error(Refusal(403, "Forbidden", "Missing application roles in the token."))
        return None

    def _answer(self, request, fault):
        if isinstance(fault, Refusal):
            return _error(fault)
        if isinstance(fault, Words):
            return Response(fault.body, fault.status, mimetype="application/json")
        if self.alerts.takes(request):
            status, document = self.alerts.answer(request)
            return Response(json.dumps(document), status, mimetype="application/json")
        document = request.get_json()
        try:
            with self._alone:
                batches = list(self.source.rows(document["query"], _window(document.get("timespan"))))
        except SourceError as error:
            return _error(Refusal(400, "BadRequest", _kusto(str(error))))
        rows = [row for batch in batches for row in batch][: self.row_limit]
        body = msgspec.json.encode(self._written(rows))
        if len(body) > self.most_bytes:
            return _error(Refusal(400, "BadRequest", TOO_LARGE))
        return Response(body, mimetype="application/json")

    def _written(self, rows):
        spelling = self.spelling
        kinds = {name: _kind(name, rows) for name in (rows[0] if rows else ())}
        key, kind = spelling.keys
        names = _NET | spelling.types
        schema = [{key: name, kind: names[found]} for name, found in kinds.items()]
        odd = [name for name, found in kinds.items() if found in ("bool", "long", "dynamic")]
        for row in rows:
            for name in odd:
                row[name] = _spelt(row[name], kinds[name], spelling)
            if spelling.annotated:
                row["@odata.type"] = "#microsoft.graph.security.huntingRowResult"
        top, results = spelling.parts
        return {
            "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#huntingQueryResults",
            top: schema,
            results: rows,
        }

    def _hold(self, response, asked, description):
        """Holds the answer against the description: of many rows the first, for all are made alike."""
        if response.status_code == 401 or not response.is_json or self.spelling.parts != ("schema", "results"):
            return
        document = json.loads(response.get_data())
        if "results" in document:
            document["results"] = document["results"][:_HELD_ROWS]
        held = Response(json.dumps(document), response.status_code, mimetype="application/json")
        try:
            description.validate_response(asked, WerkzeugOpenAPIResponse(held))
        except OpenAPIError as error:
            self.violations.append(f"{error}: {error.__cause__}")


def _description(request):
    """What the request and its answer are held against."""
    return alerts.OPENAPI if alerts.Alerts.takes(request) else _OPENAPI


_NET = {
    "datetime": "DateTime",
    "string": "String",
    "long": "Int64",
    "real": "Double",
    "bool": "SByte",
    "dynamic": "Object",
}


def _window(timespan):
    if timespan is None:
        return None
    start, end = map(datetime.fromisoformat, timespan.split("/"))
    return Window(start, end + _MOMENT)


def _kind(name, rows):
    declared = next((kinds[name] for kinds in map(tables.columns, tables.names()) if name in kinds), "")
    if declared:
        return {"int": "long", "boolean": "bool"}.get(declared, declared)
    value = next((row[name] for row in rows if row[name] is not None), "")
    kinds = {bool: "bool", int: "long", float: "real", str: "string"}
    return kinds.get(type(value), "dynamic")


def _spelt(value, kind, spelling):
    if value is None:
        return None
    how = {"bool": spelling.bools, "long": spelling.longs, "dynamic": spelling.dynamics}[kind]
    if how == "number":
        return int(value)
    if how == "text":
        return json.dumps(value) if kind == "dynamic" else str(value)
    return value


def _error(refusal):
    document = {
        "error": {
            "code": refusal.code,
            "message": refusal.message,
            "innerError": {"date": "2026-11-24T12:00:00", "request-id": "r", "client-request-id": "c"},
        }
    }
    return Response(json.dumps(document), refusal.status, headers=refusal.headers, mimetype="application/json")


def _kusto(message):
    """The local engine's complaint as Kusto would word it."""
    if found := _COLUMN.search(message):
        return f"'where' operator: Failed to resolve column or scalar expression named '{found[1]}'"
    if found := _TABLE.search(message):
        return f"'count' operator: Failed to resolve table or column expression named '{found[1]}'"
    return f"Semantic error: {message}"


def _half(body):
    yield body[: len(body) // 2]
    raise ConnectionError("dropped")
