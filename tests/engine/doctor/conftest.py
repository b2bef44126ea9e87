"""A scene for each test; the tenant that is read in it is made once."""

import pytest

from tests.engine.doctor.scene import Scene, tenant


@pytest.fixture(scope="session")
def recorded():
    with tenant() as opened:
        yield opened


@pytest.fixture
def scene(tmp_path, monkeypatch, recorded):
    with Scene(tmp_path, monkeypatch, recorded) as opened:
        yield opened
