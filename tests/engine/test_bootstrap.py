"""What the settings ask for is what is built; what it needs is loaded only then."""

import subprocess
import sys

import pytest

from engine import bootstrap, settings
from engine.errors import SettingsError
from engine.sources.graph import Graph
from engine.stores.memory import Memory


def opened(environment):
    return bootstrap.build(settings.read(environment)).source()


@pytest.mark.parametrize(
    "environment",
    [
        {"VIZSLA_SIGN_IN": "identity"},
        {"VIZSLA_SIGN_IN": "developer"},
        {"IDENTITY_ENDPOINT": "http://127.0.0.1:1"},
        {"VIZSLA_APP": "a", "VIZSLA_TENANT": "t", "VIZSLA_CLOUD": "us-gov-l5"},
        {"VIZSLA_SIGN_IN": "identity", "VIZSLA_GRAPH_URL": "http://127.0.0.1:1"},
    ],
)
def test_without_files_who_can_sign_in_asks_the_tenant(environment):
    with opened(environment) as source:
        assert isinstance(source, Graph)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "VIZSLA_FROM is not set: name the files .* To ask the tenant instead, give Vizsla a managed identity"),
        (
            {"VIZSLA_SIGN_IN": "identity", "VIZSLA_CLOUD": "globl"},
            "VIZSLA_CLOUD: globl is no cloud. Did you mean global",
        ),
        (
            {"VIZSLA_SIGN_IN": "identity", "VIZSLA_GRAPH_URL": "http://graph.microsoft.com"},
            "VIZSLA_GRAPH_URL: .*encrypted",
        ),
        ({"VIZSLA_SIGN_IN": "identity", "VIZSLA_AUTHORITY_URL": "login"}, "VIZSLA_AUTHORITY_URL: login is no address"),
        ({"VIZSLA_APP": "a"}, "VIZSLA_TENANT is its id"),
    ],
)
def test_what_cannot_be_built_names_its_setting(environment, expected):
    with pytest.raises(SettingsError, match=expected):
        opened(environment)


def test_a_tenant_can_be_asked_with_the_sign_in_of_a_laptop_and_nothing_set():
    with bootstrap.tenant(settings.read({}).live, "default", Memory()) as source:
        assert isinstance(source, Graph)


def test_what_a_tenant_needs_is_not_loaded_before_one_is_asked():
    program = (
        "import sys; from engine import bootstrap, settings; "
        "parts = bootstrap.build(settings.read({'VIZSLA_SIGN_IN': 'identity'})); "
        "print(sorted({'azure.identity', 'requests', 'tenacity', 'duckdb', 'cryptography'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
