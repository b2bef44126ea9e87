"""An identity excuses: full folder, account, signature or hash. A name, an unknown folder or an old entry does not."""

from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest

from engine.model.catalogue import Catalogue
from engine.model.known_good import KnownGood, KnownGoodEntry, is_closed
from engine.steps.drop_known_good import DropKnownGood
from engine.steps.name_actors import NameActors
from tests.engine.steps.events import CONTEXT, SHELLS, batch

HASH = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
CLOSED, OPEN = "C:\\Program Files\\Vendor\\Agent", "C:\\ProgramData\\Vendor\\Agent"
CATALOGUE = msgspec.convert(
    {
        "intents": [
            {"id": id_, "title": id_, "technique": "T1033", "weight": weight, "examples": ["x"], "near_misses": ["y"],
             "forms": [{"file_names": ["x.exe"]}]}
            for id_, weight in [("who", 1), ("groups", 2), ("trusts", 3), ("admins", 3)]
        ]
    },
    Catalogue,
)  # fmt: skip


def entry(**fields):
    plain = {
        "id": "agent",
        "file_name": "agent.exe",
        "folder_paths": [CLOSED],
        "owner": "endpoint-management",
        "reason": "It asks every hour.",
        "added": "2026-01-01",
        "expires": "2027-01-01",
    }
    return msgspec.convert({**plain, **fields}, KnownGoodEntry)


def step(*entries, catalogue=CATALOGUE):
    return DropKnownGood(KnownGood(entries), catalogue)


def ran(*intents, folder=CLOSED, name="agent.exe", line="agent.exe -run", sid="", status="", sha1="", shells=()):
    """What an agent ran, directly or through shells, with its actor named."""
    told = [{"as": "agent", "unseen": True, "FileName": name, "FolderPath": folder, "ProcessCommandLine": line,
             "AccountSid": sid, "SHA1": sha1}]  # fmt: skip
    for shell in shells:
        told.append({"as": shell, "by": told[-1]["as"], "ProcessCommandLine": shell})
    told += [{"at": "9s", "by": told[-1]["as"], "ProcessCommandLine": "x", "Intent": each} for each in intents]
    told[1]["InitiatingProcessSignatureStatus"] = status
    return NameActors(shells=SHELLS)(batch(*told), CONTEXT)


def kept(dropping, made, context=CONTEXT):
    return [event["Intent"] for event in dropping(made, context).events]


def excuses(given, intent="who", **columns):
    """Whether the entry excuses the agent in each way that it can run a command."""
    ways = [
        kept(step(given), ran(intent, **columns, shells=shells)) == []
        for shells in [(), ("cmd.exe",), ("powershell.exe", "cmd.exe")]
    ]
    assert len(set(ways)) == 1, "a shell between them makes a difference"
    return ways[0]


@pytest.mark.parametrize(
    ("folder", "excused"),
    [
        (CLOSED, True),
        (CLOSED.lower(), True),
        (CLOSED.upper(), True),
        (CLOSED + "\\", True),
        (CLOSED.replace("\\", "/"), True),
        (CLOSED + "\\agent.exe", True),
        (CLOSED.lower() + "\\Agent.EXE", True),
        ("", False),
        ("agent.exe", False),
        (CLOSED + " Evil", False),
        (CLOSED + "\\Evil", False),
        (CLOSED + "\\agent.exe\\Evil", False),
        (CLOSED + "\\other.exe", False),
        (CLOSED + "\\agent.exe:stream.exe", False),
        ("C:\\Program Files\\Vendor", False),
        ("D:\\Program Files\\Vendor\\Agent", False),
        ("C:\\Program Files (x86)\\Vendor\\Agent", False),
        ("C:\\PROGRA~1\\Vendor\\Agent", False),
        ("C:\\Program Files\\..\\Users\\bob", False),
        ("C:\\Users\\bob\\..\\..\\Program Files\\Vendor\\Agent", False),
        ("C:\\Program Files\\Vendor\\.\\Agent", False),
        ("\\\\server\\c$\\Program Files\\Vendor\\Agent", False),
        ("C:\\Users\\bob\\C:\\Program Files\\Vendor\\Agent", False),
        ("C:\\Users\\bob\\Program Files\\Vendor\\Agent", False),
    ],
)
def test_the_folder_is_the_whole_folder_however_it_is_spelled(folder, excused):
    assert excuses(entry(), folder=folder) is excused


@pytest.mark.parametrize(
    ("folder", "excused"),
    [
        ("C:\\Program Files\\Vendor\\v1.2\\bin", True),
        ("C:\\Program Files\\Vendor\\v1.2 beta\\bin\\agent.exe", True),
        ("C:\\Program Files\\Vendor\\v\\bin", False),
        ("C:\\Program Files\\Vendor\\x1.2\\bin", False),
        ("C:\\Program Files\\Vendor\\v1\\2\\bin", False),
        ("C:\\Program Files\\Vendor\\v..\\bin", False),
        ("C:\\Program Files\\Vendor\\v1~1\\bin", False),
        ("C:\\Program Files\\Vendor\\v1:x\\bin", False),
    ],
)
def test_a_star_stands_for_what_changes_within_one_folder(folder, excused):
    assert excuses(entry(folder_paths=["C:\\Program Files\\Vendor\\v*\\bin"]), folder=folder) is excused


