"""One spelling for every line, at most one intent for a launch, and the rest is dropped and counted."""

import msgspec
import pytest

from engine.model.catalogue import Catalogue, Form
from engine.steps.classify import (
    CMDLET,
    SEARCH,
    Classify,
    cmdlets_of,
    intent_of,
    intents_of,
    normalise,
    plain_filter,
    program_of,
)
from engine.steps.interface import Batch
from tests.engine.steps.events import CONTEXT


def intent(id_, *forms):
    return {
        "id": id_,
        "title": id_,
        "technique": "T1033",
        "weight": 1,
        "forms": forms,
        "examples": ["x"],
        "near_misses": ["y"],
    }


CATALOGUE = msgspec.convert(
    {
        "intents": [
            intent("own-privileges", {"file_names": ["whoami.exe"], "arguments": "/(?:all|priv)"}),
            intent("current-user", {"file_names": ["whoami.exe"], "unless": "/(?:all|priv)"}),
            intent(
                "trusts",
                {
                    "file_names": ["nltest.exe"],
                    "original_file_names": ["nltestrk.exe"],
                    "arguments": "^/domain_trusts",
                },
                {"file_names": ["adfind.exe"], "arguments": "trustdmp"},
            ),
            intent("directory", {"file_names": ["adfind.exe"]}),
            intent("locale", {"file_names": ["chcp.com"], "arguments": "^$"}),
            intent(
                "accounts",
                {"cmdlets": ["get-aduser", "adsisearcher"], "unless": "-spn"},
                {"search_filter": "=user\\b", "unless": "cn="},
            ),
            intent("principals", {"cmdlets": ["get-aduser"], "arguments": "-spn"}),
        ]
    },
    Catalogue,
)


def classified(file_name, command_line, original_file_name="", action=""):
    names = {"file_name": file_name, "original_file_name": original_file_name}
    found = intent_of(CATALOGUE, **names, command_line=command_line, action=action)
    return found and found.id


@pytest.mark.parametrize(
    ("line", "spelling"),
    [
        ("whoami", ""),
        ("", ""),
        ("   ", ""),
        ("whoami /all", "/all"),
        ("WHOAMI /ALL", "/all"),
        ("whoami  -all ", "/all"),
        ("whoami --all", "/all"),
        ("whoami \u2013all", "/all"),
        ("whoami\t/all", "/all"),
        ("whoami/all", "/all"),
        ('"whoami" "/all"', "/all"),
        ('w"ho"ami /a"l"l', "/all"),
        ("who^ami /a^ll", "/all"),
        (r"C:\Windows\System32\whoami.exe /all", "/all"),
        (r"C:\Windows\system32\net1 localgroup administrators", "localgroup administrators"),
        (r'"C:\Program Files\a b\whoami.exe" /all', "/all"),
        (r"C:\Program Files\a b\whoami.exe /all", "/all"),
        (r"C:\Windows\System32\reg.exe query HKLM\a b\c.exe", r"query hklm\a b\c.exe"),
        ("C:/Windows/System32/whoami.exe /all", "/all"),
        (r"%windir%\system32\whoami /all", "/all"),
        (r".\whoami /all", "/all"),
        (r"whoami /all > C:\temp\a.txt", "/all"),
        (r'whoami /all >> "C:\my temp\a.txt"', "/all"),
        ("whoami /all>a.txt", "/all"),
        ("whoami /all 2>&1", "/all"),
        ("whoami /all 1>nul 2>nul", "/all"),
        ("chcp >&2", ""),
        ("sort < in.txt /r", "/r"),
        ('dsquery * -filter "(&(a>=1)(b<=2))"', "* /filter (&(a>=1)(b<=2))"),
        ('net group "Domain  Admins" /domain', "group domain admins /domain"),
        ("ping -n 5 10.0.0.1", "/n 5 10.0.0.1"),
        ("x well-known -a", "well-known /a"),
        ("cmd /c whoami & ver", "/c whoami & ver"),
        ("x " + "a" * 5000, "a" * 4096),
    ],
)
def test_a_line_is_brought_into_one_spelling(line, spelling):
    assert normalise(line) == spelling


