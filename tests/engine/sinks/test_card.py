"""Cards: what they say, that they always fit, and that what an attacker wrote stays text."""

import json
import re
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.model.delivery import Receipt
from engine.model.finding import Account, Device
from engine.model.notice import DeviceContext, Digest, Links, OpenAlert
from engine.sinks.cards.digest import digested
from engine.sinks.cards.finding import changed, raised
from engine.sinks.cards.parts import LONGEST_LINK, literal, opens
from engine.sinks.cards.room import LIMIT, ROOMS, fitting
from tests.browser import chromium, visit
from tests.engine.report.example import FINDINGS
from tests.engine.sinks import card_examples as examples
from tests.engine.sinks.pictures import CARDS, page
from tests.fakes.teams import complaints
from tests.proof import examples as counted

ENCODED = "powershell.exe -nop -w hidden -enc bgBlAHQAIABnAHIAbwB1AHAAIAAiAEUAbgB0AGUAcgBwAHIAaQBzAGUAIgA="
INVENTORY = "Inventory of kiosks, each night from 18:30 to 20:00 UTC"


def parts(element):
    """Everything in a message that has a type, from the outside to the inside."""
    if isinstance(element, dict):
        if "type" in element:
            yield element
        for each in element.values():
            yield from parts(each)
    if isinstance(element, list):
        for each in element:
            yield from parts(each)


def lines(message):
    """What the card says, a paragraph a line."""
    blocks = [each for each in parts(message) if each["type"] == "RichTextBlock"]
    return ["".join(run["text"] for run in each["inlines"]) for each in blocks]


def runs(message):
    return [each["text"] for each in parts(message) if each["type"] == "TextRun"]


def links(message):
    return [each["url"] for each in parts(message) if "url" in each]


def written(message):
    return len(msgspec.json.encode(message))


def card(notice):
    return fitting(lambda room: (changed if notice.earlier else raised)(notice, room))


def test_a_high_finding_says_who_did_what_where_when_and_why_it_is_odd():
    assert lines(card(examples.HIGH)) == [
        "HIGH · score 96 of 100 · Discovery burst",
        "9 discovery commands by rundll32.exe on fin-ws-0142.contoso.example",
        "CONTOSO\\m.keller · 2026-11-24 09:44:10 to 09:49:31 UTC (5 min 21 s)",
        "Why it is odd",
        "• 9 distinct intents within 5 min 21 s; 3 within 10 minutes is enough.",
        "• rundll32.exe ran none of these on any device in the last 14 days.",
        "• Domain trusts and domain administrators are heavy: hardly anyone but an intruder or an auditor asks.",
        "• Each command had a cmd.exe of its own, as implants launch them.",
        "Who and where",
        "Device",
        "fin-ws-0142.contoso.example",
        "Account",
        "CONTOSO\\m.keller  S-1-5-21-1004336348-1177238915-682003330-1142",
        "Actor",
        "C:\\Windows\\System32\\rundll32.exe",
        'rundll32.exe "C:\\Users\\m.keller\\AppData\\Local\\Temp\\kb5031\\license.dat",PluginInit /i="license.dat"',
        "PID 9316, started 2026-11-24 09:41:52, signature Valid",
        "Process chain",
        "explorer.exe → rundll32.exe → cmd.exe",
        "Techniques",
        "TA0007: T1033, T1016, T1082, T1482, T1018, T1069.002, T1518.001, T1049",
        "Finding",
        examples.HIGH.finding.fingerprint,
        "Commands, UTC  bold: asked by hardly anyone but intruders and auditors",
        "09:44:10",
        "whoami /all   Own account and rights",
        "09:44:24",
        "ipconfig /all   Network configuration",
        "09:44:42",
        "systeminfo   System information",
        "09:45:08",
        "nltest /domain_trusts /all_trusts   Domain trusts",
        "09:45:43",
        "nltest /dclist:contoso.example   Domain controllers",
        "09:46:30",
        'net group "Domain Admins" /domain   Domain administrators',
        "09:46:39",
        f"{ENCODED}   Domain administrators",
        'decoded: net group "Enterprise Admins"',
        "09:47:31",
        "net view /all /domain   Hosts in the network",
        "09:48:32",
        f"{examples.HIGH.finding.commands[8].command_line}   Security software",
        "09:49:31",
        "netstat -nao   Network connections",
        "Context",
        "Device is",
        "group Finance workstations, role workstation, value High, exposure Medium, not internet-facing",
        "Logged on",
        "CONTOSO\\m.keller, CONTOSO\\adm-lindqvist",
        "Remote from",
        "it-ws-0007.contoso.example 10.20.4.17",
        "Open alerts",
        "Medium: Suspicious rundll32 activity  2026-11-24 09:43 UTC",
        "What to do",
        *(f"{number}. {step}" for number, step in enumerate(examples.RESPONSE, 1)),
    ]


