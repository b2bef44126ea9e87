"""How programs take a secret on their command line: a table.

Facts are from the programs' own documentation. `-p` is a password to psexec and a protocol to netstat, so each
program has its own entry; `ANY` is what is a secret to every program.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """Where a secret stands among the bare words that follow, options aside.

    It comes after `before` others, not counting those that `beside` matches. With `split`, the secret is what stands
    behind that sign in the word.
    """

    before: int = 0
    beside: re.Pattern[str] | None = None
    split: str = ""


@dataclass(frozen=True, slots=True)
class Grammar:
    """How one program takes secrets. Options are written without their dash or slash.

    `options` take theirs as the next word or behind `:` or `=`; `joined` only behind those; `stuck` at once
    (`-psecret`); `pairs` take `name<split>secret`. `places` are told by what they follow: an option (`-b`), the first
    bare word, or '' for the program's own name. `valued` options take a word that is none. With `runs`, the first bare
    word is another program.
    With `only`, some word of the command has to match. `always` means that even `-x` is taken for the option's value,
    `cased` that `-p` is not `-P`, `clustered` that `-sku` is `-s -k -u`. `kept` are values that are no secrets.
    """

    options: frozenset[str] = frozenset()
    joined: frozenset[str] = frozenset()
    stuck: tuple[str, ...] = ()
    pairs: frozenset[str] = frozenset()
    split: str = ":"
    places: Mapping[str, Place] = field(default_factory=dict)
    valued: frozenset[str] = frozenset()
    runs: bool = False
    only: re.Pattern[str] | None = None
    always: bool = False
    cased: bool = False
    clustered: bool = False
    kept: frozenset[str] = frozenset()


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


LONG = (
    r"(?:password|passwd|passphrase|client[-_]?secret|app[-_]?secret|secret[-_]?(?:access[-_]?)?key|account[-_]?key|"
    r"shared[-_]?access[-_]?(?:key|signature)|api[-_]?key|(?:access|auth|bearer|refresh|sas|session|private)[-_]?token|"
    r"(?:github|gitlab|gh|npm|vault|hf)_token|storepass|keypass)"
)
"""Endings of names that only secrets have."""

ANY = re.compile(
    rf"(?!(?:no|ask|prompt|save)[-_]?pass).*{LONG}|(?:.*[-_])?(?:pass|pwd)|(?:user|admin|db|sa)(?:pass|pwd)|token",
    re.IGNORECASE,
)
"""Options whose value is a secret, whatever the program."""

KEPT = _set("* true false $true $false yes no")
"""Values of such options that are none: a prompt, a switch."""

PSEXEC = Grammar(options=_set("p"), valued=_set("u n r w a g priority"), runs=True, always=True)
_PSTOOL = Grammar(options=_set("p"), always=True)
_TARGET = re.compile(r"\*|[a-z]:|(?:lpt|com)\d:?|\\\\.*|//.*|https?:.*", re.IGNORECASE | re.DOTALL)
_HOST = re.compile(r"\\\\.*|@.*", re.DOTALL)
_REMOTE = Grammar(options=_set("p rp password"), kept=_set("*"))
_PUTTY = Grammar(options=_set("pw"), always=True)
_SQL = Grammar(options=_set("P"), stuck=("P",), cased=True, always=True)
_MYSQL = Grammar(
    joined=_set("password"), stuck=("p",), places={"password": Place()}, valued=_set("u h P D S e"), cased=True
)
_DIRECTORY = Grammar(options=_set("p pwd"), kept=_set("*"))
_LDIFDE = Grammar(places={"-b": Place(2)})
_LOGIN = Grammar(options=_set("p"), stuck=("p",), only=re.compile("login", re.IGNORECASE), cased=True)
_SPRAY = Grammar(options=_set("p H hash hashes"), cased=True, always=True)
_LDAP = Grammar(options=_set("w"), stuck=("w",), cased=True)
_SAMBA = Grammar(pairs=_set("U user"), stuck=("U",), split="%", cased=True)
_MONGO = Grammar(options=_set("p"), cased=True)
_ARCHIVE = Grammar(stuck=("hp", "p"))
_VALUE = Grammar(options=_set("d value"), only=re.compile(rf".*(?:{LONG}|pwd|secret)", re.IGNORECASE))
_SETX = Grammar(places={"": Place(1)}, only=re.compile(rf".*(?:{LONG}|_pwd|_pass)", re.IGNORECASE))
_WORDS_OF = {
    "net net1": Grammar(
        places={"user": Place(1), "users": Place(1), "use": Place(beside=_TARGET)},
        kept=_set("*"),
    ),
    "psexec psexec64 paexec": PSEXEC,
    "pslist psinfo psservice pskill psloglist psshutdown psfile pssuspend": _PSTOOL,
    "pslist64 psinfo64 psservice64 pskill64 psloglist64 psshutdown64 psfile64 pssuspend64": _PSTOOL,
    "pspasswd pspasswd64": Grammar(options=_set("p"), valued=_set("u"), places={"": Place(1, _HOST)}),
    "schtasks systeminfo tasklist taskkill driverquery getmac openfiles gpresult eventcreate bootcfg": _REMOTE,
    "winrs winrm wevtutil waitfor takeown": _REMOTE,
    "logman typeperf relog": Grammar(places={"-u": Place(1)}, kept=_set("*")),
    "cmdkey": Grammar(options=_set("pass p")),
    "sc": Grammar(options=_set("password")),
    "netdom": Grammar(options=_set("passwordd passwordo passwordm pd po pm"), kept=_set("*")),
    "dsadd dsmod dsquery dsget dsrm dsmove": _DIRECTORY,
    "ldifde csvde": _LDIFDE,
    "ksetup": Grammar(places={"-setcomputerpassword": Place(), "-changepassword": Place(1)}),
    "bitsadmin": Grammar(places={"-setcredentials": Place(4)}),
    "certutil signtool pvk2pfx": Grammar(options=_set("p po pi"), kept=_set("*")),
    "manage-bde": Grammar(options=_set("rp recoverypassword pw"), kept=_set("*")),
    "netsh": Grammar(options=_set("key keymaterial sharedsecret"), kept=_set("clear")),
    "setx": _SETX,
    "reg set-itemproperty new-itemproperty": _VALUE,
    "convertto-securestring": Grammar(options=_set("string"), places={"": Place()}, valued=_set("key securekey")),
    "plink pscp psftp putty kitty": _PUTTY,
    "sshpass": Grammar(options=_set("p"), stuck=("p",), runs=True, cased=True, always=True),
    "sqlcmd osql isql bcp": _SQL,
    "sqlplus": Grammar(places={"": Place(split="/")}),
    "mysql mysqldump mysqladmin mysqlimport mysqlcheck mysqlsh mariadb mariadb-dump": _MYSQL,
    "mongo mongosh mongodump mongorestore mongoexport": _MONGO,
    "redis-cli": Grammar(options=_set("a pass"), cased=True),
    "curl": Grammar(
        pairs=_set("u user U proxy-user"),
        stuck=("u", "U"),
        options=_set("oauth2-bearer"),
        cased=True,
        clustered=True,
        always=True,
    ),
    "az docker podman oc helm cf skopeo": _LOGIN,
    "aws": Grammar(places={"configure": Place(2)}, only=re.compile("aws_(?:secret_access_key|session_token)")),
    "ldapsearch ldapmodify ldapadd ldapdelete ldapwhoami": _LDAP,
    "smbclient rpcclient winexe": _SAMBA,
    "crackmapexec cme netexec nxc evil-winrm kerbrute bloodhound-python": _SPRAY,
    "runascs mega-login": Grammar(places={"": Place(1)}),
    "openssl": Grammar(options=_set("pass passin passout k")),
    "rar winrar 7z 7za 7zr": _ARCHIVE,
}
PROGRAMS: Mapping[str, Grammar] = {name: grammar for names, grammar in _WORDS_OF.items() for name in names.split()}
"""Each program's grammar, by its name without extension."""
