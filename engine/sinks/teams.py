"""A sink that posts cards into a channel of Teams, through a Workflows webhook."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

import msgspec

from engine.errors import RemoteError
from engine.model.delivery import Receipt
from engine.model.notice import Call, Digest, Notice
from engine.remote.session import Session
from engine.remote.webhook import Secret
from engine.sinks.cards.digest import digested
from engine.sinks.cards.finding import changed, raised
from engine.sinks.cards.parts import Element
from engine.sinks.cards.room import fitting

_APART = 1.0
"""Seconds between two cards: Teams takes few messages a second, and drops more without a word."""
log = logging.getLogger("vizsla.sinks.teams")


class Teams:
    """One channel. `session` is that of the webhook's host, `path` the rest of its address: a secret, told to nobody.

    A card is posted a second after the one before was answered, from whatever thread. Whether Teams shows it cannot be
    known: the webhook answers before its flow runs.
    """

    can_tell: ClassVar[bool] = False
    for_people: ClassVar[bool] = True

    def __init__(
        self,
        *,
        session: Session,
        path: str,
        name: str = "teams",
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self._session = session
        self._path, self._secret = path, Secret(path)
        self._clock = clock
        self._sleep = sleep
        self._alone = threading.Lock()
        self._free = clock()
        # urllib3 writes the path of each request at DEBUG, and of some at WARNING.
        logging.getLogger("urllib3.connectionpool").addFilter(self._secret)

    def deliver(self, notice: Notice) -> Receipt:
        """See Sink. One card; a shorter one where the channel was told of the finding before."""
        self._post(_message(notice), notice.key)
        return Receipt(id=notice.key, severity=notice.finding.severity)

    def digest(self, digest: Digest) -> Receipt:
        """See Sink. One card with a line for each finding."""
        self._post(fitting(lambda room: digested(digest, room)), digest.key)
        return Receipt(id=digest.key, severity=digest.severity)

    def find(self, key: str, since: datetime) -> Receipt | None:  # noqa: ARG002 - a webhook answers no questions
        """See Sink. Nobody can tell."""
        return None

    def preview(self, notice: Notice) -> Call:
        """See Sink."""
        return Call(method="POST", url=f"{self._session.url}/***", body=_message(notice))

    def check(self) -> None:
        """See Sink. Only its host is asked: whatever is sent to the address itself runs the workflow."""
        self._session.reach()

    def _post(self, message: Element, key: str) -> None:
        body = msgspec.json.encode(message)
        with self._alone:
            self._sleep(max(self._free - self._clock(), 0.0))
            try:
                self._session.tell("POST", self._path, body, permission="sig", shown="its webhook")
            except RemoteError as error:
                raise self._secret.clear(error) from None
            finally:
                self._free = self._clock() + _APART
        log.info("%s: the card of %s was accepted, not yet shown: the workflow's run history knows", self.name, key)


def _message(notice: Notice) -> Element:
    return fitting(lambda room: (changed if notice.earlier else raised)(notice, room))
