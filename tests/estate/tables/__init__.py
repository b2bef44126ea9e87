"""The estate's data: people, programs, noises, intruders. The head of each YAML file says what its entries are."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

FOLDER = Path(__file__).parent

_T = TypeVar("_T")


def read(name: str, kind: type[_T]) -> _T:
    """The table of that file name as `kind`. Raises ValueError, naming the file, when an entry is not one."""
    try:
        return msgspec.yaml.decode((FOLDER / name).read_bytes(), type=kind)
    except (msgspec.DecodeError, ValueError) as fault:
        raise ValueError(f"{FOLDER / name}: {fault}") from fault
