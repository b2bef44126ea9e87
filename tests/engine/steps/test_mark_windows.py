"""An authorised test marks the findings that lie in it, and lowers those alone that it covers wholly and says so."""

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import loader, runner
from engine.errors import HuntError
from engine.lints.interface import Subject
from engine.lints.windows import WindowsAreCurrent
from engine.model.actor import Actor
from engine.model.burst import Burst
from engine.model.event import timestamp
from engine.model.finding import Process
from engine.model.run import Window
from engine.model.windows import WindowEntry, Windows
from engine.record import Request
from engine.recurrence import fold
from engine.sinks.memory import Memory as Sink
from engine.sources.recorded import Recorded
from engine.steps.interface import Batch
from engine.steps.mark_windows import MarkWindows
from engine.stores.memory import Memory as Store
from tests.engine.steps.events import CONTEXT
from tests.engine.stores.test_contract import a_finding

SMALL = Path(__file__).parents[1] / "hunts"
SECOND, HOUR = 10_000_000, 36_000_000_000
EIGHT, TEN = 8 * HOUR, 10 * HOUR
ANNA = {"AccountName": "Anna", "AccountDomain": "CONTOSO", "AccountSid": "S-1-5-21-1"}
BEN = {"AccountName": "ben", "AccountDomain": "CONTOSO", "AccountSid": "S-1-5-21-2"}
PLAIN = {
    "name": "red-team",
    "devices": ["WS01.contoso.com"],
    "from": "1970-01-01T08:00:00+00:00",
    "to": "1970-01-01T11:00:00+01:00",
    "owner": "security-testing",
    "reason": "The autumn exercise.",
}
TOLD = "authorised: red-team until 1970-01-01 10:00 UTC, security-testing: The autumn exercise"
BEFORE, AFTER = "it began before", "it went on after"


def entry(**changes):
    given = {**PLAIN, **changes}
    return msgspec.convert({key: value for key, value in given.items() if value is not None}, WindowEntry)


def marked(entries, *, start=EIGHT, end=TEN - 1, accounts=(ANNA,), severity="high"):
    """The finding of a burst from `start` to `end` (ticks of 1970-01-01) by these accounts, after the step."""
    launches = [{"DeviceId": "d1", "DeviceName": "ws01.contoso.com", **account} for account in accounts]
    stamps = [start, *[end] * (len(launches) - 1 or 1)]
    events = tuple(
        {**launch, "Timestamp": timestamp(stamp)}
        for launch, stamp in zip(launches if len(launches) > 1 else launches * 2, stamps, strict=True)
    )
    burst = Burst("d1", Actor(("d1",), "process", Process(file_name="x.exe")), start, end, events, ("who",), ("d1",))
    finding = a_finding("f", severity=severity, start=timestamp(start), end=timestamp(end))
    step = MarkWindows(windows=Windows(tuple(entries)))
    (found,) = step(Batch((), bursts=(burst,), findings=(finding,)), CONTEXT).findings
    return finding, found


def expected_of(*entries, **burst):
    return marked(entries, **burst)[1].expected


@pytest.mark.parametrize(
    ("changes", "burst", "expected"),
    [
        ({}, {}, TOLD),
        ({"devices": ["D1"]}, {}, TOLD),
        ({"devices": ["ws01"]}, {}, ""),  # exact: no host name, and nothing that only begins so
        ({"devices": ["ws02.contoso.com", "d2"]}, {}, ""),
        ({"devices": None, "accounts": ["contoso\\ANNA"]}, {}, TOLD),
        ({"devices": None, "accounts": ["S-1-5-21-1"]}, {}, TOLD),
        ({"devices": None, "accounts": ["S-1-5-21-11"]}, {}, ""),
        ({"accounts": ["contoso\\anna"]}, {}, TOLD),
        ({"accounts": ["contoso\\anna"]}, {"accounts": [BEN]}, ""),
        ({"accounts": ["contoso\\anna"], "devices": ["d2"]}, {}, ""),
        ({"accounts": ["contoso\\anna"]}, {"accounts": [ANNA, BEN]}, f"in part {TOLD}"),
        ({"accounts": ["contoso\\anna", "S-1-5-21-2"]}, {"accounts": [ANNA, BEN]}, TOLD),
        ({}, {"start": EIGHT - 1}, f"in part {TOLD}"),
        ({}, {"end": TEN}, f"in part {TOLD}"),
        ({}, {"start": TEN - 1, "end": TEN}, f"in part {TOLD}"),
        ({}, {"start": TEN, "end": TEN + HOUR}, ""),
        ({}, {"start": EIGHT - HOUR, "end": EIGHT}, f"in part {TOLD}"),
        ({}, {"start": EIGHT - HOUR, "end": EIGHT - 1}, ""),
    ],
)
def test_a_finding_is_marked_where_device_account_and_time_fit(changes, burst, expected):
    assert expected_of(entry(**changes), **burst) == expected


