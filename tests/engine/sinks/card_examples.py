"""Notices of made-up findings, one for each kind of card."""

from msgspec.structs import replace

from engine.model.delivery import Receipt
from engine.model.event import TICKS_PER_SECOND, ticks, timestamp
from engine.model.finding import Account, Command, Device
from engine.model.notice import DeviceContext, Digest, Links, Notice, OpenAlert
from tests.engine.report.example import FINDINGS, commands

PORTAL = "https://security.microsoft.com"
LINKS = Links(
    device=f"{PORTAL}/machines/v2/4899036531e374137f63289c3267bad772c13fef/overview",
    hunting=f"{PORTAL}/v2/advanced-hunting?query=H4sIAAAAAAAEAIvm5VJQUKpRKEpNzyxRKMssSsxJVQIAiJYTUBUAAAA&timeRangeId=week",
)
CONTEXT = DeviceContext(
    group="Finance workstations",
    role="workstation",
    asset_value="High",
    exposure="Medium",
    internet_facing=False,
    logged_on=("CONTOSO\\m.keller", "CONTOSO\\adm-lindqvist"),
    remote_device="it-ws-0007.contoso.example",
    remote_address="10.20.4.17",
    alerts=(
        OpenAlert(
            id="da1",
            title="Suspicious rundll32 activity",
            severity="Medium",
            time="2026-11-24T09:43:02.1871204Z",
            link=f"{PORTAL}/alerts/da1",
        ),
    ),
)
RESPONSE = (
    "Look at who started the actor, and whether the account belongs on the device.",
    "Ask the user or the administrator whether they ran the commands.",
    "If neither did, isolate the device and look for the first process of the chain on other devices.",
)
INCIDENT = f"{PORTAL}/incidents/4711"
HOSTILE = (
    "[Sign in](https://evil.example/) **now** _x_ `code` # top & <b>bold</b> <at>everyone</at> < AT id='0'>a</at > "
    "{{DATE(2026-11-24T12:00:00Z,SHORT)}} <script>alert(1)</script> <img src=https://evil.example/x onerror=alert(2)> "
    "https://evil.example/plain @all \u202egnp.exe\r\n\n- item\t\x00 \U0001f600 \ud800 ${name} @{triggerBody()}"
)


def notice(finding, **changes):
    given = {
        "key": finding.fingerprint,
        "finding": finding,
        "hunt_title": "Discovery burst",
        "tactic": "TA0007",
        "response": RESPONSE,
        "links": LINKS,
        "context": CONTEXT,
        "incident": INCIDENT,
    }
    return Notice(**given | changes)


def _telling(finding):
    """With two heavy commands and one that was encoded."""
    heavy = {"domain-trusts", "domain-admins"}
    told = [replace(each, heavy=each.intent in heavy) for each in finding.commands]
    line = "powershell.exe -nop -w hidden -enc bgBlAHQAIABnAHIAbwB1AHAAIAAiAEUAbgB0AGUAcgBwAHIAaQBzAGUAIgA="
    told[6] = replace(told[6], command_line=line, file_name="powershell.exe", decoded='net group "Enterprise Admins"')
    return replace(finding, commands=tuple(told))


HIGH = notice(_telling(FINDINGS[0]))
LOW = notice(
    replace(FINDINGS[5], expected="Inventory of kiosks, each night from 18:30 to 20:00 UTC"),
    context=None,
    incident="",
)
_MORE = commands(
    "2026-11-24T10:02:44.0310000Z",
    "cmd.exe",
    (0, "processes", "tasklist /v"),
    (9.4, "shares", r"net view \\srv-file-02 /all"),
    (33.1, "domain-accounts", "adfind.exe -f (objectcategory=person) > ad_users.txt"),
)
GROWN = notice(
    replace(
        FINDINGS[2],
        severity="high",
        score=88,
        title="8 discovery commands by cmd.exe on srv-file-02.contoso.example",
        commands=(*FINDINGS[2].commands, *_MORE),
        end=_MORE[-1].time,
        aliases=("9b1c7f20aa34d5e6",),
    ),
    earlier=Receipt(id="e90217bd5546fa10", severity="medium"),
    perhaps_told=True,
)
GONE = notice(
    replace(FINDINGS[3], retracted="the commands were those of the backup agent, which is known good since 10:40 UTC"),
    earlier=Receipt(id=FINDINGS[3].fingerprint, severity="medium"),
)
DIGEST = Digest(
    key="digest",
    why="24 findings in one run: more than 20 are told as one.",
    notices=tuple(
        notice(
            replace(
                each,
                fingerprint=f"{each.fingerprint}{round_}",
                severity=each.severity if each.severity != "high" else "medium",
                device=Device(f"d{round_}{place}", each.device.name.replace("0", str(round_))),
                title=each.title.replace("0", str(round_)),
            ),
            incident=INCIDENT if place % 2 else "",
        )
        for round_ in range(4)
        for place, each in enumerate(FINDINGS)
    ),
)
HOSTILE_NOTICE = notice(
    replace(
        FINDINGS[1],
        title=HOSTILE,
        device=Device(HOSTILE, HOSTILE),
        account=Account(HOSTILE, "CONTOSO"),
        actor=replace(FINDINGS[1].actor, folder_path=HOSTILE, command_line=HOSTILE),
        chain=(replace(FINDINGS[1].actor, file_name=HOSTILE),),
        reasons=(HOSTILE,),
        techniques=("[T1033](https://evil.example/)",),
        expected="[window](https://evil.example/)",
        commands=tuple(
            replace(each, command_line=HOSTILE, title="**title**", decoded=HOSTILE) for each in FINDINGS[1].commands[:2]
        ),
    ),
    hunt_title="[hunt](https://evil.example/)",
    links=Links(device="javascript:alert(3)", hunting=f"https://evil.example/\"onclick='{HOSTILE}"),
    context=DeviceContext(
        group=HOSTILE,
        logged_on=(HOSTILE,),
        alerts=(OpenAlert(id="1", title=HOSTILE, severity="High", time="2026-11-24T09:43:02Z", link="javascript:1"),),
    ),
)


def many(number=5_000, line="\U00020000" * 8_000):
    """A finding of as many commands, each of wide characters."""
    first = ticks("2026-11-24T09:00:00Z")
    told = tuple(
        Command(
            time=timestamp(first + each * TICKS_PER_SECOND),
            intent="domain-admins",
            title=line,
            technique="T1069.002",
            file_name="net.exe",
            command_line=line,
            process_id=each,
            report_id=each,
            parent="cmd.exe",
            heavy=each % 3 == 0,
            decoded=line,
        )
        for each in range(number)
    )
    return replace(FINDINGS[0], commands=told, start=told[0].time, end=told[-1].time)
