"""Who ran it: shells lead on, sessions join, remote-execution hosts join by account, and what lacks is said."""

import pytest

from engine.steps.name_actors import NameActors
from tests.engine.steps.events import CONTEXT, SHELLS, batch

STEP = NameActors(shells=SHELLS)
EXPLORER = {"as": "top", "unseen": True, "ProcessCommandLine": "C:\\Windows\\explorer.exe", "FolderPath": "C:\\Windows"}
AGENT = {"as": "top", "ProcessCommandLine": '"C:\\Agent\\agent.exe"', "FolderPath": "C:\\Agent\\agent.exe"}


def actors(*events, common=None):
    return [event["Actor"] for event in STEP(batch(*events, common=common), CONTEXT).events]


def whoami(by, **columns):
    return {"at": "9s", "by": by, "ProcessCommandLine": "whoami", **columns}


def shell(name, by, command="cmd.exe", **columns):
    return {"at": "5s", "as": name, "by": by, "ProcessCommandLine": command, **columns}


def kind_and_path(actor):
    return actor.kind, actor.process.file_name, actor.process.folder_path


def test_a_shell_leads_on_to_its_launcher_with_the_launchers_folder():
    _, actor = actors(AGENT, shell("a", "top"), whoami("a"))
    assert kind_and_path(actor) == ("process", "agent.exe", "C:\\Agent\\agent.exe")
    assert [process.file_name for process in actor.chain] == ["agent.exe", "cmd.exe"]
    assert actor.notes == ()


def test_shell_in_shell_leads_on_too():
    _, actor = actors(AGENT, shell("a", "top"), shell("b", "a", "powershell.exe -c x"), whoami("b"))
    assert [process.file_name for process in actor.chain] == ["agent.exe", "cmd.exe", "powershell.exe"]


def test_net1_below_net_is_of_the_same_actor_as_net():
    _, net, net1 = actors(
        AGENT, shell("a", "top"), {"as": "n", "by": "a", "ProcessCommandLine": "net user"},
        {"by": "n", "ProcessCommandLine": "net1 user"},
    )  # fmt: skip
    assert net.key == net1.key


def test_without_the_shells_row_the_grandparent_is_known_by_name_and_the_lack_is_said():
    (actor,) = actors({**AGENT, "unseen": True}, shell("a", "top", unseen=True), whoami("a"))
    assert kind_and_path(actor) == ("process", "agent.exe", "")
    assert actor.notes == ("the folder of agent.exe is unknown: its shell's creation row is not in the data",)


def test_a_shell_whose_launcher_is_nowhere_is_the_actor_itself():
    (actor,) = actors({"as": "a", "unseen": True, "ProcessCommandLine": "cmd.exe"}, whoami("a"))
    assert kind_and_path(actor) == ("process", "cmd.exe", "C:\\Windows\\System32\\cmd.exe")
    assert actor.notes == ("what started cmd.exe is not in the data",)


@pytest.mark.parametrize(
    ("columns", "key"),
    [
        ({"CreatedProcessSessionId": 2, "AccountSid": "S-1-5-21-1", "LogonId": 7}, ("session", "2")),
        ({"CreatedProcessSessionId": 0, "AccountSid": "S-1-5-21-1", "LogonId": 7}, ("sid", "S-1-5-21-1")),
        ({"LogonId": 7}, ("logon", "7")),
    ],
)
def test_a_person_is_one_desktop_session(columns, key):
    (actor,) = actors(EXPLORER, shell("a", "top", unseen=True), whoami("a", **columns))
    assert (actor.kind, actor.key[1:]) == ("session", ("session", *key))


@pytest.mark.parametrize("host", ["PSEXESVC.exe", "wsmprovhost.exe", "winrshost.exe", "WmiPrvSE.exe"])
def test_remote_execution_hosts_join_by_image_and_account(host):
    system = {"AccountSid": "S-1-5-18"}
    first, second, other = actors(
        {"as": "one", "unseen": True, "ProcessCommandLine": host},
        {"as": "two", "unseen": True, "ProcessCommandLine": host},
        whoami("one", **system), whoami("two", **system), whoami("two", AccountSid="S-1-5-20"),
    )  # fmt: skip
    assert first.kind == "remote"
    assert first.key == second.key
    assert first.key != other.key


@pytest.mark.parametrize(
    ("service", "through_shell", "kind"),
    [
        ("svchost.exe -k netsvcs -p -s Schedule", True, "remote"),
        ("svchost.exe -k netsvcs -p -s BITS", True, "process"),
        ("svchost.exe -k netsvcs -p -s Schedule", False, "process"),
        ("services.exe", True, "remote"),
    ],
)
def test_a_scheduler_that_started_a_shell_joins_by_account(service, through_shell, kind):
    top = {"as": "top", "unseen": True, "ProcessCommandLine": service, "AccountSid": "S-1-5-18"}
    events = (top, shell("a", "top"), whoami("a")) if through_shell else (top, whoami("top"))
    assert [actor.kind for actor in actors(*events)] == [kind]


def test_two_processes_of_one_image_are_two_actors():
    first, second = actors(
        {**AGENT, "unseen": True, "as": "one"}, {**AGENT, "unseen": True, "as": "two"}, whoami("one"), whoami("two")
    )
    assert first.key != second.key


def test_a_ring_of_shells_ends():
    ring = {"FileName": "cmd.exe", "InitiatingProcessFileName": "cmd.exe"}
    row = {"ProcessId": 1, "InitiatingProcessId": 1, "ProcessCreationTime": "t", "InitiatingProcessCreationTime": "t"}
    made = batch(
        {"as": "x", "ProcessCommandLine": "cmd.exe", **ring, **row}, {"by": "x", "ProcessCommandLine": "whoami", **row}
    )
    (event,) = STEP(made, CONTEXT).events
    assert event["Actor"].process.file_name == "cmd.exe"