@pytest.mark.parametrize(
    ("line", "program"),
    [
        ("whoami /all", "whoami.exe"),
        ("WHOAMI.EXE", "whoami.exe"),
        ('w"ho"a^mi', "whoami.exe"),
        (r'"C:\Program Files\x\AdFind.exe" -f a', "adfind.exe"),
        (r"C:\Program Files\x\AdFind.exe -f a", "adfind.exe"),
        (r"C:\Windows\system32\net1 user", "net1.exe"),
        ("ipconfig/all", "ipconfig.exe"),
        ("chcp.com", "chcp.com"),
        ("", ""),
    ],
)
def test_a_line_tells_its_program(line, program):
    assert program_of(line) == program


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("Get-ADUser", [("get-aduser", "")]),
        (" GET-ADUSER  -Filter  * ", [("get-aduser", "-filter *")]),
        ("ActiveDirectory\\Get-ADUser bob", [("get-aduser", "bob")]),
        ("& 'Get-AD`User' \"Domain  Admins\"", [("get-aduser", "domain admins")]),
        ("$all = Get-ADUser", [("get-aduser", "")]),
        ("a; b\r\nc | d", [("a", ""), ("b", ""), ("c", ""), ("d", "")]),
        (
            "foreach ($u in (Get-ADUser)) {Stop-It}",
            [("foreach", "($u in (get-aduser)) {stop-it}"), ("get-aduser", ")) {stop-it}"), ("stop-it", "}")],
        ),
        (
            "([adsisearcher]'(cn=a)').FindAll()",
            [("adsisearcher", "(cn=a)).findall()"), ("cn", "=a)).findall()"), ("a", ")).findall()")],
        ),
        ("function Get-ADUser", [("function", "get-aduser")]),
        ("Get-Help Get-ADUser", [("get-help", "get-aduser")]),
        ("script.ps1", [("script.ps1", "")]),
        ("", []),
        ("$x", []),
        ("x" * 5000, [("x" * 4096, "")]),
    ],
)
def test_a_text_of_powershell_tells_its_commands(text, commands):
    assert cmdlets_of(text) == commands


@pytest.mark.parametrize(
    ("search_filter", "spelling"),
    [
        ("(objectClass=user)", "(objectclass=user)"),
        ("( & ( objectClass = user ) ( ! cn = a  b ) )", "(&(objectclass=user)(!cn=a b))"),
        ("(objectCategory=CN=Person,CN=Schema,CN=Configuration,DC=a)", "(objectcategory=person)"),
        ("(member=CN=bob,CN=Users,DC=a)", "(member=cn=bob,cn=users,dc=a)"),
        ("(a>=1)", "(a>=1)"),
        ("", ""),
        ("(" * 5000, "(" * 4096),
    ],
)
def test_a_filter_is_brought_into_one_spelling(search_filter, spelling):
    assert plain_filter(search_filter) == spelling


@pytest.mark.parametrize(
    ("action", "text", "found"),
    [
        (CMDLET, "Get-ADUser", "accounts"),
        (CMDLET, "Get-ADUser -SPN", "principals"),
        (CMDLET, "Get-ADUser -?", None),
        (CMDLET, "Get-ADUserX", None),
        (CMDLET, "Get-Date; Get-ADUser -SPN; Get-ADUser", "principals"),
        (CMDLET, "whoami /all", None),
        (CMDLET, "(objectClass=user)", None),
        (CMDLET, "", None),
        (SEARCH, "(objectClass=user)", "accounts"),
        (SEARCH, "(&(objectClass=user)(cn=bob))", None),
        (SEARCH, "Get-ADUser", None),
        (SEARCH, "", None),
        ("ProcessCreated", "whoami /all", "own-privileges"),
        ("", "whoami /all", "own-privileges"),
        ("", "Get-ADUser", "current-user"),
    ],
)
def test_the_action_type_says_what_the_text_is(action, text, found):
    assert classified("whoami.exe", text, action=action) == found


@pytest.mark.parametrize(
    ("file_name", "line", "original_file_name", "found"),
    [
        ("whoami.exe", "whoami", "", "current-user"),
        ("WHOAMI.EXE", "whoami /all", "", "own-privileges"),
        ("nltest.exe", "nltest /domain_trusts", "", "trusts"),
        ("nltest.exe", "nltest /sc_reset:corp", "", None),
        ("qq.exe", "qq -sc trustdmp", "AdFind.exe", "trusts"),
        ("qq.exe", "qq /domain_trusts", "nltestrk.exe", "trusts"),
        ("qq.exe", "qq /domain_trusts", "NLTESTRK.EXE.MUI", "trusts"),
        ("nltestrk.exe", "nltestrk /domain_trusts", "", None),
        ("qq.exe", "whoami /all", "", None),
        ("notepad.exe", "notepad whoami.exe /all", "NOTEPAD.EXE", None),
        ("whoami.exe", "whoami /?", "", None),
        ("whoami.exe", "whoami /all -?", "", None),
        ("whoami.exe", "whoami /help", "", None),
        ("chcp.com", "chcp", "", "locale"),
        ("chcp.com", "chcp 65001", "", None),
    ],
)
def test_a_launch_has_the_intent_of_its_program_and_arguments(file_name, line, original_file_name, found):
    assert classified(file_name, line, original_file_name) == found


