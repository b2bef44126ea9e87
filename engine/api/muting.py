"""Enough: what is to be told no more for a while, shown, and taken back."""

from __future__ import annotations

import re
from http import HTTPStatus

import msgspec

from engine import loader, mutes
from engine.api.call import Answer, Call, Front, Mistake, as_json, problem
from engine.api.mistakes import refused_size, unread
from engine.errors import ParameterError
from engine.model.mute import Mute
from engine.mutes import Wish

_OPTION = re.compile(r"--(?=[a-z])")


class Mutes(msgspec.Struct, frozen=True):
    """What is muted, oldest first."""

    mutes: tuple[Mute, ...]


def muted(call: Call, front: Front) -> Answer:
    """What is muted now; with `past=true` also what was."""
    past = call.query.get("past", "false")
    if past not in {"true", "false"}:
        detail = "past is true or false."
        return problem(HTTPStatus.BAD_REQUEST, detail, Mistake(detail, parameter="past"))
    desk = front.desk
    return as_json(Mutes(mutes.mutes(store=desk.store, tenant=desk.tenant, now=front.now(), past=past == "true")))


def mute(call: Call, front: Front) -> Answer:
    """Keeps something quiet from the next run on. 201 with the mute, whose id takes it back."""
    if refusal := refused_size(call.body):
        return refusal
    try:
        wish = msgspec.json.decode(call.body or b"{}", type=Wish)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return unread(error)
    desk = front.desk
    hunts = loader.load_all(desk.hunts).hunts
    try:
        made = mutes.mute(wish, store=desk.store, hunts=hunts, tenant=desk.tenant, now=front.now())
    except ParameterError as error:
        # It speaks of the command line's options; here they are fields.
        raise ParameterError(_OPTION.sub("", str(error)), pointer=error.pointer) from error
    return as_json(made, status=HTTPStatus.CREATED)


def unmute(call: Call, front: Front) -> Answer:
    """Takes a mute back, and gives it once more."""
    desk, name = front.desk, call.values["mute"]
    if name not in {each.id for each in desk.store.mutes(desk.tenant)}:
        return problem(HTTPStatus.NOT_FOUND, "there is no mute of this id: GET /api/mutes lists them.")
    return as_json(mutes.unmute(name, store=desk.store, tenant=desk.tenant))
