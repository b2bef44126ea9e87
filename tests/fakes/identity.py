"""Plays the endpoint through which App Service and Functions give an app its managed identity.

The real azure-identity signs in here: it is told where by the two variables of `environment`.
"""

import base64
import json
import time
import uuid

from werkzeug.wrappers import Request, Response

from tests.fakes.serving import Server

ROLES = ("ThreatHunting.Read.All",)
TENANT = "aaaaaaaa-0000-0000-0000-000000000001"


def token(audience, roles=(), *, seconds=3_600):
    """An access token in the form of Entra's, signed by nobody. Each is another."""
    now = int(time.time())
    claims = {
        "aud": audience,
        "iss": f"https://sts.windows.net/{TENANT}/",
        "tid": TENANT,
        "roles": list(roles),
        "iat": now,
        "nbf": now,
        "exp": now + seconds,
        "uti": uuid.uuid4().hex,
    }
    return ".".join(map(_packed, ({"typ": "JWT", "alg": "none"}, claims, "unsigned")))


def claims(text):
    """What a token says; nothing where it is none."""
    try:
        part = text.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        return {}


def _packed(part):
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


class Identity(Server):
    """Gives tokens with `roles`; `issued` holds them, `asked` the resources they were asked for. `refuses` says no."""

    def __init__(self, *, roles=ROLES, refuses=False):
        self.roles = roles
        self.refuses = refuses
        self.issued = []
        self.asked = []
        self._secret = uuid.uuid4().hex

    @property
    def environment(self):
        return {"IDENTITY_ENDPOINT": f"{self.url}/msi/token", "IDENTITY_HEADER": self._secret}

    def __call__(self, environ, start_response):
        request = Request(environ)
        return self._answer(request)(environ, start_response)

    def _answer(self, request):
        resource = request.args.get("resource", "")
        if request.headers.get("X-IDENTITY-HEADER") != self._secret or not resource:
            return Response(status=401)
        self.asked.append((resource, request.args.get("client_id")))
        if self.refuses:
            return Response(json.dumps({"statusCode": 400, "message": "No such identity"}), 400)
        self.issued.append(token(resource, self.roles))
        given = {
            "access_token": self.issued[-1],
            "expires_on": str(claims(self.issued[-1])["exp"]),
            "resource": resource,
            "token_type": "Bearer",
            "client_id": "11111111-1111-1111-1111-111111111111",
        }
        return Response(json.dumps(given), mimetype="application/json")
