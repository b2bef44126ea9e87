"""Which webhooks are agreed to, and that none of them is ever told."""

import logging

import pytest

from engine.errors import Refused, RemoteError, SettingsError
from engine.remote.webhook import Secret, cure, webhook

SETTING = "VIZSLA_TEAMS_URL_SOC"
PATH = "/workflows/0123abcd0123abcd/invoke?api-version=1&sig=TopSecret-TopSecret"
KEY = "TopSecret-TopSecret"


@pytest.mark.parametrize(
    ("origin", "hosts", "expected"),
    [
        ("https://prod-01.westeurope.logic.azure.com:443", (), None),
        ("https://prod-01.westeurope.logic.azure.com", (), None),
        ("https://defaultab.c3.environment.api.powerplatform.com:443", (), None),
        ("https://PROD-01.Westeurope.Logic.Azure.com", (), "https://prod-01.westeurope.logic.azure.com"),
        ("https://hooks.contoso.com", ("hooks.contoso.com",), None),
        ("https://hooks.contoso.com", ("Hooks.Contoso.COM",), None),
        ("https://a.b.contoso.com:8443", ("*.contoso.com",), None),
        ("https://127.0.0.1:8080", ("127.0.0.1",), None),
        ("http://127.0.0.1:8080", ("127.0.0.1",), None),
        ("http://[::1]:8080", ("::1",), None),
        ("http://localhost:8080", ("localhost",), None),
    ],
)
def test_a_webhook_is_taken_apart_into_origin_and_secret(origin, hosts, expected):
    assert webhook(origin + PATH, setting=SETTING, hosts=hosts) == (expected or origin, PATH)


@pytest.mark.parametrize(
    ("url", "hosts", "expected"),
    [
        (f"https://evil.example{PATH}", (), "evil.example is no host of Microsoft's"),
        (f"https://logic.azure.com{PATH}", (), "no host of Microsoft's"),
        (f"https://.logic.azure.com{PATH}", (), "no host of Microsoft's"),
        (f"https://xlogic.azure.com{PATH}", (), "no host of Microsoft's"),
        (f"https://a.logic.azure.com.evil.example{PATH}", (), "no host of Microsoft's"),
        (f"https://a.logic.azure.com.{PATH}", (), "no host of Microsoft's"),
        (f"https://a.hooks.contoso.com{PATH}", ("hooks.contoso.com",), "no host of Microsoft's"),
        (f"https://contoso.com{PATH}", ("*.contoso.com",), "no host of Microsoft's"),
        (f"http://127.0.0.1{PATH}", (), "no host of Microsoft's"),
        (f"http://127.0.0.1.evil.example{PATH}", ("127.0.0.1",), "no host of Microsoft's"),
        (f"http://a.logic.azure.com{PATH}", (), "begins with https"),
        (f"http://hooks.contoso.com{PATH}", ("hooks.contoso.com",), "begins with https"),
        (f"ftp://127.0.0.1{PATH}", ("127.0.0.1",), "begins with https"),
        (f"https://me:{KEY}@a.logic.azure.com{PATH}", (), "no user"),
        (f"https://@a.logic.azure.com{PATH}", (), "no user"),
        (f"https://a.logic.azure.com{PATH}#{KEY}", (), "no fragment"),
        ("https://a.logic.azure.com", (), "has a path"),
        (f"https://a.logic.azure.com/?sig={KEY}", (), "has a path"),
        (f"https://a.logic.azure.com:0{PATH}", (), "no address of a webhook"),
        (f"https://a.logic.azure.com:{KEY}{PATH}", (), "no address of a webhook"),
        (f"https://[{KEY}{PATH}", (), "no address of a webhook"),
        (f"https://evil.example\\@a.logic.azure.com{PATH}", (), "no address of a webhook"),
        (f"https://a.logic.azure.com{PATH}\nx", (), "no address of a webhook"),
        (f" https://a.logic.azure.com{PATH}", (), "no address of a webhook"),
        (f"https://\u0430.logic.azure.com{PATH}", (), "no address of a webhook"),
        (KEY, (), "no address of a webhook"),
        ("", (), "no address of a webhook"),
    ],
)
def test_an_unsafe_webhook_is_refused_by_the_name_of_its_setting_and_without_its_secret(url, hosts, expected):
    with pytest.raises(SettingsError, match=expected) as caught:
        webhook(url, setting=SETTING, hosts=hosts)
    told = str(caught.value)
    assert told.startswith(f"{SETTING}: ")
    assert [part for part in (KEY, "0123abcd", "invoke", "sig=") if part in told] == []
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"POST {PATH} failed", "POST *** failed"),
        (f"no such signature: {KEY}", "no such signature: ***"),
        ("workflow 0123abcd0123abcd is off", "workflow *** is off"),
        ("nothing of it, api-version=1", "nothing of it, api-version=1"),
    ],
)
def test_a_secret_and_its_keys_are_hidden_in_text_errors_and_logs(text, expected):
    secret = Secret(PATH)
    record = logging.LogRecord("urllib3", logging.DEBUG, "f", 1, "%s", (text,), None)
    error = secret.clear(Refused(text, status=400, reason=text))
    assert (secret.hide(text), str(error), error.reason) == (expected, expected, expected)
    assert (secret.filter(record), record.getMessage()) == (True, expected)
    assert str(secret.clear(RemoteError(text))) == expected
    assert KEY not in repr(secret)


def test_the_cure_names_no_app_role():
    assert "copy it anew from the workflow" in cure("anything")
