"""What is told of programs that run whatever they are told to: their commands count by what ran beside them."""

from datetime import timedelta

import pytest

from engine.lints.case_events import START
from engine.model.baseline import Baseline, Day, IntentSet, Pair
from engine.model.explanation import Line
from engine.model.identity import Identity
from tests.engine.test_explain import SYSTEM, run, told

WMI = r"C:\Windows\System32\wbem\WmiPrvSE.exe"
HOST = {"as": "agent", "unseen": True, "ProcessCommandLine": WMI, "FolderPath": WMI, **SYSTEM}
SCANNER = Identity(r"c:\windows\system#\wbem\wmiprvse.exe", "S-1-5-18", "")


def scans(*intents, days=7):
    """Seven earlier days; on the last `days` of them the host had these intents together, on 40 of 50 devices."""
    pairs = tuple(Pair(SCANNER, intent, "", 40, 40) for intent in intents)
    held = IntentSet(SCANNER, tuple(sorted(intents)), 40)
    made = [(START.date() - timedelta(days=ago), ago <= days) for ago in range(7, 0, -1)]
    return Baseline("discovery-burst", tuple(Day(day, 50, pairs * seen, (), (held,) * seen) for day, seen in made))


SEEN = "on 7 of 7 days, on 40 of 50 devices; its commands are judged as one set"


@pytest.mark.parametrize(
    ("events", "verdict", "lines", "says"),
    [
        (
            run("whoami", "ipconfig", "systeminfo"),
            (
                "No finding: what ran is routine. 3 of 3 commands count for nothing, by WmiPrvSE.exe: "
                f"Who, Where, What, {SEEN}."
            ),
            [("dropped", 3, "routine for WmiPrvSE.exe", f"Who, Where, What: {SEEN}")],
            "0 of 3 count; 7 earlier days are known",
        ),
        (
            run("whoami", "ipconfig", "netstat"),
            "Finding (medium, 38): 3 discovery commands by WmiPrvSE.exe on ws01.contoso.com",
            [
                ("kept", 2, "rare for WmiPrvSE.exe", f"Who, Where: {SEEN}"),
                ("kept", 1, "rare for WmiPrvSE.exe", "Ports: on none of 7 days"),
            ],
            "3 of 3 count; 7 earlier days are known",
        ),
        (
            run("whoami", "ipconfig"),
            (
                "No finding: 0 of 3. WmiPrvSE.exe as nt authority\\system ran Who, Where, all routine, within 10 s "
                "from 09:00:10; 1 more different command never seen beside these would have made one."
            ),
            [("dropped", 2, "routine for WmiPrvSE.exe", f"Who, Where: {SEEN}")],
            "0 of 2 count; 7 earlier days are known",
        ),
        # ports make what is near them count, and leave the rest alone
        (
            [*run("whoami"), *run("ipconfig", start=400), *run("netstat", start=700)],
            (
                "No finding: 2 of 3. WmiPrvSE.exe as nt authority\\system ran Where, Ports within 5 min from 09:06:40; "
                "1 more different command that is not routine would have made one. "
                "Who at 09:00:10 came 1 min 30 s too early to count."
            ),
            [
                ("kept", 1, "rare for WmiPrvSE.exe", f"Where: {SEEN}"),
                ("kept", 1, "rare for WmiPrvSE.exe", "Ports: on none of 7 days"),
                ("dropped", 1, "routine for WmiPrvSE.exe", f"Who: {SEEN}"),
            ],
            "2 of 3 count; 7 earlier days are known",
        ),
    ],
)
def test_a_hosts_commands_count_by_what_ran_beside_them(events, verdict, lines, says):
    answer = told(HOST, *events, baseline=scans("who", "where", "what"))
    section = next(section for section in answer.sections if section.step == "weigh_rarity")
    assert answer.verdict == verdict
    assert section.lines == tuple(Line(mark=m, count=c, what=w, why=y) for m, c, w, y in lines)
    assert section.says == says


def test_the_reasons_say_that_it_is_the_company_that_is_rare():
    answer = told(HOST, *run("whoami", "ipconfig", "netstat"), baseline=scans("who", "where", "what"))
    told_by = next(section for section in answer.sections if section.step == "score")
    assert [line.why for line in told_by.lines if line.count == 8] == [
        "Who, by WmiPrvSE.exe: seen on 40 of 50 devices in 7 earlier days, but seldom together with the others",
        "Where, by WmiPrvSE.exe: seen on 40 of 50 devices in 7 earlier days, but seldom together with the others",
        "Ports, by WmiPrvSE.exe: seen on 0 of 50 devices in 7 earlier days",
    ]


def test_a_weak_baseline_calls_shared_what_hosts_share():
    weak = Baseline("discovery-burst", scans("who", "where", "what").days[-3:])
    answer = told(HOST, *run("whoami", "ipconfig", "systeminfo"), baseline=weak)
    section = next(section for section in answer.sections if section.step == "weigh_rarity")
    assert [line.what for line in section.lines] == ["shared, for WmiPrvSE.exe"]
    assert answer.findings[0].severity == "low"
