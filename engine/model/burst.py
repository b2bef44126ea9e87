"""Bursts."""

from __future__ import annotations

from dataclasses import dataclass

from engine.model.actor import Actor
from engine.model.event import Event


@dataclass(frozen=True, slots=True)
class Burst:
    """The union of one actor's windows that hold enough distinct intents.

    `events` are all of the actor's launches in those windows, in order of Timestamp; `intents` the distinct ids among
    them, in order of first appearance. `start` and `end` are ticks of the first and last event. `key` is the key of the
    group that it was found in: of the actor, or of whatever else the hunt joins; it begins with the device.
    """

    device_id: str
    actor: Actor
    start: int
    end: int
    events: tuple[Event, ...]
    intents: tuple[str, ...]
    key: tuple[str, ...]
