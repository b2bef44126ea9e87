"""Houses for the API's tests; their sources are opened where a run reads them, and closed when a test ends."""

import contextlib
from functools import cache

import pytest

from engine.sources.recorded import Recorded
from tests.engine.api.house import House, burst


@pytest.fixture
def built():
    """Builds houses over rows of DeviceProcessEvents; two bursts where none are given."""
    with contextlib.ExitStack() as opened:

        def build(*rows, tables=None, **changes):
            given = tables or {"DeviceProcessEvents": rows or [*burst("ws1"), *burst("ws10")]}
            source = cache(lambda: opened.enter_context(Recorded(tables=given)))
            return House(lambda: contextlib.nullcontext(source()), **changes)

        yield build
