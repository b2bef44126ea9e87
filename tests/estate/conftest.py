"""An estate that several tests look at."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.estate import Estate, Row


@pytest.fixture(scope="session")
def estate() -> Estate:
    return Estate(seed=1, devices=60, start=datetime(2026, 11, 23, tzinfo=UTC))


@pytest.fixture(scope="session")
def monday(estate: Estate) -> list[Row]:
    return list(estate.day(0))