@pytest.mark.parametrize("part", ["..", ".", "", "AGENT~1", "x:y", "Evil\\1"])
def test_a_star_alone_is_no_way_up_and_none_around(part):
    given = entry(folder_paths=["C:\\Program Files\\Vendor\\*"])
    assert not excuses(given, folder=f"C:\\Program Files\\Vendor\\{part}\\agent.exe")


def test_what_is_special_in_a_regular_expression_is_not_in_a_folder():
    given = entry(folder_paths=["C:\\Program Files (x86)\\A.B+[1]"])
    assert excuses(given, folder="C:\\Program Files (x86)\\A.B+[1]")
    assert not excuses(given, folder="C:\\Program Files (x86)\\AxB+1")


def test_the_name_has_to_fit_too():
    assert excuses(entry(), name="AGENT.EXE")
    assert not excuses(entry(), name="agent2.exe")
    assert not excuses(entry(), name="agent.exe ", folder=CLOSED)


@pytest.mark.parametrize(
    ("fields", "columns", "excused"),
    [
        ({"account_sids": ["S-1-5-18"]}, {"sid": "S-1-5-18"}, True),
        ({"account_sids": ["S-1-5-18"]}, {"sid": "S-1-5-21-7-7-7-1104"}, False),
        ({"account_sids": ["S-1-5-18"]}, {"sid": "S-1-5-180"}, False),
        ({"account_sids": ["S-1-5-18"]}, {}, True),
        ({"signature_statuses": ["Valid"]}, {"status": "valid"}, True),
        ({"signature_statuses": ["Valid"]}, {"status": "Unsigned"}, False),
        ({"signature_statuses": ["Valid"]}, {"status": "Invalid"}, False),
        ({"signature_statuses": ["Valid"]}, {"status": "Unknown"}, True),
        ({"signature_statuses": ["Valid"]}, {}, True),
        ({"sha1s": [HASH]}, {"sha1": HASH.upper()}, True),
        ({"sha1s": [HASH]}, {"sha1": HASH.replace("d", "e")}, False),
        ({"sha1s": [HASH]}, {}, False),
        ({"sha1s": [HASH], "signature_statuses": ["Valid"]}, {"sha1": HASH, "status": "Unsigned"}, False),
    ],
)
def test_where_only_administrators_write_what_the_data_lacks_is_not_held_against_it(fields, columns, excused):
    assert excuses(entry(**fields), **columns) is excused


@pytest.mark.parametrize(
    ("fields", "columns", "excused"),
    [
        ({}, {}, False),
        ({"account_sids": ["S-1-5-18"]}, {"sid": "S-1-5-18"}, False),
        ({"signature_statuses": ["Valid"]}, {"status": "Valid"}, True),
        ({"signature_statuses": ["Valid"]}, {"status": "Unknown"}, False),
        ({"signature_statuses": ["Valid"]}, {}, False),
        ({"sha1s": [HASH]}, {"sha1": HASH}, True),
        ({"sha1s": [HASH]}, {}, False),
        ({"sha1s": [HASH], "account_sids": ["S-1-5-18"]}, {"sha1": HASH}, False),
        ({"sha1s": [HASH], "account_sids": ["S-1-5-18"]}, {"sha1": HASH, "sid": "S-1-5-18"}, True),
    ],
)
@pytest.mark.parametrize("folder", [OPEN, "C:\\Agents\\Agent", "C:\\Users\\bob\\Agent", "C:\\Windows\\Temp\\Agent"])
def test_where_users_write_an_entry_excuses_by_proof_alone(folder, fields, columns, excused):
    assert excuses(entry(folder_paths=[folder], **fields), folder=folder, **columns) is excused


@pytest.mark.parametrize(
    ("path", "closed"),
    [
        ("c:\\windows\\ccm\\ccmexec.exe", True),
        ("c:\\program files\\a\\b.exe", True),
        ("c:\\program files (x86)\\a\\b.exe", True),
        ("c:\\programdata\\microsoft\\windows defender\\platform\\4.18\\a.exe", True),
        ("c:\\programdata\\microsoft\\windows defender advanced threat protection\\platform\\10\\a.exe", True),
        ("c:\\programdata\\microsoft\\b.exe", False),
        ("c:\\windows\\temp\\a\\b.exe", False),
        ("c:\\windows\\tasks\\b.exe", False),
        ("c:\\windowsazure\\packages\\b.exe", False),
        ("c:\\program files evil\\a\\b.exe", False),
        ("d:\\program files\\a\\b.exe", False),
        ("c:\\users\\bob\\windows\\a\\b.exe", False),
        ("c:\\a\\b.exe", False),
        ("", False),
    ],
)
def test_closed_is_what_windows_closes(path, closed):
    assert is_closed(path) is closed


