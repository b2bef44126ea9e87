"""An API that stands on its own: recorded rows, a store that forgets, and a clock that waits for nobody."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from engine import api, demands, tasks
from engine.api.call import Front
from engine.api.front import call
from engine.api.openapi import description
from engine.sinks.memory import Memory as Sink
from engine.stores.memory import Memory

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HUNTS = Path(__file__).parent.parent / "hunts"
HUNT = "two-questions"
ORIGIN = "https://vizsla.example"
RUNS = f"/api/hunts/{HUNT}/runs"


def launch(device, number, program, *, tool="tool", minute=0):
    return {
        "Timestamp": f"2026-11-24T11:{minute:02}:{number:02}.0000000Z",
        "DeviceId": device,
        "DeviceName": f"{device}.contoso.com",
        "ReportId": number,
        "FileName": f"{program}.exe",
        "ProcessCommandLine": program,
        "InitiatingProcessFileName": f"{tool}.exe",
        "InitiatingProcessId": 7,
    }


def burst(device, **changes):
    return [launch(device, number, program, **changes) for number, program in enumerate(("whoami", "ipconfig"))]


class House:
    """`started` holds the demands that were started; they are performed at once, unless `later`.

    `now` is the clock, which only a wait moves. `ask` gives status, headers, and the document.
    """

    def __init__(self, source, *, later=False, hunts=HUNTS, store=None, sinks=("memory",), **front):
        self.now = NOON
        self.store = store or Memory()
        self.sink = Sink()
        self.started = []
        self.later = later
        named = dict.fromkeys(sinks, self.sink)
        self.desk = tasks.Desk(hunts=hunts, tenant="t", source=source, sinks=named, store=self.store)
        self.front = Front(
            desk=self.desk,
            start=self.start,
            now=lambda: self.now,
            sleep=self.sleep,
            description=lambda: description(api.OPERATIONS),
            **front,
        )

    def start(self, demand):
        self.started.append(demand)
        if not self.later:
            self.perform(demand)

    def perform(self, demand=None, *, holder="m1"):
        return demands.perform(demand or self.started[-1], self.desk, holder=holder, now=self.now)

    def sleep(self, seconds):
        self.now += timedelta(seconds=seconds)

    def ask(self, method, url, document=None, *, body=None, **headers):
        sent = body if body is not None else b"" if document is None else msgspec.json.encode(document)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        full = url if url.startswith("http") else f"{ORIGIN}{url}"
        given = api.answer(call(method, full, named, sent), self.front)
        return given.status, dict(given.headers), read(given)

    def run(self, document=None, **headers):
        """Asks the hunt; gives the status and the document."""
        status, _, said = self.ask("POST", RUNS, document or {}, **headers)
        return status, said


def read(given):
    return msgspec.json.decode(given.body) if "json" in given.kind else given.body.decode()
