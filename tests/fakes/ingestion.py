"""Plays Application Insights' ingestion endpoint: JSON, gzipped or not, an array of envelopes a request.

As there, an envelope of another form is refused by its place in the array while the rest is taken (206), and every
envelope is checked: `refused` must stay empty.
"""

import gzip
import json

from jsonschema import Draft202012Validator
from werkzeug.wrappers import Request, Response

from tests.fakes.authority import tls
from tests.fakes.serving import Server

KEY = "00000000-0000-0000-0000-000000000001"
_PROPERTIES = {
    "type": "object",
    "propertyNames": {"minLength": 1, "maxLength": 150},
    "additionalProperties": {"type": "string", "maxLength": 8_192},
}
_DURATION = {"type": "string", "pattern": r"^(\d+\.)?\d\d:\d\d:\d\d\.\d{1,7}$"}
_NAME = {"type": "string", "minLength": 1, "maxLength": 1_024}
_POINT = {
    "type": "object",
    "required": ["name", "value"],
    "properties": {"name": _NAME, "value": {"type": "number"}, "count": {"type": "integer", "minimum": 0}},
}
_FORMS = {
    "RemoteDependencyData": {"name": _NAME, "duration": _DURATION, "success": {"type": "boolean"}},
    "RequestData": {"id": _NAME, "duration": _DURATION, "success": {"type": "boolean"}, "responseCode": _NAME},
    "MetricData": {"metrics": {"type": "array", "minItems": 1, "maxItems": 1, "items": _POINT}},
    "MessageData": {"message": {"type": "string", "minLength": 1, "maxLength": 32_768}},
    "ExceptionData": {"exceptions": {"type": "array", "minItems": 1}},
}


def _of(kind, fields):
    """The form of an envelope's data of one kind: its fields are required, beside the version and properties."""
    inner = {
        "type": "object",
        "required": ["ver", *fields],
        "properties": {"ver": {"const": 2}, "properties": _PROPERTIES, **fields},
    }
    return {"required": ["baseType", "baseData"], "properties": {"baseType": {"const": kind}, "baseData": inner}}


_ENVELOPE = Draft202012Validator(
    {
        "type": "object",
        "required": ["name", "time", "iKey", "tags", "data"],
        "properties": {
            "name": {"pattern": r"^Microsoft\.ApplicationInsights\.\w+$"},
            "time": {"pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"},
            "iKey": {"const": KEY},
            "sampleRate": {"const": 100},
            "tags": {"type": "object", "additionalProperties": {"type": "string"}},
            "data": {"oneOf": [_of(kind, fields) for kind, fields in _FORMS.items()]},
        },
    }
)


class Ingestion(Server):
    """Takes telemetry. `envelopes` holds what was right, `raw` what came, `authorizations` a header each request.

    With a folder for its certificate it speaks TLS, and `bundle` is the file that makes a client trust it.
    """

    def __init__(self, folder=None):
        if folder:
            self.scheme = "https"
            self.tls, self.bundle = tls(folder)
        self.envelopes = []
        self.refused = []
        self.raw = []
        self.authorizations = []

    @property
    def connection(self):
        """The connection string that leads here, and nowhere else."""
        return f"InstrumentationKey={KEY};IngestionEndpoint={self.url}/;LiveEndpoint={self.url}/"

    def of(self, kind):
        """What was told of one kind: (envelope, its data), in the order it came."""
        return [(each, each["data"]["baseData"]) for each in self.envelopes if each["data"]["baseType"] == kind]

    def __call__(self, environ, start_response):
        request = Request(environ)
        return self._answer(request)(environ, start_response)

    def _answer(self, request):
        self.authorizations.append(request.headers.get("Authorization"))
        if request.method != "POST" or request.path != "/v2.1/track":
            self.refused.append(f"{request.method} {request.path}")
            return Response(status=404)
        body = request.get_data()
        self.raw.append(gzip.decompress(body) if request.headers.get("Content-Encoding") == "gzip" else body)
        return self._take(json.loads(self.raw[-1]))

    def _take(self, envelopes):
        faults = {place: error.message for place, each in enumerate(envelopes) for error in _ENVELOPE.iter_errors(each)}
        self.envelopes += [each for place, each in enumerate(envelopes) if place not in faults]
        self.refused += faults.values()
        answer = {
            "itemsReceived": len(envelopes),
            "itemsAccepted": len(envelopes) - len(faults),
            "errors": [{"index": place, "statusCode": 400, "message": why} for place, why in faults.items()],
        }
        return Response(json.dumps(answer), 206 if faults else 200, mimetype="application/json")
