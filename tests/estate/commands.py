"""What a command line makes a shell start, and how each launcher spells it."""

from __future__ import annotations

import re

SHELLS = frozenset({"cmd.exe", "powershell.exe", "pwsh.exe"})

_QUOTED_OR_REDIRECTION = re.compile(r'("[^"]*")|\s*\d?>{1,2}\s*(?:&\d|"[^"]*"|\S+)')
_PIECE = re.compile(r'(?:[^"&|]|"[^"]*")+')
_AFTER_SWITCH = re.compile(r"\s/[ck]\s+(.*)$", re.IGNORECASE | re.DOTALL)
_CMDLET = re.compile(r"[A-Za-z]+-[A-Za-z]+$")
_BUILT_IN = re.compile(
    r"(?:call|cd|cls|copy|date|del|dir|echo|exit|for|if|md|mkdir|move|path|popd|pushd|rd|rem|ren|set|time|title|type|ver|vol)$"
)
_SCRIPTS = (".bat", ".cmd", ".ps1")
# net.exe answers `use`, `view` and `help` itself; for these it starts net1.exe.
_NET1 = re.compile(
    r"(?:accounts|computer|config|continue|file|group|groups|localgroup|name|pause|print|session|sessions|share|start|"
    r"statistics|stop|time|user|users)$"
)


def split(line: str) -> tuple[str, str]:
    """The program as it is written, without its quotation marks, and the arguments."""
    if line.startswith('"'):
        program, _, rest = line[1:].partition('"')
    else:
        program, _, rest = line.partition(" ")
    return program, rest.strip()


def pieces(line: str) -> list[str]:
    """The commands of a line that a shell carries out one by one: parted at pipes and `&`, redirections cut off."""
    bare = _QUOTED_OR_REDIRECTION.sub(lambda match: match[1] or "", line)
    return [piece.strip() for piece in _PIECE.findall(bare) if piece.strip()]


def inner(line: str) -> str:
    """What a `cmd /c` line hands to the new shell; empty when there is none. One pair of outer quotes is cmd's own."""
    found = _AFTER_SWITCH.search(line)
    if not found:
        return ""
    rest = found[1].strip()
    return rest[1:-1] if rest.startswith('"') and rest.endswith('"') else rest


def starts_nothing(piece: str) -> bool:
    """Whether the shell does this itself: a built-in command, a script it reads, a cmdlet."""
    program = split(piece)[0].lower()
    return program.endswith(_SCRIPTS) or bool(_BUILT_IN.match(program) or _CMDLET.match(program))


def spell(piece: str, *, launcher: str, path: str) -> str:
    """The command line as Defender records it: cmd puts two blanks behind the program, PowerShell the quoted path."""
    if piece.startswith('"') or launcher not in SHELLS:
        return piece
    program, rest = split(piece)
    if launcher == "cmd.exe":
        return f"{program}  {rest}" if rest else program
    return f'"{path}" {rest}'.rstrip()


def net1(line: str) -> str:
    """The command line of the net1.exe that this net.exe starts; empty when it starts none."""
    _, rest = split(line)
    verb = rest.partition(" ")[0].lower()
    blanks = "  " if "  " in line else " "
    return rf"C:\Windows\system32\net1{blanks}{rest}" if _NET1.match(verb) else ""