def test_buttons_lead_to_the_incident_the_query_and_the_device():
    buttons = card(examples.HIGH)["attachments"][0]["content"]["actions"]
    assert [(each["title"], each.get("url")) for each in buttons] == [
        ("Open the incident", examples.INCIDENT),
        ("Open in Advanced Hunting", examples.LINKS.hunting),
        ("Open the device page", examples.LINKS.device),
        ("What to do", None),
    ]


def test_a_card_is_of_version_1_5_and_as_wide_as_the_channel():
    told = card(examples.HIGH)["attachments"][0]["content"]
    assert (told["version"], told["msteams"]) == ("1.5", {"width": "Full"})


@pytest.mark.parametrize(
    ("severity", "style"),
    [("high", "attention"), ("medium", "warning"), ("low", "accent"), ("informational", "emphasis")],
)
def test_the_band_has_the_colour_of_the_severity(severity, style):
    finding = replace(FINDINGS[0], severity=severity)
    message = card(examples.notice(finding))
    band = message["attachments"][0]["content"]["body"][0]
    assert (band["style"], lines(message)[0].split()[0]) == (style, severity.upper())


def test_what_is_expected_and_what_is_unknown_is_said():
    told = lines(card(examples.LOW))
    assert f"Expected: {INVENTORY}" in told
    assert "Context unavailable  Defender was not asked about the device, or did not answer" in told
    assert links(card(examples.LOW)) == [examples.LINKS.hunting, examples.LINKS.device]


def test_a_finding_that_came_again_says_so():
    finding = replace(FINDINGS[0], recurrences=3, last_seen="2026-11-24T19:00:01.1000000Z")
    told = lines(card(examples.notice(finding)))
    assert told[told.index("Came again") + 1] == "3 times, last ended 2026-11-24 19:00:01 UTC"


def test_a_grown_finding_says_what_has_changed_and_its_latest_commands():
    assert lines(card(examples.GROWN)) == [
        "UPDATE · HIGH · score 88 of 100 · Discovery burst",
        "8 discovery commands by cmd.exe on srv-file-02.contoso.example",
        "CONTOSO\\adm-lindqvist · 2026-11-24 08:06:02 to 10:03:17 UTC (1 h 57 min)",
        "This may repeat an earlier message: the answer to that one was lost.",
        "It rests on 9 commands now.",
        "Its severity is high now; it was medium.",
        "It takes in what was told before as 9b1c7f20aa34d5e6.",
        "Why it is odd",
        "• 5 distinct intents within 12 min 17 s in desktop session 3.",
        "• This account ran none of these on this device in the last 14 days.",
        "The latest commands, UTC  5 of 9; all are in the incident",
        "08:15:53",
        "netstat -ano   Network connections",
        "08:18:20",
        "tracert -d -h 4 203.0.113.9   Way to the internet",
        "10:02:44",
        "tasklist /v   Processes",
        "10:02:53",
        "net view \\\\srv-file-02 /all   Shares",
        "10:03:17",
        "adfind.exe -f (objectcategory=person) > ad_users.txt   Domain accounts",
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"retracted": "it was the backup agent"}, "Withdrawn: it was the backup agent"),
        ({"absorbed_by": "9b1c7f20aa34d5e6"}, "Part of another finding: 9b1c7f20aa34d5e6"),
    ],
)
def test_a_finding_that_stands_no_more_says_why_and_nothing_else(changes, expected):
    earlier = Receipt(id="x", severity="high")
    message = card(examples.notice(replace(FINDINGS[0], **changes), earlier=earlier))
    assert lines(message)[3:] == [expected]
    assert message["attachments"][0]["content"]["body"][0]["style"] == "emphasis"


