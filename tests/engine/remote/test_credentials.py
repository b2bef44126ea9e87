"""The contract of signing in: the real azure-identity, against endpoints on this machine."""

import logging

import jwt
import pytest
from cryptography.x509 import load_pem_x509_certificate

from engine.errors import NotPermitted, SettingsError
from engine.remote.clouds import CLOUDS
from engine.remote.credentials import SignIn, Tokens, credential
from tests.fakes.authority import Authority, app_certificate
from tests.fakes.identity import Identity, claims

SCOPE = "https://graph.microsoft.com/.default"
GRAPH = "https://graph.microsoft.com"
TENANT, APP = "aaaaaaaa-0000-0000-0000-000000000001", "bbbbbbbb-0000-0000-0000-000000000002"
WORD = "very private"
GLOBAL = CLOUDS["global"]


@pytest.fixture(autouse=True)
def nobody(monkeypatch):
    """No sign-in of this machine's own gets in the way."""
    for name in ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def identity(monkeypatch):
    with Identity() as opened:
        for name, value in opened.environment.items():
            monkeypatch.setenv(name, value)
        yield opened


@pytest.fixture
def authority(tmp_path, monkeypatch):
    with Authority(tmp_path) as opened:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(opened.bundle))
        yield opened


def app(authority, **changes):
    return SignIn(kind="app", tenant=TENANT, app=APP, authority=authority.url, **changes)


@pytest.mark.parametrize(
    ("sign_in", "client"),
    [
        (SignIn(kind="identity"), None),
        (SignIn(kind="identity", client=APP), APP),
        (SignIn(kind="developer"), None),
        (SignIn(kind="developer", client=APP), APP),
    ],
)
def test_contract_a_token_is_asked_once_and_kept(identity, sign_in, client):
    tokens = Tokens(credential(sign_in, GLOBAL), SCOPE)
    given = {tokens() for _ in range(5)}
    assert given == set(identity.issued)
    assert identity.asked == [(GRAPH, client)]
    assert claims(given.pop())["aud"] == GRAPH


@pytest.mark.parametrize("cloud", CLOUDS)
def test_contract_each_cloud_asks_for_tokens_of_its_own(identity, cloud):
    Tokens(credential(SignIn(kind="identity"), CLOUDS[cloud]), CLOUDS[cloud].graph_scope)()
    assert identity.asked == [(CLOUDS[cloud].graph, None)]


def test_contract_who_cannot_sign_in_is_told_why_and_for_what(identity):
    identity.refuses = True
    with pytest.raises(
        NotPermitted, match=r"nobody could sign in for https://graph\.microsoft\.com/\.default: "
    ) as caught:
        Tokens(credential(SignIn(kind="identity"), GLOBAL), SCOPE)()
    assert len(str(caught.value)) < 500


def test_contract_an_application_is_proven_by_the_managed_identity(identity, authority):
    tokens = Tokens(credential(app(authority), GLOBAL), SCOPE)
    assert [tokens(), tokens()] == authority.issued * 2
    ((tenant, form),) = authority.asked
    assert (tenant, form["client_id"], form["scope"]) == (TENANT, APP, SCOPE)
    assert form["client_assertion"] == identity.issued[0]
    assert identity.asked == [("api://AzureADTokenExchange", None)]


@pytest.mark.parametrize(
    ("cloud", "audience"),
    [
        ("global", "api://AzureADTokenExchange"),
        ("us-gov-l4", "api://AzureADTokenExchangeUSGov"),
        ("us-gov-l5", "api://AzureADTokenExchangeUSGov"),
    ],
)
def test_contract_the_exchanged_token_is_made_out_for_its_cloud(identity, authority, cloud, audience):
    Tokens(credential(app(authority), CLOUDS[cloud]), CLOUDS[cloud].graph_scope)()
    assert identity.asked == [(audience, None)]


def test_contract_an_application_is_proven_by_its_certificate(authority, tmp_path):
    file = app_certificate(tmp_path)
    assert Tokens(credential(app(authority, certificate=file), GLOBAL), SCOPE)() == authority.issued[0]
    ((tenant, form),) = authority.asked
    held = load_pem_x509_certificate(file.read_bytes())
    algorithm = jwt.get_unverified_header(form["client_assertion"])["alg"]
    says = jwt.decode(form["client_assertion"], held.public_key(), [algorithm], options={"verify_aud": False})
    assert (tenant, says["iss"], says["sub"]) == (TENANT, APP, APP)


def test_contract_an_application_is_proven_by_its_secret(authority):
    assert Tokens(credential(app(authority, secret=WORD), GLOBAL), SCOPE)() == authority.issued[0]
    ((tenant, form),) = authority.asked
    assert (tenant, form["client_id"], form["client_secret"]) == (TENANT, APP, WORD)


def test_contract_neither_token_nor_secret_is_logged(identity, authority, caplog):
    caplog.set_level(logging.DEBUG)
    for sign_in in (app(authority), app(authority, secret=WORD), SignIn(kind="developer")):
        Tokens(credential(sign_in, GLOBAL), SCOPE)()
        assert WORD not in repr(sign_in)
    told = "\n".join(record.getMessage() for record in caplog.records)
    assert [secret for secret in (*identity.issued, *authority.issued, WORD) if secret in told] == []


@pytest.mark.parametrize(
    ("sign_in", "expected"),
    [
        (SignIn(kind="app", app=APP), "VIZSLA_TENANT is its id"),
        (SignIn(kind="app", tenant=TENANT), "VIZSLA_APP the application's"),
        (SignIn(kind="app", tenant="no tenant!", app=APP, secret=WORD), "cannot be set up"),
    ],
)
def test_an_application_that_is_half_named_is_refused(sign_in, expected):
    with pytest.raises(SettingsError, match=expected):
        credential(sign_in, GLOBAL)


@pytest.mark.parametrize(
    ("content", "expected"),
    [(None, "cannot be set up: No such file or directory"), (b"no certificate", "cannot be set up: ")],
)
def test_a_certificate_that_is_none_is_told_at_once(tmp_path, content, expected):
    file = tmp_path / "app.pem"
    if content:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=expected):
        credential(SignIn(kind="app", tenant=TENANT, app=APP, certificate=file), GLOBAL)
