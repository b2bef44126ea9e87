"""Enough: what somebody wants to be told no more for a while, checked and kept; and taken back.

A mute is narrow: one finding, or one actor on one device. It ends within 90 days. What is wider ends within a day.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from engine import parameters
from engine.decode import nearest
from engine.errors import ParameterError
from engine.model.actor import image_path
from engine.model.finding import Finding
from engine.model.hunt import Hunt
from engine.model.mute import Mute, actor_of
from engine.ondemand import moment
from engine.report.visible import visible
from engine.steps.rarity import HEAVY
from engine.stores.interface import Listing, Store

LONGEST = timedelta(days=90)
LONGEST_OF_ALL = timedelta(hours=24)
_DAY = timedelta(days=1)
_LOOKED_AT = 1_000
"""Findings of a device: what was heavy in an older one speaks again."""
_TEXT = 500
"""Characters, of each text that a caller gives: a run reads every mute."""
_FULL_PATH = re.compile(r'(?:(?:\\\\[?.]\\)?[a-z]:|\\)?(?:\\[^\\:*?"<>|]+)+')
"""In lower case: a drive, a network share, or what Defender gives of a Mac or a Linux, whose slashes are turned."""


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A caller's words, not yet checked: what to mute, until when (a moment, a date, or a timespan from now), and why.

    `all` says that a whole device, an actor on every device, or a whole hunt is meant.
    """

    fingerprint: str = ""
    device: str = ""
    actor: str = ""
    intents: tuple[str, ...] = ()
    hunt: str = ""
    until: str = ""
    owner: str = ""
    reason: str = ""
    all: bool = False


def mute(wish: Wish, *, store: Store, hunts: Mapping[str, Hunt], tenant: str, now: datetime) -> Mute:
    """Keeps what is wished for, in force from the next run on. Raises ParameterError for what cannot be muted so.

    Heavy intents that are named, or that the findings in the store have, are kept quiet too; others speak anyway.
    """
    said = _trimmed(wish)
    _refuse_unclear(said)
    is_heavy = _intents(_hunts(said.hunt, hunts))
    for name in said.intents:
        if name not in is_heavy:
            told = f"{name} is no intent of {said.hunt or 'any hunt'}. {nearest(name, list(is_heavy))}"
            raise ParameterError(told, pointer="/intents")
    wanted = Mute(
        id=secrets.token_hex(4),
        tenant=tenant,
        owner=_given("owner", said.owner, "who wants it, and can be asked"),
        reason=_given("reason", said.reason, "why it is fine, for whoever reads this later"),
        since=now,
        until=_until(said, now),
        fingerprint=said.fingerprint,
        hunt=said.hunt,
        device=said.device,
        actor=_actor(said.actor) if said.actor else "",
        intents=said.intents,
    )
    found = _named(wanted, store) if wanted.fingerprint else _seen(wanted, store, now)
    known = {command.intent for finding in found for command in finding.commands if command.heavy}
    heavy = filter(is_heavy.__getitem__, wanted.intents) if wanted.intents else known
    wanted = msgspec.structs.replace(wanted, heavy=tuple(sorted(heavy)))
    store.record_mute(wanted)
    return wanted


def mutes(*, store: Store, tenant: str, now: datetime, past: bool = False) -> tuple[Mute, ...]:
    """What is muted at `now`, oldest first; with `past`, also what was. Raises StoreError."""
    return tuple(each for each in store.mutes(tenant) if past or now < each.until)


def unmute(mute_id: str, *, store: Store, tenant: str) -> Mute:
    """Takes a mute back, by its whole id. Raises ParameterError, which lists those that there are."""
    known = {each.id: each for each in store.mutes(tenant)}
    if mute_id not in known:
        there = f"There are {', '.join(known)}." if known else "Nothing is muted."
        raise ParameterError(f"{mute_id} is no mute of {tenant}. {there}")
    store.drop_mute(tenant, mute_id)
    return known[mute_id]


def _trimmed(wish: Wish) -> Wish:
    """The wish without blanks around its words, none of them too long, or other than it looks."""
    given = msgspec.structs.asdict(wish).items()
    texts = {name: value.strip() for name, value in given if isinstance(value, str)}
    for name, value in texts.items():
        if len(value) > _TEXT:
            raise ParameterError(f"{name}: {len(value):,} characters, at most {_TEXT}.", pointer=f"/{name}")
        if visible(value) != value:
            told = f"{name}: write it without what nobody sees: {visible(value)}."
            raise ParameterError(told, pointer=f"/{name}")
    intents = dict.fromkeys(filter(None, map(str.strip, wish.intents)))
    return msgspec.structs.replace(wish, **texts, intents=tuple(intents))


