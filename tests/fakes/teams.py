"""Plays a Workflows webhook of Teams: it says yes first, and its flow may fail afterwards.

Every request and every answer is held against the OpenAPI description beside it, and each card against the official
schema of Adaptive Cards 1.5. What goes wrong can be told in advance (`faults`): the next calls meet them in turn.
"""

import json
import threading
from collections import deque
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from jsonschema import Draft6Validator
from openapi_core import OpenAPI
from openapi_core.contrib.werkzeug import WerkzeugOpenAPIRequest, WerkzeugOpenAPIResponse
from openapi_core.exceptions import OpenAPIError
from werkzeug.wrappers import Request, Response

from tests.fakes.graph import BrokenOff, Refusal, Silence, Words
from tests.fakes.serving import Server

WORKFLOW = "0123456789abcdef0123456789abcdef"
SIGNATURE = "Zm9yLXRlc3RzLW9ubHktbm8tc2VjcmV0LWF0LWFsbC4"
PATH = f"/workflows/{WORKFLOW}/triggers/manual/paths/invoke"
CARD = "application/vnd.microsoft.card.adaptive"
MOST_BYTES = 28 * 1024
_QUERY = f"api-version=2016-10-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={SIGNATURE}"
_OPENAPI = OpenAPI.from_file_path(Path(__file__).parent / "openapi" / "teams-workflow.json")


@cache
def _schema():
    """Adaptive Cards 1.5, as the project behind them publishes it."""
    package = Path(find_spec("adaptive_cards").origin).parent  # it is not imported: that takes a second
    return Draft6Validator(json.loads((package / "schemas/schema-1.5.json").read_text("utf-8")))


def complaints(message):
    """What Teams would not show, in a message: nothing for a card that keeps to the schema."""
    return list(_complaints(json.dumps(message["attachments"][0]["content"])))


@cache
def _complaints(written):
    card = json.loads(written)
    if card.pop("msteams", {"width": "Full"}) != {"width": "Full"}:
        return ("msteams: more than the width",)
    return tuple(f"{error.json_path}: {error.message[:200]}" for error in _schema().iter_errors(card))


class Teams(Server):
    """A channel behind a webhook at `address`.

    `arrived` holds the ids of all that came in, `posted` the messages it took, `shown` those that its flow posted then,
    `failed` why the others never appeared although they were accepted, `violations` what the description forbids.
    """

    def __init__(self):
        self.faults = deque()
        self.arrived = []
        self.posted = []
        self.shown = []
        self.failed = []
        self.statuses = []
        self.violations = []
        self._closing = threading.Event()

    def __exit__(self, *reason):
        self._closing.set()
        super().__exit__(*reason)

    @property
    def path(self):
        return f"{PATH}?{_QUERY}"

    @property
    def address(self):
        return f"{self.url}{self.path}"

    def __call__(self, environ, start_response):
        request = Request(environ)
        asked = WerkzeugOpenAPIRequest(request)
        fault = self.faults.popleft() if self.faults else None
        self.arrived.append(request.headers.get("client-request-id"))
        if isinstance(fault, Silence):
            self._closing.wait(10)
        response = self._refused(request, asked) or self._answer(request, fault)
        if not isinstance(fault, Words):
            self._check(lambda: _OPENAPI.validate_response(asked, WerkzeugOpenAPIResponse(response)))
        self.statuses.append(response.status_code)
        if isinstance(fault, BrokenOff):
            response.response = _nothing()
            response.headers["Content-Length"] = "100"
        return response(environ, start_response)

    def _refused(self, request, asked):
        if request.args.get("sig") != SIGNATURE:
            code = "DirectApiAuthorizationRequired"
            return _error(Refusal(401, code, "The request must be authenticated only by Shared Access scheme."))
        if not self._check(lambda: _OPENAPI.validate_request(asked)):
            return _error(Refusal(400, "TriggerInputSchemaMismatch", "The input body is not as the trigger wants it."))
        return None

    def _answer(self, request, fault):
        if isinstance(fault, Refusal):
            return _error(fault)
        body = request.get_data()
        self.posted.append(json.loads(body))
        self._flow(self.posted[-1], len(body))
        if isinstance(fault, Words):
            return Response(fault.body, fault.status, mimetype="application/json")
        return Response(b"", 202)

    def _flow(self, message, size):
        """What happens after the answer, and is told to nobody."""
        wrong = complaints(message)
        if size > MOST_BYTES:
            wrong.append(f"RequestEntityTooLarge: {size}")
        if wrong:
            self.failed.append(wrong)
        else:
            self.shown.append(message)

    def _check(self, validate):
        try:
            validate()
        except OpenAPIError as error:
            self.violations.append(f"{error}: {error.__cause__}")
            return False
        return True


def _error(refusal):
    document = {"error": {"code": refusal.code, "message": refusal.message}}
    return Response(json.dumps(document), refusal.status, headers=refusal.headers, mimetype="application/json")


def _nothing():
    yield b"{"
    raise ConnectionError("dropped")
