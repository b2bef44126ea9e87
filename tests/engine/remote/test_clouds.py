"""Which addresses are agreed to, and that each cloud has its own."""

import pytest

from engine.errors import SettingsError
from engine.remote.clouds import CLOUDS, address


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://graph.microsoft.com", "https://graph.microsoft.com"),
        ("https://graph.microsoft.us/", "https://graph.microsoft.us"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("http://localhost:8080/prefix/", "http://localhost:8080/prefix"),
    ],
)
def test_an_address_is_taken_without_its_last_slash(url, expected):
    assert address(url, "VIZSLA_GRAPH_URL") == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://graph.microsoft.com", "is not encrypted"),
        ("http://localhost.example.com", "is not encrypted"),
        ("http://127.0.0.1.example.com", "is not encrypted"),
        ("http://0.0.0.0", "is not encrypted"),
        ("ftp://127.0.0.1", "is no address"),
        ("graph.microsoft.com", "is no address"),
        ("https://", "is no address"),
        ("https://me:secret@graph.microsoft.com", "has no user"),
        ("https://graph.microsoft.com?sig=secret", "has no user"),
        ("https://graph.microsoft.com#x", "has no user"),
    ],
)
def test_an_unsafe_address_is_refused_by_the_name_of_its_setting_and_without_its_secret(url, expected):
    with pytest.raises(SettingsError, match=expected) as caught:
        address(url, "VIZSLA_GRAPH_URL")
    assert str(caught.value).startswith("VIZSLA_GRAPH_URL: ")
    assert "secret" not in str(caught.value)


def test_each_cloud_has_its_own_authority_and_host():
    assert {name: (cloud.authority, cloud.graph, cloud.graph_scope) for name, cloud in CLOUDS.items()} == {
        "global": (
            "https://login.microsoftonline.com",
            "https://graph.microsoft.com",
            "https://graph.microsoft.com/.default",
        ),
        "us-gov-l4": (
            "https://login.microsoftonline.us",
            "https://graph.microsoft.us",
            "https://graph.microsoft.us/.default",
        ),
        "us-gov-l5": (
            "https://login.microsoftonline.us",
            "https://dod-graph.microsoft.us",
            "https://dod-graph.microsoft.us/.default",
        ),
    }
