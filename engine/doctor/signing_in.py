"""Who asks the tenant: whether they can sign in, to which tenant, and what their token lets them do."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Iterator
from datetime import timedelta

import msgspec

from engine.doctor.interface import Sign, doubtful, well, wrong
from engine.doctor.patient import Patient
from engine.settings import Settings

SKEW = timedelta(minutes=5)
"""So far apart may clocks be: from then on Entra's tokens count as expired, or as not yet valid."""


class Claims(msgspec.Struct, frozen=True):
    """What a token says: `roles` of an application, `scp` the scopes of a person, `tid` the tenant."""

    roles: tuple[str, ...] = ()
    scp: str = ""
    tid: str = ""

    @property
    def rights(self) -> frozenset[str]:
        """What it lets its bearer do."""
        return frozenset({*self.roles, *self.scp.split()})


def claims(token: str) -> Claims | None:
    """What an access token says, unverified: it is ours. None where it cannot be read: nobody promises its form."""
    part = token.split(".")[1:2]
    try:
        written = base64.urlsafe_b64decode(part[0] + "=" * (-len(part[0]) % 4)) if part else b""
        return msgspec.json.decode(written, type=Claims)
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError):
        return None


def sign_in(patient: Patient) -> Iterator[Sign]:
    """Whether a token is had, and from the tenant that VIZSLA_TENANT names, where it does so by its id."""
    said, tenant = claims(patient.token()), patient.settings().tenant
    if said is None or not said.tid:
        yield doubtful("somebody signed in; the token does not say to which tenant")
    elif _is_id(tenant) and tenant.casefold() != said.tid.casefold():
        cure = "Set VIZSLA_TENANT to the tenant's own id, or sign in to that tenant."
        yield wrong("the token is for another tenant than VIZSLA_TENANT names", cure=cure)
    else:
        who = "an application or managed identity" if said.roles or not said.scp else "a person"
        yield well(f"{who} signed in to tenant {said.tid}")


def roles(patient: Patient) -> Iterator[Sign]:
    """Each right that is needed and not in the token, and each that is in an application's token and not needed."""
    said = claims(patient.token())
    if said is None:
        yield doubtful("the token cannot be read: whether its rights suffice, the calls below tell")
        return
    needed = _needed(patient.settings())
    lacking = [right for right, wider in needed.items() if not {right, wider} & said.rights]
    for right in lacking:
        yield wrong("is not in the token", right)
    spare = set(said.roles) - set(needed) - set(needed.values())
    if spare:
        cure = "Take them back, unless another program signs in so: what Vizsla may do, its host may."
        yield doubtful("in the token, and Vizsla needs none of them", ", ".join(sorted(spare)), cure)
    if not lacking:
        yield well(f"the token holds {', '.join(needed)}, or what includes it")


def clock(patient: Patient) -> Iterator[Sign]:
    """How far this machine's clock is from the one of Microsoft Graph, as its answers are dated."""
    there, here = patient.graph().reach(), patient.now()
    if there is None:
        yield doubtful("Microsoft Graph answers without a date")
        return
    apart = abs(here - there)
    told = f"{apart.total_seconds():.0f} s from Microsoft Graph's"
    if apart > SKEW:
        yield wrong(
            f"this machine's clock is {told}", cure="Set it, and have it kept by NTP: windows and tokens go by it."
        )
    else:
        yield well(f"this machine's clock is {told}")


def _needed(there: Settings) -> dict[str, str]:
    """The rights that the settings ask for, and for each what includes it, empty where nothing does."""
    from engine.sinks.defender_alert import RIGHTS, WIDER  # noqa: PLC0415 - sinks and sources, for who is examined
    from engine.sources.graph import PERMISSION  # noqa: PLC0415 - the same

    needed = {} if there.paths else {PERMISSION: ""}
    if "defender_alert" in there.sinks:
        for call, right in RIGHTS.items():
            if there.places.comments or not call.endswith("/comments"):
                needed[right] = WIDER.get(right, "")
    return needed


def _is_id(tenant: str) -> bool:
    try:
        uuid.UUID(tenant)
    except ValueError:
        return False
    return True