@pytest.mark.parametrize(
    ("file_name", "found"), [("whoami.exe", "current-user"), ("adfind.exe", "directory"), ("chcp.com", None)]
)
def test_an_unknown_line_has_only_intents_that_take_any_arguments(file_name, found):
    assert classified(file_name, "") == found


def test_where_two_intents_take_a_line_the_first_of_the_file_is_its_intent():
    launch = {"file_name": "adfind.exe", "command_line": "adfind -sc trustdmp"}
    assert [found.id for found in intents_of(CATALOGUE, **launch)] == ["trusts", "directory"]
    assert intent_of(CATALOGUE, **launch) == CATALOGUE.intents[2]


def test_an_intent_counts_once_though_two_of_its_forms_take_the_line():
    twice = msgspec.structs.replace(CATALOGUE.intents[0], forms=CATALOGUE.intents[0].forms * 2)
    found = intents_of(Catalogue((twice,)), file_name="whoami.exe", command_line="whoami /all")
    assert found == (twice,)


def test_events_with_an_intent_are_kept_and_named_and_the_others_counted():
    events = (
        {"FileName": "whoami.exe", "ProcessCommandLine": "whoami", "ProcessId": 1},
        {"FileName": "notepad.exe", "ProcessCommandLine": "notepad", "ProcessId": 2},
        {"FileName": "a.exe", "ProcessCommandLine": "a /priv", "ProcessVersionInfoOriginalFileName": "whoami.exe"},
        {"FileName": "whoami.exe", "ProcessCommandLine": None, "ProcessVersionInfoOriginalFileName": None},
        {"FileName": None},
        {"FileName": "adfind.exe", "ProcessCommandLine": "adfind -f " + "x" * 2000},
        {"ActionType": "PowerShellCommand", "FileName": "whoami.exe", "ProcessCommandLine": "Get-ADUser"},
        {"ActionType": "PowerShellCommand", "FileName": "whoami.exe", "ProcessCommandLine": "whoami"},
        {"ActionType": "LdapSearch", "FileName": "a.exe", "ProcessCommandLine": "(objectClass=user)"},
    )
    batch = Classify(CATALOGUE)(Batch(events, dropped={"late": 3, "no discovery": 1}), CONTEXT)
    assert batch == Batch(
        events=(
            {**events[0], "Intent": "current-user"},
            {**events[2], "Intent": "own-privileges"},
            {**events[3], "Intent": "current-user"},
            {**events[5], "Intent": "directory"},
            {**events[6], "Intent": "accounts"},
            {**events[8], "Intent": "accounts"},
        ),
        dropped={"late": 3, "no discovery": 4},
    )


@pytest.mark.parametrize(
    "line",
    [
        '"' * 30_000,
        "^" * 30_000,
        ">" * 30_000,
        "-" * 30_000,
        "c:" + r"\a b" * 8_000,
        "c:" + r"\a.exe" * 5_000,
        "/c " * 9_000,
        "(a" * 9_000,
        "; " * 9_000,
        "=cn=a," * 9_000,
    ],
)
def test_a_hostile_line_is_a_line(line):
    assert len(normalise(line)) <= 4096
    assert [classified("nltest.exe", line, action=action) for action in ("", CMDLET, SEARCH)] == [None] * 3


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"file_names": []},
        {"arguments": "a"},
        {"file_names": ["a.exe"], "cmdlets": ["get-a"]},
        {"cmdlets": ["get-a"], "search_filter": "a"},
        {"cmdlets": ["get-a"], "original_file_names": ["a.exe"]},
        {"search_filter": "a", "arguments": "b"},
        {"file_names": ["a.exe"], "arguments": "("},
        {"file_names": ["a.exe"], "unless": "["},
        {"search_filter": "("},
    ],
)
def test_a_form_of_no_kind_or_of_two_or_with_a_broken_pattern_is_refused(form):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(form, Form)
