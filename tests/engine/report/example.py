"""A made-up run with six findings on five devices, for the tests and for the picture in the documentation.

`python -m tests.engine.report.example` from the repository's root makes docs/images/report.png anew.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from engine.model.event import TICKS_PER_SECOND, ticks, timestamp
from engine.model.finding import Account, Command, Device, Finding, Process
from engine.model.run import HuntRun, Window

NOTE = "Simulated data: devices, people and intrusions are made up."

RUN = HuntRun(
    id="7c1de5b2",
    hunt="discovery-burst",
    status="succeeded",
    window=Window(datetime(2026, 11, 23, 12, tzinfo=UTC), datetime(2026, 11, 24, 12, tzinfo=UTC)),
    events=43_102,
    findings=6,
    dropped={
        "known good": 21_877,
        "repeat of a command": 12_340,
        "routine for its actor": 6_914,
        "net1 under net": 1_203,
    },
    seconds=3.4,
)

_INTENTS = {
    "own-account": ("Own account and rights", "T1033"),
    "network-configuration": ("Network configuration", "T1016"),
    "system-information": ("System information", "T1082"),
    "domain-trusts": ("Domain trusts", "T1482"),
    "domain-controllers": ("Domain controllers", "T1018"),
    "domain-admins": ("Domain administrators", "T1069.002"),
    "domain-accounts": ("Domain accounts", "T1087.002"),
    "local-admins": ("Local administrators", "T1069.001"),
    "hosts": ("Hosts in the network", "T1018"),
    "shares": ("Shares", "T1135"),
    "security-software": ("Security software", "T1518.001"),
    "connections": ("Network connections", "T1049"),
    "processes": ("Processes", "T1057"),
    "services": ("Services", "T1007"),
    "sessions": ("Sessions of others", "T1033"),
    "internet": ("Way to the internet", "T1016.001"),
}


def commands(start: str, parent: str, *launches: tuple[float, str, str]) -> tuple[Command, ...]:
    """Launches as commands; each is told by its seconds after `start`, its intent and its command line."""
    made = []
    for number, (seconds, intent, line) in enumerate(launches):
        title, technique = _INTENTS[intent]
        word = line.split()[0]
        made.append(
            Command(
                time=timestamp(ticks(start) + int(seconds * TICKS_PER_SECOND)),
                intent=intent,
                title=title,
                technique=technique,
                file_name=word if "." in word else f"{word}.exe",
                command_line=line,
                process_id=4_000 + 412 * (number + 3) % 9_000,
                report_id=118_400 + 37 * number,
                parent=parent,
            )
        )
    return tuple(made)


def process(*fields: str | int) -> Process:
    """A process by its fields, in their order."""
    return msgspec.convert(dict(zip(Process.__struct_fields__, fields, strict=False)), Process)


def finding(*, commands: tuple[Command, ...], **fields: object) -> Finding:
    """A finding whose times and techniques are those of its commands."""
    known = {"hunt": RUN.hunt, "start": commands[0].time, "end": commands[-1].time}
    techniques = tuple(dict.fromkeys(command.technique for command in commands))
    return msgspec.convert({**known, "commands": commands, "techniques": techniques, **fields}, Finding)


_EXPLORER = process("explorer.exe", r"C:\Windows", 5012, "2026-11-24T06:58:11.0412207Z", r"C:\Windows\Explorer.EXE")
_SERVICES = process("services.exe", r"C:\Windows\System32", 744, "2026-11-22T22:01:47.9911302Z", "")
_SVCHOST = process(
    "svchost.exe", r"C:\Windows\System32", 1288, "2026-11-22T22:01:49.1180941Z", "svchost.exe -k netsvcs"
)

_BEACON = process(
    "rundll32.exe",
    r"C:\Windows\System32",
    9_316,
    "2026-11-24T09:41:52.6620114Z",
    r'rundll32.exe "C:\Users\m.keller\AppData\Local\Temp\kb5031\license.dat",PluginInit /i="license.dat"',
    "S-1-5-21-1004336348-1177238915-682003330-1142",
    "Valid",
)
_IMPOSTOR = process(
    "SenseIR.exe",
    r"C:\ProgramData\Microsoft\Diagnosis\SenseIR.exe",
    6_120,
    "2026-11-24T02:12:03.1170448Z",
    r"C:\ProgramData\Microsoft\Diagnosis\SenseIR.exe -svc",
    "S-1-5-18",
    "Unknown",
    "5f2b7c1e9ad04e83b6c7d1f2a0948e6b3c5d7f10",
)
_WMI = process("WmiPrvSE.exe", r"C:\Windows\System32\wbem", 3_908, "2026-11-24T10:19:30.7719032Z")
_DESKTOP = process("cmd.exe", r"C:\Windows\System32", 8_440, "2026-11-24T08:05:41.3000121Z", "cmd.exe")
_AGENT = process(
    "AssetScout.exe", r"C:\Program Files\AssetScout", 2_764, "2026-11-23T19:00:00.2510007Z", "AssetScout.exe --full"
)
_SHELL = process(
    "powershell.exe",
    r"C:\Windows\System32\WindowsPowerShell\v1.0",
    6_188,
    "2026-11-24T02:12:04.4051187Z",
    r"powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -File C:\ProgramData\Microsoft\Diagnosis\c.ps1",
)

FINDINGS = (
    finding(
        fingerprint="5b0e2f6c9a1d4837",
        title="9 discovery commands by rundll32.exe on fin-ws-0142.contoso.example",
        severity="high",
        score=96,
        device=Device("d1", "fin-ws-0142.contoso.example"),
        account=Account("m.keller", "CONTOSO", "S-1-5-21-1004336348-1177238915-682003330-1142"),
        actor=_BEACON,
        commands=commands(
            "2026-11-24T09:44:10.1871204Z",
            "cmd.exe",
            (0, "own-account", "whoami /all"),
            (14.2, "network-configuration", "ipconfig /all"),
            (31.9, "system-information", "systeminfo"),
            (58.4, "domain-trusts", "nltest /domain_trusts /all_trusts"),
            (93.07, "domain-controllers", "nltest /dclist:contoso.example"),
            (140.6, "domain-admins", 'net group "Domain Admins" /domain'),
            (149.3, "domain-admins", 'net group "Enterprise Admins" /domain'),
            (201.0, "hosts", "net view /all /domain"),
            (
                262.8,
                "security-software",
                r"WMIC.exe /Node:localhost /Namespace:\\root\SecurityCenter2 Path AntiVirusProduct Get * /Format:List",
            ),
            (321.315, "connections", "netstat -nao"),
        ),
        reasons=(
            "9 distinct intents within 5 min 21 s; 3 within 10 minutes is enough.",
            "rundll32.exe ran none of these on any device in the last 14 days.",
            "Domain trusts and domain administrators are heavy: hardly anyone but an intruder or an auditor asks.",
            "Each command had a cmd.exe of its own, as implants launch them.",
        ),
        chain=(
            _EXPLORER,
            _BEACON,
            process("cmd.exe", r"C:\Windows\System32", 9_772, "2026-11-24T09:44:10.1511204Z", "cmd.exe /c whoami /all"),
        ),
    ),
    finding(
        fingerprint="c41f7d0a33e8b952",
        title="6 discovery commands by SenseIR.exe on hr-lt-0031.contoso.example",
        severity="high",
        score=91,
        device=Device("d2", "hr-lt-0031.contoso.example"),
        account=Account("SYSTEM", "NT AUTHORITY", "S-1-5-18"),
        actor=_IMPOSTOR,
        commands=commands(
            "2026-11-24T02:12:05.0310000Z",
            "powershell.exe",
            (0, "own-account", '"whoami.exe" /groups'),
            (3.31, "system-information", '"systeminfo.exe"'),
            (11.9, "processes", '"tasklist.exe" /v'),
            (12.4, "services", '"tasklist.exe" /svc'),
            (24.2, "local-admins", '"net.exe" localgroup administrators'),
            (38.417, "domain-accounts", '"net.exe" user /domain'),
        ),
        reasons=(
            "6 distinct intents within 38 s; 3 within 10 minutes is enough.",
            r"SenseIR.exe is known good in C:\Program Files\Windows Defender Advanced Threat Protection alone.",
            "Its folder is writable by users.",
        ),
        chain=(_SERVICES, _IMPOSTOR, _SHELL),
    ),
    finding(
        fingerprint="e90217bd5546fa10",
        title="5 discovery commands by cmd.exe on srv-file-02.contoso.example",
        severity="medium",
        score=68,
        device=Device("d3", "srv-file-02.contoso.example"),
        account=Account("adm-lindqvist", "CONTOSO", "S-1-5-21-1004336348-1177238915-682003330-1507"),
        actor=_DESKTOP,
        commands=commands(
            "2026-11-24T08:06:02.9000000Z",
            "cmd.exe",
            (0, "sessions", "quser"),
            (75.4, "local-admins", "net localgroup Administrators"),
            (181, "shares", "net share"),
            (444, "shares", r"net view \\srv-file-03 /all"),
            (590.4, "connections", "netstat -ano"),
            (737.14, "internet", "tracert -d -h 4 203.0.113.9"),
        ),
        reasons=(
            "5 distinct intents within 12 min 17 s in desktop session 3.",
            "This account ran none of these on this device in the last 14 days.",
        ),
        chain=(_EXPLORER, _DESKTOP),
    ),
    finding(
        fingerprint="1d6c08e7b2f94a35",
        title="3 discovery commands by WmiPrvSE.exe on dc-01.contoso.example",
        severity="medium",
        score=64,
        device=Device("d4", "dc-01.contoso.example"),
        account=Account("svc-backup", "CONTOSO", "S-1-5-21-1004336348-1177238915-682003330-1188"),
        actor=_WMI,
        commands=commands(
            "2026-11-24T10:19:31.2200000Z",
            "cmd.exe",
            (0, "own-account", r"cmd.exe /Q /c whoami 1> \\127.0.0.1\ADMIN$\__1763979570.42 2>&1"),
            (
                61.2,
                "domain-trusts",
                r"cmd.exe /Q /c nltest /trusted_domains 1> \\127.0.0.1\ADMIN$\__1763979570.42 2>&1",
            ),
            (
                129.48,
                "domain-admins",
                r'cmd.exe /Q /c net group "Domain Admins" /domain 1> \\127.0.0.1\ADMIN$\__17 2>&1',
            ),
        ),
        reasons=(
            "3 distinct intents within 2 min 9 s, two of them heavy, which count double.",
            "WmiPrvSE.exe starting cmd.exe is remote execution.",
        ),
        chain=(_SVCHOST, _WMI),
    ),
    finding(
        fingerprint="77a3be914c0d56f2",
        title="3 discovery commands by rundll32.exe on fin-ws-0142.contoso.example",
        severity="medium",
        score=55,
        device=Device("d1", "fin-ws-0142.contoso.example"),
        account=Account("m.keller", "CONTOSO", "S-1-5-21-1004336348-1177238915-682003330-1142"),
        actor=_BEACON,
        commands=commands(
            "2026-11-24T11:30:15.5000000Z",
            "cmd.exe",
            (0, "shares", r"net view \\srv-file-02 /all"),
            (112.9, "processes", "tasklist /s srv-file-02"),
            # The file is an executable that a right-to-left override dresses up as a document.
            (226.6, "domain-accounts", "C:\\Users\\Public\\invoice_\u202efdp.exe -f (objectcategory=person) > ad.txt"),
        ),
        reasons=("3 distinct intents within 3 min 46 s; 3 within 10 minutes is enough.",),
        chain=(_EXPLORER, _BEACON),
    ),
    finding(
        fingerprint="0a94c6d18f27eb63",
        title="4 discovery commands by AssetScout.exe on kiosk-11.contoso.example",
        severity="low",
        score=27,
        device=Device("d5", "kiosk-11.contoso.example"),
        account=Account("SYSTEM", "NT AUTHORITY", "S-1-5-18"),
        actor=_AGENT,
        commands=commands(
            "2026-11-23T19:00:01.1000000Z",
            "AssetScout.exe",
            (0, "system-information", "systeminfo /fo csv"),
            (0.41, "network-configuration", "ipconfig /all"),
            (1.92, "processes", "tasklist /fo csv"),
            (2.68, "local-admins", "net localgroup Administrators"),
        ),
        reasons=(
            "4 distinct intents within 2.7 s; 3 within 10 minutes is enough.",
            "AssetScout.exe is new: 1 device, first seen on this day.",
        ),
        chain=(_SERVICES, _AGENT),
    ),
)
