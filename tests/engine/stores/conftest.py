"""Every store; and Azurite, one for a run of the tests in this folder, where the real azure-identity signs in."""

import itertools

import pytest
from azure.identity import DefaultAzureCredential

from engine.stores.memory import Memory
from engine.stores.sqlite import Sqlite
from engine.stores.tables import Tables
from tests.fakes.azurite import Azurite
from tests.fakes.identity import Identity

NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def azurite():
    with Azurite() as running:
        yield running


@pytest.fixture
def identity():
    with Identity() as running:
        yield running


@pytest.fixture
def credential(identity, monkeypatch):
    """The managed identity of App Service, and no sign-in of this machine's own."""
    for name in ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in identity.environment.items():
        monkeypatch.setenv(name, value)
    with DefaultAzureCredential() as signing_in:
        yield signing_in


@pytest.fixture
def opened(azurite, credential, monkeypatch):
    """Opens a store of the test's own; each call another worker's view of it."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", azurite.environment["REQUESTS_CA_BUNDLE"])
    table, stores = f"test{next(NUMBERS)}", []

    def another():
        stores.append(Tables(azurite.table, credential, table=table))
        return stores[-1]

    yield another
    for store in stores:
        store.close()


@pytest.fixture(params=["memory", "sqlite", "tables"])
def store(request, tmp_path):
    match request.param:
        case "memory":
            return Memory()
        case "sqlite":
            return Sqlite(tmp_path / "store.db")
        case "tables":
            return request.getfixturevalue("opened")()
