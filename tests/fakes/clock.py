"""A clock that stands still until somebody sleeps."""

from datetime import UTC, datetime, timedelta


class Clock:
    """`slept` holds how long each sleep was, in seconds."""

    def __init__(self, start=datetime(2026, 11, 24, 12, 3, tzinfo=UTC)):
        self._moment = start
        self.slept = []

    def now(self):
        return self._moment

    def sleep(self, seconds):
        self.slept.append(seconds)
        self._moment += timedelta(seconds=seconds)
