"""What a shell makes of a command line."""

from __future__ import annotations

import pytest

from tests.estate.commands import inner, net1, pieces, spell, starts_nothing


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ipconfig /all", ["ipconfig /all"]),
        ("net view /all >> C:\\pc.txt", ["net view /all"]),
        ("chcp >&2", ["chcp"]),
        ("systeminfo > a.txt 2>&1", ["systeminfo"]),
        ("ipconfig 1> \\\\127.0.0.1\\ADMIN$\\__1 2>&1", ["ipconfig"]),
        ("tasklist | findstr 80 || echo none", ["tasklist", "findstr 80", "echo none"]),
        ("whoami & hostname && ver", ["whoami", "hostname", "ver"]),
        ('net group "R&D | all" /domain', ['net group "R&D | all" /domain']),
    ],
)
def test_a_shell_parts_a_line(line: str, expected: list[str]) -> None:
    assert pieces(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("cmd.exe", ""),
        ("cmd.exe /c whoami /all", "whoami /all"),
        ('"cmd.exe" /c "netstat -ano | find "80""', 'netstat -ano | find "80"'),
        ("cmd.exe /Q /C set", "set"),
    ],
)
def test_what_a_shell_hands_on(line: str, expected: str) -> None:
    assert inner(line) == expected


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        ("set", True),
        ("echo none", True),
        ('"C:\\Users\\Public\\a.bat"', True),
        ("Get-Process", True),
        ("whoami", False),
        ("setspn -q */*", False),
    ],
)
def test_what_a_shell_does_by_itself(piece: str, *, expected: bool) -> None:
    assert starts_nothing(piece) is expected


@pytest.mark.parametrize(
    ("piece", "launcher", "expected"),
    [
        ("net  user", "cmd.exe", "net  user"),
        ("ipconfig /all", "cmd.exe", "ipconfig  /all"),
        ("whoami", "cmd.exe", "whoami"),
        ("whoami", "powershell.exe", '"C:\\x.exe"'),
        ("ipconfig /all", "powershell.exe", '"C:\\x.exe" /all'),
        ('"net.exe" accounts', "powershell.exe", '"net.exe" accounts'),
        ("ipconfig /all", "agent.exe", "ipconfig /all"),
    ],
)
def test_how_a_launcher_spells_a_command(piece: str, launcher: str, expected: str) -> None:
    assert spell(piece, launcher=launcher, path="C:\\x.exe") == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("net  user /domain", "C:\\Windows\\system32\\net1  user /domain"),
        ('"net.exe" accounts', "C:\\Windows\\system32\\net1 accounts"),
        ("net  use", ""),
        ("net  view /all", ""),
        ("net", ""),
    ],
)
def test_what_net_leaves_to_net1(line: str, expected: str) -> None:
    assert net1(line) == expected