def test_an_entry_that_only_marks_changes_nothing_else():
    finding, found = marked([entry()])
    assert found == msgspec.structs.replace(finding, expected=TOLD)


def test_an_entry_that_lowers_makes_informational_and_says_so():
    finding, found = marked([entry(lower=True)])
    why = f"lowered from high to informational, as red-team says: {TOLD}"
    assert found == msgspec.structs.replace(finding, expected=TOLD, severity="informational", reasons=("because", why))
    finding, found = marked([entry(lower=True)], severity="informational")
    assert found == msgspec.structs.replace(finding, expected=TOLD)


@pytest.mark.parametrize(
    ("burst", "beyond"),
    [
        ({"start": EIGHT - SECOND}, BEFORE),
        ({"end": TEN}, AFTER),
        ({"start": EIGHT - 1, "end": TEN}, f"{BEFORE} and {AFTER}"),
        ({"accounts": [ANNA, BEN, BEN]}, "2 of 3 launches ran under other accounts"),
        ({"accounts": [ANNA, {}]}, "1 of 2 launches ran under other accounts"),
    ],
)
def test_what_lies_in_it_only_in_part_keeps_its_severity_and_says_why(burst, beyond):
    finding, found = marked([entry(lower=True, accounts=["CONTOSO\\anna"])], **burst)
    why = f"only in part within red-team, so that its severity stays: {beyond}"
    assert found == msgspec.structs.replace(finding, expected=f"in part {TOLD}", reasons=("because", why))


def test_of_several_entries_the_one_counts_that_covers_most_and_then_the_one_that_lowers():
    part = entry(name="part", to="1970-01-01T09:00:00Z", lower=True)
    whole, lowers = entry(name="whole"), entry(name="lowers", lower=True)
    assert "whole" in expected_of(part, whole)
    assert [marked(each)[1].severity for each in ([part, whole], [whole, lowers])] == ["high", "informational"]


@given(
    st.integers(0, 20 * HOUR),
    st.integers(0, 20 * HOUR),
    st.lists(st.sampled_from([ANNA, BEN, {}]), min_size=1, max_size=5),
    st.booleans(),
)
def test_nothing_is_lowered_that_is_not_wholly_covered(start, lasts, accounts, lower):
    finding, found = marked(
        [entry(lower=lower, accounts=["contoso\\anna"])], start=start, end=start + lasts, accounts=accounts
    )
    covered = start >= EIGHT and start + lasts < TEN and all(account == ANNA for account in accounts)
    assert (found.severity != finding.severity) == (lower and covered)
    assert (found.expected == TOLD) == covered
    assert found.score == finding.score


def test_what_comes_after_a_test_is_no_recurrence_of_it():
    shared = {"identity": "one", "severity": "informational"}
    during = a_finding("f", expected=TOLD, **shared)
    again = a_finding("g", expected=TOLD, start="2026-11-24T12:30:00Z", end="2026-11-24T12:30:09Z", **shared)
    after = a_finding("h", start="2026-11-24T13:00:00Z", end="2026-11-24T13:00:09Z", **shared)
    assert [each.recurs for each in fold([during, again, after], lambda _: None)] == ["", "f", ""]


REFUSED = [
    ("devices: [ws01.contoso.com]\n    ", "", "red-team names neither devices nor accounts"),
    ("[ws01.contoso.com]", "[' ']", "' ' is not of the form"),
    ("devices: [ws01.contoso.com]", "accounts: [anna]", "'anna' is not of the form"),
    ("devices: [ws01.contoso.com]", "accounts: [anna@contoso.com]", "'anna@contoso.com' is not of the form"),
    ("-24T12:00:00+01:00", "-24T12:00:00", "is '2026-11-24T12:00:00'. It takes a moment with its offset, like 2026-"),
    ("-24T12:00:00+01:00", "-24", "is '2026-11-24'. It takes a moment with its offset, like 2026-"),
    ("11-24T12:00:00+01:00", "02-30T12:00:00+01:00", "Invalid RFC3339 encoded datetime"),
    ("2026-11-25", "2026-11-23", "red-team does not end within 90 days of its beginning"),
    ("2026-11-25", "2027-02-23", "red-team does not end within 90 days of its beginning"),
    ("owner: me", "lower: sometimes", "is 'sometimes'. It takes true or false"),
    ("owner: me", "reasons: none", "is no key here. Did you mean reason?"),
    ("red-team", "Red team", "'Red team' is not of the form"),
]
LIST = """entries:
  - name: red-team
    devices: [ws01.contoso.com]
    from: 2026-11-24T12:00:00+01:00
    to: 2026-11-25T12:00:00+01:00
    owner: me
    reason: A test.
"""


