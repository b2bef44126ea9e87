"""Who an actor is across devices and days."""

import pytest

from engine.model.actor import Actor
from engine.model.finding import Process
from engine.model.identity import Identity, account_kind, folded, identity_of, is_writable

HOSTS = frozenset({"wmiprvse.exe"})


def identity(path, sid="S-1-5-18", **process):
    folder, _, name = path.rpartition("\\")
    made = Process(file_name=name, folder_path=folder, **process)
    return identity_of({"Actor": Actor(("d",), "process", made), "AccountSid": sid}, HOSTS)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("C:\\Users\\Anna\\AppData\\Local\\x.exe", "c:\\users\\*\\appdata\\local\\x.exe"),
        ("C:\\Agent\\7.12.3\\agent.exe", "c:\\agent\\#.#.#\\agent.exe"),
        ("C:\\Temp\\deadbeef42\\x.exe", "c:\\temp\\#\\x.exe"),
    ],
)
def test_what_varies_is_folded(path, expected):
    assert folded(path) == expected


@pytest.mark.parametrize(
    ("sid", "kind"),
    [
        ("S-1-5-18", "S-1-5-18"),
        ("S-1-5-180", "person"),
        ("S-1-5-80-1-2-3", "S-1-5-80"),
        ("S-1-5-82-9", "S-1-5-82"),
        ("S-1-5-21-1-2-3-500", "person"),
        ("S-1-12-1-1-2", "person"),
        ("", ""),
    ],
)
def test_accounts_are_told_by_sid(sid, kind):
    assert account_kind(sid) == kind


@pytest.mark.parametrize(
    ("path", "writable"),
    [
        ("c:\\users\\x\\a.exe", True),
        ("c:\\programdata\\a\\a.exe", True),
        ("c:\\programdata\\microsoft\\windows defender advanced threat protection\\platform\\a.exe", False),
        ("c:\\windows\\temp\\a.exe", True),
        ("c:\\windows\\system32\\a.exe", False),
        ("c:\\program files\\template\\a.exe", False),
    ],
)
def test_folders_that_users_can_write_to_say_too_little(path, writable):
    assert is_writable(path) is writable


def test_an_actor_at_its_own_path_needs_no_hash():
    assert identity("C:\\Program Files\\A\\a.exe", sha1="AB") == Identity("c:\\program files\\a\\a.exe", "S-1-5-18", "")


def test_doubtful_actors_are_known_by_hash():
    assert identity("C:\\ProgramData\\A\\a.exe", sha1="AB").sha1 == "ab"
    assert identity("C:\\Program Files\\A\\a.exe", sha1="AB", signature_status="Unsigned").sha1 == "ab"


def test_who_runs_the_commands_of_others_is_known_by_the_account_itself():
    assert identity("C:\\Windows\\System32\\wbem\\WmiPrvSE.exe", "S-1-5-21-1-2-3-1104").account == "S-1-5-21-1-2-3-1104"


def test_an_unknown_folder_is_said():
    unknown = identity("agent7.exe")
    assert (unknown.path, unknown.is_known, unknown.file_name) == ("?agent#.exe", False, "agent#.exe")
