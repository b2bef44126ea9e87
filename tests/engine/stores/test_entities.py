"""One table of Azure: keys, and refusals. Azurite never refuses: a server of our own does."""

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.wrappers import Response

from engine.errors import StoreError
from engine.stores.entities import safe
from engine.stores.tables import Tables
from tests.fakes.authority import tls
from tests.fakes.serving import Server

ROLE = "Storage Table Data Contributor"
MISMATCH = r"refused \(No\. Id:1 ErrorCode:AuthorizationPermissionMismatch\)\."


@given(st.lists(st.lists(st.text(), min_size=1, max_size=4), min_size=2, max_size=2, unique_by=tuple))
def test_keys_are_plain_and_short_and_no_two_are_alike(lists):
    keys = {safe(*parts) for parts in lists}
    assert len(keys) == 2
    assert all(re.fullmatch(r"[A-Za-z0-9._~:-]{1,512}", key) for key in keys)


class Page(Server):
    """Answers everything with one status and one of Azure's codes; counts how often it is asked."""

    scheme = "https"

    def __init__(self, status, code, **headers):
        self.status, self.headers = status, {"x-ms-error-code": code, **headers}
        self.body = msgspec.json.encode(
            {"odata.error": {"code": code, "message": {"lang": "en", "value": "No.\nId:1"}}}
        )
        self.asked = 0

    def __call__(self, environ, start_response):
        self.asked += 1
        answer = Response(self.body, self.status, headers=self.headers, mimetype="application/json")
        return answer(environ, start_response)


@pytest.fixture
def trusted(tmp_path, monkeypatch):
    """A server's TLS settings that this test trusts."""
    context, bundle = tls(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    return context


@pytest.mark.parametrize(
    ("page", "told", "asked"),
    [
        (Page(403, "AuthorizationPermissionMismatch"), f"{MISMATCH} Whoever signs in needs the role {ROLE}", 1),
        (Page(401, "AuthenticationFailed"), r"nobody could sign in .*give the app a managed identity", 1),
        (Page(503, "ServerBusy", **{"Retry-After": "0.01"}), "the service answers 503", 4),
        (Page(400, "InvalidInput"), "the service answers 400", 1),
    ],
    ids=["403", "401", "503", "400"],
)
def test_a_refusal_says_what_and_what_to_do(credential, trusted, page, told, asked):
    page.tls = trusted
    with page, pytest.raises(StoreError, match=told) as raised:
        Tables(page.url, credential)
    assert "\n" not in str(raised.value)
    assert page.asked == asked


def test_an_address_where_nobody_answers_is_named(credential):
    with Page(200, "") as page:
        url = page.url
    with pytest.raises(StoreError, match=rf"{url}, table vizsla: no answer .*Is VIZSLA_TABLES_URL the account's"):
        Tables(url, credential)


def test_who_has_no_identity_is_told_so(identity, credential, azurite):
    identity.refuses = True
    with pytest.raises(StoreError, match="nobody could sign in"):
        Tables(azurite.table, credential)
