"""No value of a setting is told, wherever a secret was put; our own words are."""

import io

import msgspec
import pytest
from rich.console import Console

from engine.doctor.hiding import hider
from engine.doctor.reading import mistakes
from engine.report import diagnosis
from engine.settings import SETTINGS, STORAGE
from tests.fakes.authority import Authority

SECRET = "Pl4nted~secret/which+is=long-enough.0123456789abcdef"  # noqa: S105 - it is planted
SETTING = [
    *(name.replace("<CHANNEL>", "SOC") for name in SETTINGS),
    STORAGE,
    f"{STORAGE}__queueServiceUri",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "VIZSLA_MISSPELT",
]
IN_ADDRESSES = ("https://127.0.0.1:1/{}?sig={}", "https://127.0.0.1:1/{}/", "https://{}@127.0.0.1/")
LEADS = [name for name in SETTING if "URL" in name or name in ("VIZSLA_HUNTS", "VIZSLA_FROM", "VIZSLA_STORE")]
PLACES = [*((name, "{}") for name in SETTING), *((name, form) for name in LEADS for form in IN_ADDRESSES)]


def told(scene):
    """All that is told, as JSON and as a table, without what a terminal breaks lines with."""
    found = scene.examined()
    table = io.StringIO()
    diagnosis.show(found, Console(file=table, width=10_000))
    return msgspec.json.encode(found).decode() + table.getvalue()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    with Authority(tmp_path_factory.mktemp("tls")) as opened:
        yield opened


@pytest.mark.parametrize(("name", "form"), PLACES)
def test_a_secret_in_any_setting_is_told_nowhere(scene, monkeypatch, authority, name, form):
    monkeypatch.chdir(scene.place)  # a relative file is made there
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    if name.startswith(("VIZSLA_APP", "VIZSLA_TENANT")):
        scene.set(VIZSLA_APP="an-application", VIZSLA_AUTHORITY_URL=authority.url)
    if name == "VIZSLA_TABLES_URL":
        scene.set(VIZSLA_STORE=None)
    scene.set(**{name: form.replace("{}", SECRET)})
    said = told(scene)
    assert SECRET.casefold() not in said.casefold()
    assert "0123456789abcdef" not in said


def test_a_value_is_told_as_its_setting_and_our_own_words_are_told():
    hide = hider(
        {
            "VIZSLA_STORE": "/var/lib/vizsla/Store.db",
            "VIZSLA_SINKS": "teams;log_analytics;a-stranger",
            "VIZSLA_TENANT": "default",
            "VIZSLA_SIGN_IN": "identity",
            "VIZSLA_APP_SECRET": "abcd",
            "VIZSLA_TEAMS_URL": "https://example.com/hook?sig=0123456789abcdef",
            "PATH": "/usr/local/bin:/usr/bin",
        }
    )
    assert hide("/var/lib/vizsla/store.db cannot be opened") == "[VIZSLA_STORE] cannot be opened"
    assert hide("log_analytics, a-stranger; a managed identity of default") == (
        "log_analytics, [VIZSLA_SINKS]; a managed identity of default"
    )
    assert hide("abcd, 0123456789ABCDEF at example.com") == "[VIZSLA_APP_SECRET], [VIZSLA_TEAMS_URL] at example.com"
    assert hide("/usr/local/bin:/usr/bin") == "/usr/local/bin:/usr/bin"
    assert hider({})("anything") == "anything"


def test_every_mistake_of_an_environment_is_named_once():
    environment = {
        "VIZSLA_STORE": "s.db",
        "VIZSLA_TABLES_URL": "https://a.table.core.windows.net",
        "VIZSLA_COMMENTS": "no",
        "VIZSLA_SIGN_IN": "me",
        "VIZSLA_ROW_LIMIT": "0",
        "VIZSLA_TENNANT": "t",
        "VIZSLA_APP_SECRET": "@Microsoft.KeyVault(VaultName=v;SecretName=s)",
        "VIZSLA_SINKS": "memory",
        "PATH": "/bin",
    }
    assert [(each.names, each.message) for each in mistakes(environment)] == [
        (("VIZSLA_APP_SECRET",), "VIZSLA_APP_SECRET: its Key Vault reference is not resolved."),
        (("VIZSLA_COMMENTS",), "VIZSLA_COMMENTS: no is neither on nor off."),
        (("VIZSLA_ROW_LIMIT",), "VIZSLA_ROW_LIMIT: 0 is no whole number above 0."),
        (("VIZSLA_SIGN_IN",), "VIZSLA_SIGN_IN: me is none of identity, app, developer."),
        (("VIZSLA_TENNANT",), "VIZSLA_TENNANT: no such setting."),
        (
            ("VIZSLA_STORE", "VIZSLA_TABLES_URL"),
            "VIZSLA_STORE and VIZSLA_TABLES_URL name two places for what is remembered: leave out one.",
        ),
    ]
