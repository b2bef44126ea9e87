"""Who may ask: an application role, where the app wants one, and links that open one run to whoever holds them."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import msgspec
from itsdangerous import BadSignature, URLSafeSerializer

from engine.api.call import Answer, Call, Front, problem
from engine.stores.interface import Store

LINK_LASTS = timedelta(hours=12)
"""Longer than any playbook polls."""
_SECRET = "links"  # noqa: S105 - the name of one
_PRINCIPAL = "x-ms-client-principal"
_ROLE_CLAIMS = {"roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"}


def sign(run: str, store: Store, now: datetime) -> str:
    """What opens the run, and no other, for twelve hours."""
    written: str = _signer(store).dumps([run, int((now + LINK_LASTS).timestamp())])
    return written


def opens(token: str, run: str, store: Store, now: datetime) -> bool:
    """Whether the token opens the run, still."""
    try:
        signed, until = _signer(store).loads(token)
    except BadSignature:
        return False
    return bool(signed == run and now.timestamp() < until)


def refused(call: Call, front: Front) -> Answer | None:
    """The refusal of a caller who may not ask, or None.

    Where a role is wanted, it is read from what App Service's own sign-in says of the caller. Without that sign-in
    anyone could write the header, so nobody is answered.
    """
    if not front.role:
        return None
    if not front.has_sign_in:
        detail = "VIZSLA_REQUIRE_APP_ROLE is set, but nothing signs callers in: turn on App Service authentication."
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail)
    if front.role not in _roles(call.headers.get(_PRINCIPAL, "")):
        return problem(HTTPStatus.FORBIDDEN, f"the caller's token does not hold the application role {front.role}.")
    return None


def _signer(store: Store) -> URLSafeSerializer:
    return URLSafeSerializer(store.secret(_SECRET), salt="vizsla.run")


class _Claim(msgspec.Struct):
    typ: str = ""
    val: Any = ""


class _Principal(msgspec.Struct):
    claims: list[_Claim] = []
    role_typ: str = "roles"


def _roles(header: str) -> set[str]:
    """The roles of the caller, as App Service writes them: JSON in base64; none where it is anything else."""
    try:
        principal = msgspec.json.decode(base64.b64decode(header, validate=True), type=_Principal)
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError):
        return set()
    names = {*_ROLE_CLAIMS, principal.role_typ}
    return {claim.val for claim in principal.claims if claim.typ in names and isinstance(claim.val, str)}
