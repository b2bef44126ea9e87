"""Keeps the values of settings out of what the doctor tells: any of them may be a secret put in the wrong place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import get_args
from urllib.parse import quote

from engine.doctor.reading import PREFIX
from engine.remote.clouds import CLOUDS
from engine.settings import STORAGE, SignInKind
from engine.sinks import SINKS

_SECRET = (f"{PREFIX}TEAMS_URL", f"{PREFIX}APP_SECRET", STORAGE, "APPLICATIONINSIGHTS_", "IDENTITY_HEADER")
"""Where secrets belong: of these every long word is hidden, of the others only one that has a digit, as keys have."""
_WORD, _KEY = re.compile(r"[\w-]{16,}"), re.compile(r"(?=[a-zA-Z_.~+-]*\d)[\w.~+-]{16,}")
_SHORTEST, _SHORTEST_SECRET = 8, 4
_WORDS = frozenset({*SINKS, *CLOUDS, *get_args(SignInKind)})
"""Values that are our own words, and stand in our sentences."""


def hider(environment: Mapping[str, str]) -> Callable[[str], str]:
    """What puts the name of a setting, in brackets, in the place of its value: `[VIZSLA_STORE] cannot be opened`."""
    names: dict[str, str] = {}
    for name, value in environment.items():
        if name.startswith((PREFIX, *_SECRET)):
            for part in _parts(name, value):
                names.setdefault(part.casefold(), name)
    if not names:
        return str
    longest_first = sorted(names, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)
    return lambda text: pattern.sub(lambda found: f"[{names.get(found[0].casefold(), '***')}]", text)


def _parts(name: str, value: str) -> Iterator[str]:
    """What may be repeated of a value: the whole, the items of a list, the words of a secret; as in an address, too."""
    is_secret = name.startswith(_SECRET)
    items = {value, *map(str.strip, value.split(";"))}
    words = (_WORD if is_secret else _KEY).findall(value)
    shortest = _SHORTEST_SECRET if is_secret else _SHORTEST
    # A path is told without what it says twice, an address without its last slash.
    forms = {form for item in items for form in (item, str(Path(item)), item.rstrip("/"))}
    for part in {*forms, *words} - _WORDS:
        if len(part) >= shortest:
            yield part
            yield quote(part, safe="")