def test_a_digest_counts_and_has_a_line_for_each_finding_the_worst_first():
    notices = (examples.LOW, examples.HIGH, examples.notice(FINDINGS[3], incident=""))
    digest = Digest(key="d", why="3 findings since the last digest", notices=notices, perhaps_told=True)
    message = fitting(lambda room: digested(digest, room))
    assert lines(message) == [
        "DIGEST · 3 findings since the last digest",
        "3 findings on 3 devices: 1 high, 1 medium, 1 low",
        "This may repeat an earlier message: the answer to that one was lost.",
        "high",
        "9 discovery commands by rundll32.exe on fin-ws-0142.contoso.example  open",
        "score 96 · CONTOSO\\m.keller · 2026-11-24 09:44:10 to 09:49:31 UTC",
        "medium",
        "3 discovery commands by WmiPrvSE.exe on dc-01.contoso.example  open",
        "score 64 · CONTOSO\\svc-backup · 2026-11-24 10:19:31 to 10:21:40 UTC",
        "low",
        "4 discovery commands by AssetScout.exe on kiosk-11.contoso.example  open",
        f"score 27 · NT AUTHORITY\\SYSTEM · 2026-11-23 19:00:01 to 19:00:03 UTC · Expected: {INVENTORY}",
    ]
    assert links(message) == [examples.INCIDENT, examples.LINKS.hunting, examples.LINKS.hunting]


def test_a_long_digest_says_how_many_it_leaves_out():
    digest = replace(examples.DIGEST, notices=examples.DIGEST.notices * 20)
    told = lines(fitting(lambda room: digested(digest, room)))
    assert told[1] == "480 findings on 24 devices: 400 medium, 80 low"
    shown = sum(line in {"medium", "low"} for line in told)
    assert told[-1] == f"{480 - shown} more findings not shown here, none of them worse"


def test_many_commands_are_cut_with_a_count_and_a_place_and_the_telling_ones_stay():
    told = lines(card(examples.notice(examples.many(5_000, "net group"))))
    heading = next(line for line in told if line.startswith("Commands"))
    assert re.match(r"Commands, UTC  \d+ of 5,000; all are in the incident  bold", heading)
    clocks = [line for line in told if re.fullmatch(r"\d\d:\d\d:\d\d", line)]
    assert clocks[:3] == ["09:00:00", "09:00:03", "09:00:06"]  # each third is heavy


def test_what_is_cut_without_a_link_names_no_place():
    told = lines(card(examples.notice(examples.many(50, "net"), links=Links(), incident="")))
    assert "Commands, UTC  20 of 50  bold: asked by hardly anyone but intruders and auditors" in told


WIDE = ["\U00020000", "\U0001f600", "\\", '"', "\U000e0100", "<at>", "{{a(", "\n", "\u00e9"]


