"""What a sink is."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Protocol

from engine.model.delivery import Receipt
from engine.model.notice import Call, Digest, Notice


class Sink(Protocol):
    """Takes findings out of the house. `name` is its name in hunt.yaml.

    `can_tell` says whether the far side can be asked for what it was told; `for_people` whether somebody reads each
    message, so that many are better told as one.
    """

    name: str
    can_tell: ClassVar[bool]
    for_people: ClassVar[bool]

    def deliver(self, notice: Notice) -> Receipt:
        """Tells of a finding for the first time, or, where it was told of `earlier`, what has become of it.

        That is a finding that has grown, that absorbed others (`aliases`) or was `absorbed_by` another, or was
        `retracted`. Raises SinkError or RemoteError where the far side has not taken it, and Unclear, which is one of
        them, where nobody can say.
        """
        ...

    def digest(self, digest: Digest) -> Receipt:
        """Tells of several findings at once, each for the first time. Raises as `deliver` does."""
        ...

    def find(self, key: str, since: datetime) -> Receipt | None:
        """What the far side answered when it was told of `key` after `since`; None where it knows nothing of it.

        Asked only of a sink that `can_tell`. Raises RemoteError.
        """
        ...

    def preview(self, notice: Notice) -> Call:
        """The request that `deliver` would begin with. Pure."""
        ...

    def check(self) -> None:
        """Delivers nothing, and raises RemoteError or SinkError where nothing could be delivered, as far as one sees.

        It asks the far side what it may be asked without consequence: whether it answers, and who signs in.
        """
        ...
