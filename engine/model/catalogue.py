"""The catalogue of intents: what a command line is for, whatever its spelling."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec


class Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to reach a purpose: some programs, and what their arguments look like.

    A launch has this form when its file name is among `file_names`, or its original file name (from the version
    resource, which renaming leaves alone) among `file_names` or `original_file_names`, and its normalised arguments
    hold the regular expression `arguments` and do not hold `unless`. Names are in lower case. `original_file_names`
    holds only what differs: nltest.exe was built as nltestrk.exe. Empty `arguments` take any, also unknown ones.
    """

    file_names: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    original_file_names: tuple[str, ...] = ()
    arguments: str = ""
    unless: str = ""

    def __post_init__(self) -> None:
        for pattern in (self.arguments, self.unless):
            try:
                re.compile(pattern)
            except re.error as fault:
                raise ValueError(f"{pattern!r} is no regular expression: {fault}") from fault


class Intent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One purpose that a command line can have.

    `weight` is 1 (light: everyone runs it), 2 (administrators do, now and then), or 3 (heavy: hardly anyone but an
    intruder or an auditor). `forms` are the ways to reach the purpose; one suffices. `examples` are command lines that
    must match this intent and no other; `near_misses` must match none.
    """

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z]+(-[a-z]+)*$")]
    title: str
    technique: Annotated[str, msgspec.Meta(pattern=r"^T\d{4}(\.\d{3})?$")]
    weight: Annotated[int, msgspec.Meta(ge=1, le=3)]
    forms: Annotated[tuple[Form, ...], msgspec.Meta(min_length=1)]
    examples: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    near_misses: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True, cache_hash=True):
    """The intents of one kind of hunt, in the order of their file."""

    intents: tuple[Intent, ...]
