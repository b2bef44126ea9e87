"""A line stands only for what weighs nothing, whoever runs it where; and the query reads a row as the line says."""

import re
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine import loader, parameters
from engine.model.baseline import Baseline, Day, History, Own, Pair
from engine.model.identity import Identity
from engine.model.run import Window
from engine.routine import _meaning, routine_lines
from engine.steps.classify import intents_of, normalise
from tests.engine.steps.events import CONTEXT, NOW
from tests.proof import examples

HUNT = loader.load(loader.HUNTS / "discovery-burst")
STEPS = tuple(spec.build(HUNT.defaults) for spec in HUNT.steps)
CATALOGUE = HUNT.steps[0].fields["catalogue"]
PATTERNS = {let.name: let.text for let in parameters.lets(HUNT.query)}
AGENT = Identity("c:\\agent\\agent.exe", "S-1-5-18", "")
TODAY = NOW.date()


def days(*pairs, on=range(1, 8), fleet=1000, own=()):
    """Seven days before today, the pairs (identity, intent, command, devices, launches) on those of `on` days ago."""
    made = tuple(Pair(*pair) for pair in pairs)
    return Baseline(
        HUNT.id,
        tuple(
            Day(TODAY - timedelta(days=ago), fleet, made if ago in on else (), own, ()) for ago in (7, 6, 5, 4, 3, 2, 1)
        ),
    )


def lines(baseline, *, start=NOW, end=NOW + timedelta(hours=1), **bounds):
    context = replace(CONTEXT, window=Window(start, end), history=History(baseline))
    return routine_lines(STEPS, context, baseline, **bounds)


def pair(command, intent, *, who=AGENT, devices=100, launches=100):
    return who, intent, command, devices, launches


WHOAMI = pair("whoami.exe ", "current-user")
LISTED = "c:\\agent\\agent.exe|S-1-5-18|whoami.exe "


@pytest.mark.parametrize("account", ["S-1-5-18", "S-1-5-80", "person", ""])
def test_a_pair_that_weighs_nothing_is_a_line(account):
    who = AGENT._replace(account=account)
    assert lines(days(pair("whoami.exe ", "current-user", who=who))) == (f"{who.path}|{account}|whoami.exe ",)


@pytest.mark.parametrize(
    "who",
    [
        Identity("?agent.exe", "S-1-5-18", ""),
        Identity("c:\\users\\*\\agent.exe", "person", "ab12"),
        Identity("c:\\windows\\system#\\wbem\\wmiprvse.exe", "S-1-5-20", ""),
        Identity("c:\\windows\\system#\\inetsrv\\w#wp.exe", "S-1-5-82-1", ""),
        Identity("c:\\windows\\system#\\cmd.exe", "S-1-5-18", ""),
    ],
)
def test_who_is_unknown_or_unsigned_or_a_generic_host_or_a_shell_has_no_line(who):
    assert lines(days(pair("whoami.exe ", "current-user", who=who))) == ()


@pytest.mark.parametrize(
    "baseline",
    [
        days(WHOAMI, on=(1, 2)),
        days(pair("whoami.exe ", "current-user", devices=2), on=(1, 2, 3)),
        days(WHOAMI, fleet=150_000),
        Baseline(HUNT.id, days(WHOAMI).days[1:]),
        Baseline(HUNT.id, days(WHOAMI).days, stand_in=True),
        days(own=tuple(Own(device, AGENT, "current-user") for device in "ab")),
    ],
    ids=["two days", "two devices", "a large fleet", "six days known", "a fleet that stands in", "its own"],
)
def test_what_is_not_routine_on_every_device_has_no_line(baseline):
    assert lines(baseline) == ()


def test_what_weighs_something_on_one_day_of_the_window_has_no_line():
    yesterday = NOW - timedelta(days=1)
    known = days(WHOAMI, on=(1, 2, 3))
    assert lines(known) == (LISTED,)
    assert lines(known, start=yesterday) == (), "of yesterday, two earlier days are known"
    known = known.with_day(Day(TODAY, 100_000, (), (), ()))
    assert lines(known, end=NOW.replace(hour=0) + timedelta(days=1)) == (LISTED,)
    assert lines(known, end=NOW + timedelta(days=1)) == (), "tomorrow the fleet will be larger"


@pytest.mark.parametrize(
    ("command", "intent", "expected"),
    [
        ("net.exe user", "local-accounts", "agent"),
        ('net.exe group "domain admins" /domain', "domain-admins", ""),  # heavy
        ("net.exe user", "", "agent"),  # what the catalogue says now counts, not what it said when it was learned
        ("whoami.exe /priv", "current-user", ""),
        ("net.exe use h: \\\\anyhost\\home", "", "nobody"),
        ("sc.exe start wuauserv", "", "nobody"),
        ("ping.exe -n 30 127.0.0.1", "", "nobody"),
        ("net.exe time \\\\anyhost", "network-time", "agent"),
        ("ping.exe anyhost.example", "reachable-hosts", ""),  # or an address of the internet's, which is no routine
        ("net.exe group anyone /domain", "domain-groups", ""),  # the one may be an administrator
        ("net.exe anything", "", ""),
        ("systeminfo.exe:sysinfo.exe ", "system-summary", "agent"),
        ("net.exe:sysinfo.exe user", "local-accounts", "agent"),
        ("whoami.exe " + "x" * 400, "", ""),  # it was cut
        ("whoami.exe \u212a", "", ""),
        ("get-process", "processes", "agent, asked"),
        ("(objectclass=organizationalunit)", "directory-units", ""),
        ("get-process -computername anyhost", "processes", ""),
        ("", "current-user", ""),
    ],
)
def test_a_line_stands_for_commands_whose_intents_are_certain(command, intent, expected):
    known = days(
        *(pair("known", each) for each in ("local-accounts", "network-time", "reachable-hosts", "system-summary")),
        *(pair("known", each) for each in ("domain-admins", "domain-groups", "processes", "current-user")),
        pair(command, intent, launches=1_000),
    )
    told = {
        "agent": (f"c:\\agent\\agent.exe|S-1-5-18|{command}",),
        "agent, asked": (f"c:\\agent\\agent.exe|S-1-5-18|powershellcommand {command}",),
        "nobody": (f"||{command}",),
        "": (),
    }
    assert tuple(line for line in lines(known) if not line.endswith("|powershellcommand known")) == told[expected]


