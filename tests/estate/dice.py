"""Chance that repeats: every draw of the estate comes from a generator named by what it decides."""

from __future__ import annotations

from hashlib import blake2b
from random import Random


def dice(*key: object) -> Random:
    """A generator that gives the same draws for the same key, on every machine and in every order of asking."""
    text = "\x1f".join(map(str, key))
    seed = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
    return Random(seed)  # noqa: S311 - a simulation must repeat; nothing here is secret


def portion(*key: object) -> float:
    """One number in [0, 1) for the key: who ranks first, who has what."""
    return dice(*key).random()
