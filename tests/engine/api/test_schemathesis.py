"""The API against its own description: whatever a caller sends, the answer is one that is described."""

import contextlib
from collections import Counter
from datetime import timedelta

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from engine.api import OPERATIONS
from engine.cli.serving import application
from engine.sources.recorded import Recorded
from tests.engine.api.house import HUNT, RUNS, House, burst
from tests.engine.api.test_muting import WISH
from tests.engine.api.test_reading import found
from tests.proof import examples

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    negative_data_rejection,
)
PAST = {"window": {"last": "PT1H"}, "wait": "PT0S"}


class Lived(House):
    """A house with findings, mutes and runs. Every third run takes longer than anyone waits."""

    def __init__(self, source):
        super().__init__(source, later=True)
        found(self.store, *(f"ws{number}" for number in range(4)))
        self.pending = [self.known_run()]
        self.runs = [self.pending[0], self.known_run(done=True)]

    def known_run(self, *, done=False):
        link = self.ask("POST", RUNS, PAST)[2]["links"]["self"]
        if done:
            self.perform()
        return link.rpartition("/")[2].partition("?signature=")[::2]

    def start(self, demand):
        super().start(demand)
        if len(self.started) > 2 and len(self.started) % 3:
            self.perform(demand)

    def sleep(self, seconds):
        self.now += timedelta(seconds=seconds)
        if len(self.started) > 6:
            for demand in self.started:
                self.perform(demand)


@pytest.fixture(scope="module")
def lived():
    rows = [*burst("ws1"), *burst("ws2")]
    with Recorded(tables={"DeviceProcessEvents": rows}) as source:
        yield Lived(lambda: contextlib.nullcontext(source))


@pytest.fixture(scope="module")
def described(lived):
    """Each operation of the description, by its name."""
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", application(lived.front))
    found = (result.ok() for result in schema.get_all_operations())
    return {operation.definition.raw["operationId"]: operation for operation in found}


@pytest.mark.property
@pytest.mark.parametrize("name", [each.name for each in OPERATIONS if each.name != "readDescription"])
def test_every_answer_is_a_described_one(lived, described, name):
    modes = (GenerationMode.POSITIVE, GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    calls = [described[name].as_strategy(generation_mode=mode) for mode in modes]

    met = Counter()

    @settings(max_examples=examples(quick=50, full=500), suppress_health_check=list(HealthCheck))
    @given(st.one_of(calls), st.sampled_from((True, True, False)), st.integers(0, 1))
    def holds(case, known, which):
        if known and case.meta.generation.mode.is_positive:
            aim(case, lived, which)
        met[case.call_and_validate(checks=CHECKS).status_code] += 1

    holds()
    assert met.keys() & {200, 201}, met


def aim(case, lived, which):
    """Turns the call to what is there, and takes away what is not: most names that are made up are of nothing."""
    path = dict(case.path_parameters or {})
    if "hunt" in path:
        path["hunt"] = HUNT
    if "run" in path:
        path["run"], signature = lived.runs[which]
        case.query = {"signature": signature}
    if "mute" in path:
        path["mute"] = lived.ask("POST", "/api/mutes", WISH)[2]["id"]
    case.path_parameters = path
    if isinstance(case.body, dict):
        made_up = ("parameters", "deliver", "tenant", *WISH, "fingerprint", "hunt", "intents")
        kept = {name: value for name, value in case.body.items() if name not in made_up}
        case.body = {**kept, **(WISH if case.path == "/api/mutes" else {})}