def full(text):
    """A notice that is full of the text."""
    finding = examples.many(300, text)
    process = replace(
        finding.actor, file_name=text, folder_path=text, command_line=text, signature_status=text, creation_time=text
    )
    context = DeviceContext(
        group=text,
        role=text,
        asset_value=text,
        exposure=text,
        internet_facing=False,
        logged_on=(text,) * 50,
        remote_device=text,
        remote_address=text,
        alerts=(OpenAlert(id=text, title=text, severity=text, time=text),) * 50,
    )
    link = "https://" + "a" * (LONGEST_LINK - 8)
    return examples.notice(
        replace(
            finding,
            title=text,
            device=Device(text, text),
            account=Account(text, text, text),
            actor=process,
            chain=(process,) * 50,
            reasons=(text,) * 50,
            techniques=(text,) * 50,
            expected=text,
            aliases=(text,) * 50,
            recurrences=10**9,
            last_seen=text,
        ),
        hunt_title=text,
        tactic=text,
        response=(text,) * 50,
        links=Links(device=link, hunting=link),
        incident=link,
        context=context,
        perhaps_told=True,
    )


@pytest.mark.parametrize("character", WIDE)
def test_a_card_always_fits(character):
    notice = full(character * (8_000 // len(character)))
    gone = replace(notice, finding=replace(notice.finding, retracted=notice.finding.title, absorbed_by="x" * 8_000))
    digest = Digest(key="d", why=notice.hunt_title, notices=(gone,) * 300, perhaps_told=True)
    messages = [
        card(notice),
        card(replace(notice, earlier=Receipt(severity="low"))),
        card(replace(gone, earlier=Receipt(severity="low"))),
        fitting(lambda room: digested(digest, room)),
    ]
    assert [written(message) for message in messages if written(message) >= LIMIT] == []
    assert [complaints(message) for message in messages] == [[]] * 4


def test_a_card_of_5000_commands_of_8000_wide_characters_fits_and_says_how_much_is_missing():
    message = card(examples.notice(examples.many()))
    assert written(message) < LIMIT
    assert complaints(message) == []
    told = lines(message)
    assert any(" of 5,000; all are in the incident" in line for line in told)
    assert sum(" characters)" in line for line in told) >= 3


def test_rooms_grow_smaller_in_everything():
    sizes = [[getattr(room, name) for name in room.__slots__] for room in ROOMS]
    assert [more for more, less in pairwise(sizes) if any(a < b for a, b in zip(more, less, strict=True))] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("whoami /all", "whoami /all"),
        ("**bold** [x](https://e.example)", "**bold** [x](https://e.example)"),
        ("<at>all</at>", "\\u003cat>all\\u003c/at>"),
        ("< AT id='0'>x< / at >", "\\u003c AT id='0'>x\\u003c / at >"),
        ("<attribute>", "<attribute>"),
        ("{{DATE(2026-11-24T12:00:00Z)}}", "\\u007b{DATE(2026-11-24T12:00:00Z)}}"),
        ("docker --format {{.Names}}", "docker --format {{.Names}}"),
        ("exe\u202etxt\r\n", "exe\\u202etxt\\r\\n"),
        ("x" * 40, "x" * 40),
        ("x" * 41, "x" * 40 + "… (+1 characters)"),
        ("\u202e" * 10, "\\u202e" * 6 + "… (+4 characters)"),
    ],
)
def test_text_is_shown_as_it_was_written(text, expected):
    assert literal(text, 40) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://security.microsoft.com/",
        "javascript:alert(1)",
        "https://",
        "https://a b",
        'https://a/"',
        "https://a/<",
        "https://a/\n",
        "https://\u0430.example/",
        "https://" + "a" * LONGEST_LINK,
    ],
)
def test_only_a_plain_address_becomes_a_link(url):
    assert opens(url, title="Open") == []


PIECES = [
    "<at>",
    "</at>",
    "<AT id='0'>",
    "{{DATE(",
    "{{",
    "[x](https://e.example)",
    "**",
    "_",
    "`",
    "\n\n",
    "\r",
    "\u202e",
]
PIECES += [
    "<script>",
    "&lt;",
    "&",
    "@",
    "#",
    "https://e.example",
    "\x00",
    "\ud800",
    "\U0001f600",
    "\\",
    '"',
    "$",
    "}}",
    " ",
]
HOSTILE = st.lists(st.sampled_from(PIECES) | st.text(min_size=1, max_size=4), min_size=1, max_size=30).map("".join)


