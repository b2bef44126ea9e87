"""What may be muted, and how long; whom a mute keeps quiet, and what speaks anyway."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from engine import loader
from engine.errors import ParameterError
from engine.model.finding import Device, Process
from engine.model.mute import Mute
from engine.mutes import Wish, mute, mutes, unmute
from engine.stores.memory import Memory
from tests.engine.stores.test_contract import a_command, a_finding

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HUNTS = loader.load_all().hunts
TOOL = r"c:\tools\tool.exe"
DEVICE = Device("d", "ws01.contoso.com")
REPLACE = msgspec.structs.replace


def asks(*intents, **heavy):
    """Commands of these intents; those that are named with True are heavy."""
    named = {**dict.fromkeys(intents, False), **heavy}
    pairs = enumerate(named.items())
    return tuple(a_command(number, intent=each.replace("_", "-"), heavy=is_heavy) for number, (each, is_heavy) in pairs)


def found(fingerprint="f", *intents, **changes):
    given = {
        "hunt": "discovery-burst",
        "tenant": "t",
        "device": DEVICE,
        "actor": Process(file_name="Tool.exe", folder_path=r"C:\Tools"),
        "commands": asks(*(intents or ("current-user", "network-configuration"))),
    }
    return a_finding(fingerprint, **{**given, **changes})


def wish(**changes):
    return Wish(**{"until": "7d", "owner": "anna", "reason": "a trial", **changes})


def muted(store, asked, *, now=NOW):
    return mute(asked, store=store, hunts=HUNTS, tenant="t", now=now)


def a_mute(**changes):
    given = {"id": "m", "tenant": "t", "owner": "anna", "reason": "a trial", "since": NOW, "until": NOW + 7 * DAY}
    return Mute(**{**given, **changes})


@pytest.fixture
def store():
    kept = Memory()
    kept.record_finding(found())
    kept.record_finding(found("theirs", tenant="other"))
    return kept


ONE = {"device": "d", "actor": r"C:\Tools\tool.exe"}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (wish(fingerprint="f"), a_mute(fingerprint="f")),
        (wish(fingerprint=" f\n", owner=" anna "), a_mute(fingerprint="f")),
        (wish(**ONE), a_mute(device="d", actor=TOOL)),
        (wish(device="WS01.contoso.com", actor=TOOL), a_mute(device="WS01.contoso.com", actor=TOOL)),
        (wish(device="d", actor='"C:/TOOLS/tool.exe" '), a_mute(device="d", actor=TOOL)),
        (wish(device="d", actor=r"\\files\tools\tool.exe"), a_mute(device="d", actor=r"\\files\tools\tool.exe")),
        (wish(device="d", actor="/opt/agent/run"), a_mute(device="d", actor=r"\opt\agent\run")),
        (wish(device="d", actor=r"C:\tool.exe"), a_mute(device="d", actor=r"c:\tool.exe")),
        (wish(**ONE, hunt="discovery-burst"), a_mute(device="d", actor=TOOL, hunt="discovery-burst")),
        (
            wish(**ONE, intents=("current-user", " domain-admins", "current-user", "")),
            a_mute(device="d", actor=TOOL, intents=("current-user", "domain-admins"), heavy=("domain-admins",)),
        ),
        (
            wish(fingerprint="f", intents=("network-configuration", "current-user", "domain-admins")),
            a_mute(
                fingerprint="f",
                intents=("network-configuration", "current-user", "domain-admins"),
                heavy=("domain-admins",),
            ),
        ),
        (wish(**ONE, until="90d"), a_mute(device="d", actor=TOOL, until=NOW + 90 * DAY)),
        (wish(**ONE, until="2026-11-25"), a_mute(device="d", actor=TOOL, until=NOW + 11 * HOUR)),
        (wish(**ONE, until="2026-11-24T16:00:00+02:00"), a_mute(device="d", actor=TOOL, until=NOW + HOUR)),
        (wish(device="d", all=True, until="24h"), a_mute(device="d", until=NOW + DAY)),
        (wish(actor=TOOL, all=True, until="1h"), a_mute(actor=TOOL, until=NOW + HOUR)),
        (wish(hunt="discovery-burst", all=True, until="1h"), a_mute(hunt="discovery-burst", until=NOW + HOUR)),
        (
            wish(hunt="discovery-burst", device="d", all=True, until="1h"),
            a_mute(hunt="discovery-burst", device="d", until=NOW + HOUR),
        ),
    ],
)
def test_what_is_narrow_or_short_is_muted_and_kept(store, asked, expected):
    made = muted(store, asked)
    assert made == REPLACE(expected, id=made.id)
    assert len(made.id) == 8
    assert made.until.tzinfo is UTC
    assert store.mutes("t") == (made,)
    assert store.mutes("other") == ()


PATH = (
    r"is no full path, and any program may bear that name: write folder and file, in quotes, like 'C:\Tools\tool.exe'."
)
WIDE = "give --device and --actor both, or add --all, for 24 hours at most."
NO_FINDING = (
    "is no finding of t: give the whole fingerprint, as it stands in the alert, in the card, or in the JSON answer."
)
NO_MOMENT = "is no moment like 2026-11-24T10:50:00Z. A date will do, or a timespan like 7d."


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (wish(), "nothing says what to mute: give a fingerprint, or --device and --actor."),
        (wish(all=True), "nothing says what to mute: give a fingerprint, or --device and --actor."),
        (
            wish(intents=("current-user",), all=True),
            "nothing says what to mute: give a fingerprint, or --device and --actor.",
        ),
        (wish(fingerprint="g"), f"g {NO_FINDING}"),
        (wish(fingerprint="theirs"), f"theirs {NO_FINDING}"),
        (wish(fingerprint="F"), f"F {NO_FINDING}"),
        (
            wish(fingerprint="f", device="d", hunt="discovery-burst", all=True),
            "a fingerprint names one finding, wherever it is: leave out --device, --hunt, --all.",
        ),
        (
            wish(fingerprint="f", intents=("current-user",)),
            "the finding has other intents as well: name network-configuration too, or none.",
        ),
        (wish(device="d"), f"this would mute all that any hunt finds on d: {WIDE}"),
        (
            wish(device="d", hunt="discovery-burst"),
            f"this would mute all that discovery-burst finds on d: {WIDE}",
        ),
        (
            wish(hunt="discovery-burst", intents=("current-user",)),
            f"this would mute all that discovery-burst finds on every device: {WIDE}",
        ),
        (wish(actor=TOOL), rf"this would mute all that c:\tools\tool.exe does on every device: {WIDE}"),
        (wish(device="d", actor="tool.exe"), f"actor: tool.exe {PATH}"),
        (wish(device="d", actor="C:Toolstool.exe"), f"actor: C:Toolstool.exe {PATH}"),
        (wish(device="d", actor="C:\\Tools\\"), f"actor: C:\\Tools\\ {PATH}"),
        (wish(device="d", actor=r"Tools\tool.exe"), rf"actor: Tools\tool.exe {PATH}"),
        (wish(device="d", actor=r"C:\Tools\*.exe"), rf"actor: C:\Tools\*.exe {PATH}"),
        (wish(device="d", actor=r"C:\\Tools\\tool.exe"), rf"actor: C:\\Tools\\tool.exe {PATH}"),
        (wish(device="d", actor=r"%ProgramFiles%\tool.exe"), rf"actor: %ProgramFiles%\tool.exe {PATH}"),
        (
            wish(**ONE, hunt="discovery-bursts"),
            "discovery-bursts is no hunt that runs here. Did you mean discovery-burst?",
        ),
        (
            wish(**ONE, intents=("current-users",)),
            "current-users is no intent of any hunt. Did you mean current-user?",
        ),
        (
            wish(**ONE, intents=("current-users",), hunt="discovery-burst"),
            "current-users is no intent of discovery-burst. Did you mean current-user?",
        ),
        (wish(**ONE, owner=" "), "owner is missing: say who wants it, and can be asked."),
        (wish(**ONE, reason=""), "reason is missing: say why it is fine, for whoever reads this later."),
        (wish(**ONE, reason="x" * 501), "reason: 501 characters, at most 500."),
        (wish(**ONE, reason="\u202eno"), r"reason: write it without what nobody sees: \u202eno."),
        (wish(fingerprint="\udcff"), r"fingerprint: write it without what nobody sees: \udcff."),
        (
            wish(**ONE, until=""),
            "until is missing: say a moment, a date, or a timespan like 7d; at most 90 days.",
        ),
        (wish(**ONE, until="soon"), f"until: soon {NO_MOMENT}"),
        (wish(**ONE, until="-1d"), f"until: -1d {NO_MOMENT}"),
        (wish(**ONE, until="0s"), "until: 0s is not in the future."),
        (wish(**ONE, until="2026-11-24"), "until: 2026-11-24 is not in the future."),
        (wish(**ONE, until="2026-11-24T13:00:00Z"), "until: 2026-11-24T13:00:00Z is not in the future."),
        (wish(**ONE, until="91d"), "until: 91d is too long: at most 90 days, until 2027-02-22T13:00:00Z."),
        (
            wish(**ONE, until="2027-02-22T13:00:01Z"),
            "until: 2027-02-22T13:00:01Z is too long: at most 90 days, until 2027-02-22T13:00:00Z.",
        ),
        (
            wish(**ONE, until="99999999d"),
            "until: 99999999d is too long: at most 90 days, until 2027-02-22T13:00:00Z.",
        ),
        (
            wish(device="d", all=True, until="25h"),
            "until: 25h is too long: at most 24 hours with --all, until 2026-11-25T13:00:00Z.",
        ),
        (
            wish(**ONE, all=True),
            "until: 7d is too long: at most 24 hours with --all, until 2026-11-25T13:00:00Z.",
        ),
    ],
)
def test_what_is_wide_or_long_or_unclear_is_refused_with_its_cure_and_nothing_is_kept(store, asked, expected):
    with pytest.raises(ParameterError) as caught:
        muted(store, asked)
    assert str(caught.value) == expected
    assert store.mutes("t") == ()


@pytest.mark.parametrize(
    ("asked", "heavy"),
    [
        (wish(fingerprint="heavy"), ("domain-admins",)),
        (wish(fingerprint="younger"), ("domain-admins", "shares", "trusts")),
        (wish(**ONE), ("domain-admins",)),
        (wish(device="WS01.contoso.com", actor=TOOL), ("domain-admins",)),
        (wish(device="d", actor=r"C:\other\tool.exe"), ()),
        (wish(device="e", actor=TOOL), ()),
        (wish(**ONE, hunt="discovery-burst"), ("domain-admins",)),
        (wish(**ONE, hunt="discovery-by-device"), ()),
        (wish(**ONE, intents=("current-user",)), ()),
        (wish(device="d", all=True, until="1h"), ("domain-admins", "other")),
        (wish(actor=TOOL, all=True, until="1h"), ()),
    ],
)
def test_the_heavy_intents_that_are_known_are_those_of_what_is_muted(store, asked, heavy):
    store.record_finding(found("heavy", commands=asks("current-user", domain_admins=True)))
    store.record_finding(found("younger", commands=asks(trusts=True), absorbed_by="old"))
    store.record_finding(found("old", commands=asks(domain_admins=True), absorbed_by="oldest"))
    store.record_finding(found("oldest", device=Device("f", "ws02"), commands=asks(shares=True)))
    store.record_finding(
        found("long ago", commands=asks(trusts=True), start="2026-07-01T00:00:00Z", end="2026-07-01T00:00:00Z")
    )
    store.record_finding(found("withdrawn", commands=asks(trusts=True), retracted="no"))
    store.record_finding(found("theirs", commands=asks(trusts=True), tenant="other"))
    store.record_finding(found("by another", commands=asks(other=True), actor=Process(file_name="tool.exe")))
    assert muted(store, asked).heavy == heavy


BY_NAME = Process(file_name="tool.exe")
QUIET = found(commands=asks("current-user", domain_admins=True))
COVERING = a_mute(device="d", actor=TOOL, heavy=("domain-admins",))


@pytest.mark.parametrize(
    ("held", "finding", "after", "covered"),
    [
        (COVERING, QUIET, timedelta(), True),
        (COVERING, QUIET, 7 * DAY - timedelta(microseconds=1), True),
        (COVERING, QUIET, 7 * DAY, False),
        (COVERING, QUIET, -timedelta(microseconds=1), False),
        (COVERING, REPLACE(QUIET, tenant="other"), DAY, False),
        (COVERING, REPLACE(QUIET, hunt="another"), DAY, True),
        (REPLACE(COVERING, hunt="discovery-burst"), REPLACE(QUIET, hunt="another"), DAY, False),
        (COVERING, REPLACE(QUIET, device=Device("e", "ws01.contoso.com")), DAY, False),
        (REPLACE(COVERING, device="WS01.Contoso.com"), QUIET, DAY, True),
        (REPLACE(COVERING, device="ws01"), QUIET, DAY, False),
        (COVERING, REPLACE(QUIET, actor=Process(file_name="TOOL.EXE", folder_path=r"c:\TOOLS\tool.exe")), DAY, True),
        (COVERING, REPLACE(QUIET, actor=Process(file_name="tool.exe", folder_path=r"C:\Temp")), DAY, False),
        (COVERING, REPLACE(QUIET, actor=BY_NAME), DAY, False),
        (REPLACE(COVERING, intents=("current-user", "domain-admins", "shares")), QUIET, DAY, True),
        (REPLACE(COVERING, intents=("current-user",)), QUIET, DAY, False),
        (COVERING, REPLACE(QUIET, commands=asks("more", "and-more", domain_admins=True)), DAY, True),
        (COVERING, REPLACE(QUIET, commands=asks(domain_admins=True, trusts=True)), DAY, False),
        (REPLACE(COVERING, heavy=()), QUIET, DAY, False),
        (a_mute(fingerprint="f", heavy=("domain-admins",)), QUIET, DAY, True),
        (a_mute(fingerprint="f"), found(aliases=("g",)), DAY, True),
        (a_mute(fingerprint="g"), found(aliases=("g",)), DAY, True),
        (a_mute(fingerprint="g"), found(), DAY, False),
        (a_mute(device="d"), found(actor=BY_NAME), DAY, True),
    ],
)
def test_a_mute_covers_what_has_all_that_it_names_and_no_heavy_intent_that_is_new(held, finding, after, covered):
    assert held.covers(finding, NOW + after) is covered


def test_what_is_over_is_shown_where_the_past_is_asked_for(store):
    first, second = muted(store, wish(**ONE, until="1h")), muted(store, wish(fingerprint="f"), now=NOW + HOUR)
    shown = [mutes(store=store, tenant="t", now=NOW + HOUR, past=past) for past in (False, True)]
    assert shown == [(second,), (first, second)]
    assert mutes(store=store, tenant="t", now=NOW) == (first, second)
    assert mutes(store=store, tenant="other", now=NOW) == ()


def test_a_mute_is_taken_back_by_its_whole_id_in_its_own_tenant(store):
    with pytest.raises(ParameterError, match=r"^m is no mute of t\. Nothing is muted\.$"):
        unmute("m", store=store, tenant="t")
    kept, gone = muted(store, wish(**ONE)), muted(store, wish(fingerprint="f"))
    for wrong, tenant, there in [
        (gone.id[:7], "t", f"There are {', '.join(each.id for each in store.mutes('t'))}."),
        (gone.id, "other", "Nothing is muted."),
    ]:
        with pytest.raises(ParameterError) as caught:
            unmute(wrong, store=store, tenant=tenant)
        assert str(caught.value) == f"{wrong} is no mute of {tenant}. {there}"
    assert unmute(gone.id, store=store, tenant="t") == gone
    assert store.mutes("t") == (kept,)