def test_what_makes_the_most_rows_comes_first_and_the_rest_waits():
    many = days(
        pair("whoami.exe ", "current-user", launches=3),
        pair("hostname.exe ", "computer-name", launches=1),
        pair("net.exe user", "local-accounts", launches=9),
        pair("sc.exe start x", "", launches=5),
    )
    found = lines(many)
    assert [line.rpartition("|")[2] for line in found] == [
        "net.exe user",
        "sc.exe start x",
        "whoami.exe ",
        "hostname.exe ",
    ]
    for most_bytes in range(200):
        fitting = lines(many, most_bytes=most_bytes)
        assert fitting == found[: len(fitting)]
        assert len(parameters.write(fitting)) <= max(most_bytes, len("dynamic([])")) + len("dynamic([])")


def test_a_hunt_that_weighs_no_rarity_has_no_line():
    context = replace(CONTEXT, history=History(days(WHOAMI)))
    assert routine_lines(STEPS[:2], context, days(WHOAMI)) == ()


NAMES = st.from_regex(r"[acdmopsuw08_.:@$\\][acdmopsuw08_.:@$\\-]{0,6}", fullmatch=True) | st.sampled_from(
    ["admins", "domain", "exchange", "passw", "user", "127.0.0.1", "8.8.8.8", "localhost", "_ldap._tcp", "wlan"]
)
PROGRAMS = sorted(
    {(file, form.arguments) for intent in CATALOGUE.intents for form in intent.forms for file in form.file_names}
)
TOLD = [line.partition(" ")[2] for intent in CATALOGUE.intents for line in intent.examples if line.isascii()]


@st.composite
def named(draw):
    """A program, and one of the catalogue's command lines with placeholders in it; and with names in their place."""
    file, _ = draw(st.sampled_from(PROGRAMS))
    words = draw(st.sampled_from(TOLD)).lower().split(" ")
    told = [
        draw(st.sampled_from([word, word, "anyhost", "\\\\anyone", "/s:anyhost.example", "anyguid", "x0000000"]))
        for word in words
    ]
    command = " ".join(told)
    return file, command, re.sub(r"anyhost\.example|anyhost|anyone|anyguid|0{7}", lambda _: draw(NAMES), command)


@pytest.mark.property
@settings(max_examples=examples(quick=300, full=20_000))
@given(named())
def test_whatever_name_a_placeholder_stands_for_the_line_has_its_intents(case):
    file, command, ran = case
    meaning = _meaning(CATALOGUE, f"{'net.exe' if file == 'net1.exe' else file} {command}")
    found = {
        intent.id
        for original in ("", file)
        for intent in intents_of(CATALOGUE, file_name=file, original_file_name=original, command_line=f"{file} {ran}")
    }
    assert found <= meaning.intents


def regex(name):
    """A pattern of the query. Kusto's `\\s` is the five ASCII blanks, and its `$` the very end."""
    return re.compile(PATTERNS[name].removeprefix("@'").removesuffix("'").removesuffix("$") + r"\Z", re.ASCII)


PIECES = st.lists(
    st.sampled_from(
        ["net", ".exe", ".com", "c:", "\\", "\\x", "a b", '"', " ", "  ", "/", "^", "use", "\xa0", "\n", ">", "-"]
    ),
    max_size=12,
).map("".join)


@pytest.mark.property
@settings(max_examples=examples(quick=500, full=50_000))
@given(PIECES)
@example("c:\\net.exe use \\x.exe")
@example("c:\\a\\net1 use \\x.exe")
@example("ipconfig/all")
@example('"c:\\a b\\net.exe" use')
def test_where_the_query_trusts_a_line_both_find_the_programs_end_in_the_same_place(line):
    trusted = regex("plain").match(line) or (
        regex("bare_path").match(line) and not re.search(r"[.](?:exe|com)", line, re.IGNORECASE)
    )
    if trusted:
        words = re.sub(r'^\s*("[^"]*"|\S+)\s*', "", line.lower(), count=1, flags=re.ASCII)
        assert normalise(line) == normalise(f"net.exe {words}")


def test_the_date_of_a_window_that_ends_at_midnight_is_the_day_before():
    midnight = NOW.replace(hour=0)
    known = days(WHOAMI, on=(1, 2, 3))
    assert lines(known, start=midnight, end=midnight + timedelta(days=1)) == (LISTED,)
    assert date.fromisoformat("2026-11-24") == TODAY