def everywhere(text, other):
    """A notice of two texts, whose actor's command line does not begin with its path: it stands apart."""
    notice = full(text)
    actor = replace(notice.finding.actor, folder_path=f"C:\\{text}!", command_line=f"x {text}")
    commands = notice.finding.commands[:5]
    finding = replace(notice.finding, actor=actor, commands=commands, title=other, reasons=(other, text))
    return replace(notice, finding=finding, links=examples.LINKS, incident=examples.INCIDENT)


def messages(notice):
    room = ROOMS[0]
    digest = Digest(key="d", why=notice.hunt_title, notices=(notice,) * 2)
    return [
        raised(notice, room),
        changed(replace(notice, earlier=Receipt(severity="low")), room),
        digested(digest, room),
    ]


def shape(message):
    """The message without its texts."""
    if isinstance(message, dict):
        return {name: shape(each) for name, each in message.items() if name != "text"}
    return [shape(each) for each in message] if isinstance(message, list) else message


@pytest.mark.property
@settings(max_examples=counted(quick=30, full=1_000))
@given(text=HOSTILE, other=HOSTILE)
def test_untrusted_text_changes_nothing_but_text(text, other):
    notice = everywhere(text, other)
    told = messages(notice)
    assert [shape(message) for message in told] == [shape(message) for message in messages(everywhere("x", "y"))]
    for said in (said for message in told for said in runs(message)):
        assert said.isprintable()
        assert not re.search(r"<\s*/?\s*at\b|\{\{\s*\w+\s*\(", said, re.IGNORECASE)
    assert written(card(notice)) < LIMIT


@pytest.mark.property
@settings(max_examples=counted(quick=10, full=1_000))
@given(text=HOSTILE, other=HOSTILE)
def test_a_card_of_hostile_text_keeps_to_the_schema(text, other):
    assert complaints(raised(everywhere(text, other), ROOMS[-1])) == []


@pytest.mark.parametrize("name", CARDS)
def test_a_card_keeps_to_the_schema_and_holds_nothing_that_reads_markdown(name):
    message = CARDS[name]
    assert complaints(message) == []
    assert {each["type"] for each in parts(message)} <= {
        *("message", "AdaptiveCard", "Container", "ColumnSet", "Column", "RichTextBlock", "TextRun"),
        *("Action.OpenUrl", "Action.ToggleVisibility"),
    }


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


ASKED = {
    "events": "events",
    "markdown": "markdown",
    "texts": "[...document.querySelectorAll('.ac-textRun')].map(each => each.textContent)",
    "links": "[...document.querySelectorAll('#card a')].map(each => each.textContent)",
    "others": "document.querySelectorAll('#card img, #card script, #card iframe, #card b').length",
    "overflow": "document.documentElement.scrollWidth - document.documentElement.clientWidth",
}


@pytest.mark.parametrize("width", [720, 360])
@pytest.mark.parametrize("name", CARDS)
def test_microsofts_renderer_shows_a_card_literally_and_asks_for_nothing(browser, tmp_path, name, width):
    file = tmp_path / "card.html"
    file.write_text(page(CARDS[name]), "utf-8")
    seen = visit(browser, file, width=width, ask=ASKED)
    assert seen.answers == {
        "events": [],
        "markdown": [],
        "texts": runs(CARDS[name]),
        "links": ["open"] * 24 if name == "digest" else [],
        "others": 0,
        "overflow": 0,
    }
    assert (seen.console, seen.dialogs, seen.requests) == ((), (), (file.as_uri(),))


def test_the_hostile_card_shows_every_character(browser, tmp_path):
    file = tmp_path / "card.html"
    file.write_text(page(CARDS["hostile"]), "utf-8")
    shown = visit(browser, file, ask={"text": "document.getElementById('card').innerText"}).answers["text"]
    assert literal(examples.HOSTILE, 400) in shown
    assert json.dumps(CARDS["hostile"]).count("https://evil.example/x") > 3
