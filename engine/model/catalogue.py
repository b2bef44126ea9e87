"""The catalogue of intents: what a command line, a cmdlet or an LDAP search is for, whatever its spelling."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec


class Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to reach a purpose: by programs, by cmdlets, or by an LDAP search. A form is for one of the three.

    A launch has this form when its file name is among `file_names`, or its original file name (from the version
    resource, which renaming leaves alone) among `file_names` or `original_file_names`, and its normalised arguments
    hold the regular expression `arguments` and do not hold `unless`. Names are in lower case. `original_file_names`
    holds only what differs: nltest.exe was built as nltestrk.exe. Empty `arguments` take any, also unknown ones.

    A command of PowerShell has it when it begins with one of `cmdlets`; `arguments` and `unless` see what follows, in
    lower case and without quotes, and nothing where only the name was recorded. An LDAP search has it when its
    normalised filter holds `search_filter` and does not hold `unless`.
    """

    file_names: tuple[str, ...] = ()
    original_file_names: tuple[str, ...] = ()
    cmdlets: tuple[str, ...] = ()
    search_filter: str = ""
    arguments: str = ""
    unless: str = ""

    def __post_init__(self) -> None:
        if [bool(self.file_names), bool(self.cmdlets), bool(self.search_filter)].count(True) != 1:
            raise ValueError("a form has one of file_names, cmdlets and search_filter")
        if self.original_file_names and not self.file_names:
            raise ValueError("original_file_names go with file_names")
        if self.arguments and self.search_filter:
            raise ValueError("an LDAP search has no arguments: say it all in search_filter")
        for pattern in (self.arguments, self.unless, self.search_filter):
            try:
                re.compile(pattern)
            except re.error as fault:
                raise ValueError(f"{pattern!r} is no regular expression: {fault}") from fault


class Intent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One purpose that a command can have.

    `weight` is 1 (light: everyone runs it), 2 (administrators do, now and then), or 3 (heavy: hardly anyone but an
    intruder or an auditor). `forms` are the ways to reach the purpose; one suffices. `examples` are command lines that
    must match this intent and no other; `near_misses` must match none. Those of cmdlets and of LDAP filters stand in
    lists of their own.
    """

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z]+(-[a-z]+)*$")]
    title: str
    technique: Annotated[str, msgspec.Meta(pattern=r"^T\d{4}(\.\d{3})?$")]
    weight: Annotated[int, msgspec.Meta(ge=1, le=3)]
    forms: Annotated[tuple[Form, ...], msgspec.Meta(min_length=1)]
    examples: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    near_misses: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    cmdlet_examples: tuple[str, ...] = ()
    cmdlet_near_misses: tuple[str, ...] = ()
    search_examples: tuple[str, ...] = ()
    search_near_misses: tuple[str, ...] = ()


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True, cache_hash=True):
    """The intents of one kind of hunt, in the order of their file."""

    intents: tuple[Intent, ...]
