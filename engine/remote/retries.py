"""When to ask again: short waits are slept through, a long one is raised as Throttled for the queue to sit out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TypeVar

import tenacity

from engine.errors import RemoteError, Throttled

T = TypeVar("T")
_QUARTER = timedelta(minutes=15)
_LONGEST = timedelta(days=1)


class AskAgain(Exception):
    """An attempt that failed, and may succeed when repeated. It never leaves this room.

    `wait` is how long the far side asked us to, None where it did not; `busy` says that it is there and has enough.
    """

    def __init__(self, message: str, *, wait: timedelta | None = None, busy: bool = False) -> None:
        self.wait = wait
        self.busy = busy
        super().__init__(message)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often and how long to wait. `patience` is the longest wait that is slept through."""

    attempts: int = 4
    patience: timedelta = timedelta(seconds=60)
    now: Callable[[], datetime] = _utc_now
    sleep: Callable[[float], None] = time.sleep

    def call(self, attempt: Callable[[], T]) -> T:
        """What `attempt` gives, which is called again each time it raises AskAgain.

        Raises Throttled where the wait would be longer than `patience`, or where the far side is still busy at the
        last attempt; RemoteError where it still fails.
        """
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(AskAgain),
            stop=tenacity.stop_after_attempt(self.attempts),
            wait=_wait,
            before_sleep=self._refuse_long_waits,
            sleep=self.sleep,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except AskAgain as failure:
            if failure.busy:
                raise Throttled(str(failure), until=self.now() + (failure.wait or self.patience)) from failure
            raise RemoteError(f"{failure}, {self.attempts} times in a row.") from failure

    def pause_until(self, moment: datetime, why: str) -> None:
        """Sleeps until `moment`. Raises Throttled, with `why`, where that is longer than `patience`."""
        wait = moment - self.now()
        if wait > self.patience:
            raise Throttled(why, until=moment)
        self.sleep(max(wait.total_seconds(), 0.0))

    def _refuse_long_waits(self, state: tenacity.RetryCallState) -> None:
        wait = timedelta(seconds=state.upcoming_sleep)
        if wait > self.patience:
            raise Throttled(str(_failure(state)), until=self.now() + wait) from _failure(state)


_backoff = tenacity.wait_exponential_jitter(initial=1, max=30)


def _wait(state: tenacity.RetryCallState) -> float:
    """Seconds before the next attempt: what the far side asked for, else longer each time, with jitter."""
    asked = _failure(state).wait
    return _backoff(state) if asked is None else asked.total_seconds()


def _failure(state: tenacity.RetryCallState) -> AskAgain:
    failure = state.outcome.exception() if state.outcome else None
    if not isinstance(failure, AskAgain):
        raise TypeError("only AskAgain is retried")
    return failure


def retry_after(header: str | None, now: datetime) -> timedelta | None:
    """The wait that a Retry-After header asks for, in seconds or as a date: a day at most; None where it says none."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), _LONGEST.total_seconds()))
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(moment - now, timedelta()), _LONGEST)


def until_next_quarter(now: datetime) -> timedelta:
    """The time until the clock's next quarter of an hour, when the CPU quota is renewed: at most 15 minutes."""
    return _QUARTER - timedelta(minutes=now.minute % 15, seconds=now.second, microseconds=now.microsecond)