def _refuse_unclear(said: Wish) -> None:
    """Refuses what names nothing, two things at once, or more than may be muted without --all."""
    if said.fingerprint:
        beside = [f"--{name}" for name in ("device", "actor", "hunt", "all") if getattr(said, name)]
        if beside:
            raise ParameterError(f"a fingerprint names one finding, wherever it is: leave out {', '.join(beside)}.")
        return
    if not (said.device or said.actor or said.hunt):
        raise ParameterError("nothing says what to mute: give a fingerprint, or --device and --actor.")
    if said.all or (said.device and said.actor):
        return
    where = f"on {said.device}" if said.device else "on every device"
    what = f"all that {said.actor} does" if said.actor else f"all that {said.hunt or 'any hunt'} finds"
    raise ParameterError(
        f"this would mute {what} {where}: give --device and --actor both, or add --all, for 24 hours at most."
    )


def _hunts(name: str, hunts: Mapping[str, Hunt]) -> Iterable[Hunt]:
    """The hunt of that name alone, or all where none is named."""
    if name and name not in hunts:
        raise ParameterError(f"{name} is no hunt that runs here. {nearest(name, list(hunts))}", pointer="/hunt")
    return [hunts[name]] if name else hunts.values()


def _intents(hunts: Iterable[Hunt]) -> Mapping[str, bool]:
    """The intents that the hunts tell apart, and whether each is heavy in any of them."""
    steps = (step for hunt in hunts for step in hunt.steps if "catalogue" in step.fields)
    weights = {(intent.id, intent.weight) for step in steps for intent in step.fields["catalogue"].intents}
    return {name: (name, HEAVY) in weights for name, _ in weights}


def _given(name: str, text: str, what: str) -> str:
    if not text:
        raise ParameterError(f"{name} is missing: say {what}.", pointer=f"/{name}")
    return text


def _until(said: Wish, now: datetime) -> datetime:
    """When it ends: as late as may be, and no later."""
    longest, told = (LONGEST_OF_ALL, "24 hours with --all") if said.all else (LONGEST, "90 days")
    text = _given("until", said.until, f"a moment, a date, or a timespan like 7d; at most {told}")
    try:
        end = now + min(parameters.timespan(text), longest + _DAY)
    except ValueError:
        try:
            end = moment("until", text)
        except ParameterError as error:
            raise ParameterError(f"{error} A date will do, or a timespan like 7d.", pointer="/until") from error
    if end <= now:
        raise ParameterError(f"until: {text} is not in the future.", pointer="/until")
    if end > now + longest:
        limit = f"at most {told}, until {now + longest:%Y-%m-%dT%H:%M:%SZ}"
        raise ParameterError(f"until: {text} is too long: {limit}.", pointer="/until")
    return end.astimezone(UTC)


def _actor(text: str) -> str:
    """The full path of an image, as findings' actors have it."""
    path = text.strip('"').replace("/", "\\").lower()
    if not _FULL_PATH.fullmatch(path):
        raise ParameterError(
            f"actor: {text} is no full path, and any program may bear that name: "
            rf"write folder and file, in quotes, like 'C:\Tools\tool.exe'.",
            pointer="/actor",
        )
    return image_path(path, path.rpartition("\\")[2])


def _named(wanted: Mute, store: Store) -> list[Finding]:
    """The finding of the fingerprint, and those that it has become part of since."""
    held = store.finding(wanted.fingerprint)
    if held is None or held.tenant != wanted.tenant:
        raise ParameterError(
            f"{wanted.fingerprint} is no finding of {wanted.tenant}: give the whole fingerprint, as it stands in the "
            f"alert, in the card, or in the JSON answer.",
            pointer="/fingerprint",
        )
    found = [held]
    while whole := store.finding(found[-1].absorbed_by):
        found.append(whole)
    lacking = {command.intent for each in found for command in each.commands} - set(wanted.intents or ())
    if wanted.intents and lacking:
        told = f"the finding has other intents as well: name {', '.join(sorted(lacking))} too, or none."
        raise ParameterError(told, pointer="/intents")
    return found


def _seen(wanted: Mute, store: Store, now: datetime) -> list[Finding]:
    """The actor's findings on the device, the latest of as many days as a mute may last; none without a device."""
    if not wanted.device:
        return []
    listed = store.findings(Listing(wanted.tenant, since=now - LONGEST, device=wanted.device), limit=_LOOKED_AT)
    return [
        each
        for each in listed
        if each.stands and wanted.hunt in {"", each.hunt} and wanted.actor in {"", actor_of(each)}
    ]