def test_only_the_named_intents_are_excused():
    assert kept(step(entry(intents=["groups"])), ran("who", "groups")) == ["who"]


def test_a_heavy_intent_is_excused_by_name_or_not_at_all():
    assert kept(step(entry()), ran("who", "groups", "trusts", "admins")) == ["trusts", "admins"]
    by_name = entry(id="agent-trusts", intents=["trusts"])
    assert kept(step(entry(), by_name), ran("who", "trusts", "admins")) == ["admins"]


def test_an_intent_that_the_catalogue_does_not_hold_is_taken_for_heavy():
    assert kept(step(entry()), ran("unheard-of")) == ["unheard-of"]
    assert kept(DropKnownGood(KnownGood((entry(),))), ran("who")) == ["who"]


@pytest.mark.parametrize(
    ("line", "excused"),
    [
        ('"C:\\x\\agent.exe" -Run  "Daily"', True),
        ("agent.exe /run daily", True),
        ("agent.exe /run daily /and more", False),
        ("agent.exe other & /run daily", False),
        ("", False),
    ],
)
def test_the_actors_own_arguments_match_as_a_whole(line, excused):
    assert excuses(entry(command_lines=["/run (?:daily|weekly)"]), line=line) is excused


def test_an_actor_known_by_name_alone_is_excused_by_nothing():
    agent = {"as": "agent", "unseen": True, "FolderPath": CLOSED, "ProcessCommandLine": "agent.exe"}
    shell = {"as": "shell", "by": "agent", "unseen": True, "ProcessCommandLine": "cmd.exe"}
    made = batch(agent, shell, {"by": "shell", "ProcessCommandLine": "x", "Intent": "who"})
    assert kept(step(entry()), NameActors(shells=SHELLS)(made, CONTEXT)) == ["who"]


def test_a_shell_of_its_own_is_not_excused_with_the_agent_that_it_started():
    shell = {"as": "shell", "unseen": True, "ProcessCommandLine": "cmd.exe"}
    agent = {"as": "agent", "by": "shell", "FolderPath": CLOSED, "ProcessCommandLine": "agent.exe", "Intent": "groups"}
    made = batch(shell, agent, {"by": "shell", "ProcessCommandLine": "x", "Intent": "who"})
    assert kept(step(entry()), NameActors(shells=SHELLS)(made, CONTEXT)) == ["groups", "who"]


def on(*day):
    return replace(CONTEXT, now=datetime(*day, 12, tzinfo=UTC))


def test_from_its_last_day_on_an_entry_excuses_nothing():
    made = ran("who")
    assert kept(step(entry()), made, on(2026, 12, 31)) == []
    assert kept(step(entry()), made, on(2027, 1, 1)) == ["who"]


def test_what_an_expired_entry_would_have_excused_is_told_and_not_dropped():
    old, renewed = entry(), entry(id="agent-trusts", intents=["trusts"], expires="2028-01-01")
    made = ran("who", "who", "groups", "trusts", "admins")
    dropping = step(old, renewed)
    assert dropping.lapsed(made, on(2026, 12, 31)) == {}
    assert dropping.lapsed(made, on(2027, 1, 1)) == {"agent": 3}
    assert dict(dropping(made, on(2027, 1, 1)).dropped) == {"known good: agent-trusts": 1}


def test_a_renewal_beside_the_expired_entry_is_enough():
    dropping = step(entry(), entry(id="agent-again", expires="2028-01-01"))
    made = ran("who")
    assert (kept(dropping, made, on(2027, 6, 1)), dropping.lapsed(made, on(2027, 6, 1))) == ([], {})


def test_what_is_dropped_is_counted_by_entry_beside_what_was_dropped_before():
    made = ran("who", "groups", "admins")
    before = replace(made, dropped={"no discovery": 2, "known good: agent": 1})
    after = step(entry(id="other", file_name="other.exe"), entry(intents=["who"]), entry(id="rest"))(before, CONTEXT)
    assert dict(after.dropped) == {"no discovery": 2, "known good: agent": 2, "known good: rest": 1}
    assert [event["Intent"] for event in after.events] == ["admins"]
    assert after.shells == made.shells


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"command_lines": ["("]}, "is no regular expression"),
        ({"id": "Agent One"}, "matching regex"),
        ({"file_name": "C:\\agent.exe"}, "matching regex"),
        ({"file_name": "agent*.exe"}, "matching regex"),
        ({"folder_paths": []}, "length >= 1"),
        ({"account_sids": ["SYSTEM"]}, "matching regex"),
        ({"sha1s": ["abc"]}, "matching regex"),
        ({"owner": " "}, "matching regex"),
        ({"reason": ""}, "matching regex"),
    ],
)
def test_an_entry_that_says_nothing_is_none(fields, message):
    with pytest.raises(msgspec.ValidationError, match=message):
        entry(**fields)