def hunts(folder, text=LIST):
    """The small hunts, one of which takes a list with this text."""
    made = shutil.copytree(SMALL, folder / "hunts", dirs_exist_ok=True)
    (made / "_lists" / "windows.yaml").write_text(text, "utf-8")
    file = made / "two-questions" / "hunt.yaml"
    step = "  - score: {catalogue: questions}\n"
    whole = file.read_text("utf-8").replace(step, f"{step}  - mark_windows: {{windows: windows}}\n", 1)
    file.write_text(whole, "utf-8")
    return made / "two-questions"


@pytest.mark.parametrize(("old", "new", "fault"), REFUSED)
def test_an_entry_that_says_too_little_or_too_much_is_refused_by_name(tmp_path, old, new, fault):
    assert LIST.count(old) == 1
    with pytest.raises(HuntError, match=rf"(?m)^_lists/windows\.yaml.*{re.escape(fault)}"):
        loader.load(hunts(tmp_path, LIST.replace(old, new)))


def test_ninety_days_are_not_too_many(tmp_path):
    assert loader.load(hunts(tmp_path, LIST.replace("2026-11-25", "2027-02-22"))).id == "two-questions"


def test_what_is_long_over_and_what_has_the_name_of_another_is_told(tmp_path):
    hunt = loader.load(hunts(tmp_path, LIST + LIST.removeprefix("entries:\n").replace("2026-11-25", "2026-12-25")))
    ends = datetime(2026, 11, 25, 11, tzinfo=UTC)
    after = [ends + timedelta(days=30) - timedelta(seconds=1), ends + timedelta(days=30)]
    early, late = ([str(each) for each in WindowsAreCurrent(now=now)(Subject(hunt, {}))] for now in after)
    twice = "_lists/windows.yaml: entries[1].name: red-team stands here twice. Give each entry a name of its own."
    over = "red-team ended on 2026-11-25, and nothing that old is judged any more. Take it out; me answers for it."
    assert early == [twice]
    assert late == [f"_lists/windows.yaml: entries[0].to: {over}", twice]


def test_the_shipped_list_is_empty_and_every_shipped_hunt_takes_it():
    taken = [step.fields for hunt in loader.load_all().hunts.values() for step in hunt.steps[-1:]]
    assert taken == [{"windows": Windows(())}] * len(loader.names())


def test_its_commented_example_is_an_entry(tmp_path):
    text = (loader.HUNTS / "_lists" / "windows.yaml").read_text("utf-8")
    example = re.sub(r"(?m)^# ?", "", text[text.index("# entries:") :]).replace("entries: []\n", "")
    (step,) = loader.load(hunts(tmp_path, example)).steps[-1:]
    assert [each.name for each in step.fields["windows"].entries] == ["red-team-autumn"]


def test_the_documentations_example_is_the_commented_one(tmp_path):
    page = (loader.HUNTS.parent / "docs" / "windows.md").read_text("utf-8")
    (example,) = re.findall(r"(?ms)^```yaml\n(.*?)^```", page)
    (step,) = loader.load(hunts(tmp_path, example)).steps[-1:]
    (told,) = step.fields["windows"].entries
    assert (told.name, told.lower, told.until - told.since) == ("red-team-autumn", False, timedelta(days=4, hours=10))


@pytest.mark.parametrize(
    ("lower", "severities"), [(None, ["low"]), ("lower: false", ["low"]), ("lower: true", []), ("other", ["low"])]
)
def test_from_the_list_to_the_delivered_notice(tmp_path, lower, severities):
    text = LIST.replace("owner: me", f"owner: me\n    {lower}") if lower and lower != "other" else LIST
    hunt = loader.load(hunts(tmp_path, text.replace("ws01", "ws02") if lower == "other" else text))
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    ran = [
        {"Timestamp": f"2026-11-24T11:30:0{number}.0000000Z", "DeviceId": "d", "DeviceName": "ws01.contoso.com"}
        | {"ReportId": number, "FileName": f"{program}.exe", "ProcessCommandLine": program}
        | {"InitiatingProcessFileName": "tool.exe", "InitiatingProcessId": 7}
        for number, program in enumerate(("whoami", "ipconfig"))
    ]
    sink, store = Sink(), Store()
    request = Request(
        id="r", tenant="t", window=Window(noon - timedelta(hours=1), noon), now=noon, scheduled=True, kind="window"
    )
    with Recorded(tables={"DeviceProcessEvents": ran}) as source:
        outcome = runner.run(hunt, request, source=source, sinks={"memory": sink}, store=store)
    (finding,) = outcome.findings
    told = "" if lower == "other" else "authorised: red-team until 2026-11-25 11:00 UTC, me: A test"
    assert (finding.expected, finding.severity) == (told, severities[0] if severities else "informational")
    assert [notice.finding for notice in sink.notices.values()] == [finding] * len(severities)
    assert store.finding(finding.fingerprint) == finding
