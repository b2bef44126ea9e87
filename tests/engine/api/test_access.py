"""Who may ask: roles as App Service tells them, and links that open one run for a while."""

import base64
import json
from datetime import timedelta

import pytest

from engine.api.access import opens, sign
from engine.stores.memory import Memory
from tests.engine.api.house import NOON, RUNS

ROLE = "Hunt.Run"
LONG_CLAIM = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"


def packed(document):
    return base64.b64encode(json.dumps(document).encode()).decode()


def principal(*roles, claim="roles", **more):
    return packed({"auth_typ": "aad", "claims": [{"typ": claim, "val": role} for role in roles], **more})


@pytest.fixture
def guarded(built):
    return built(role=ROLE, has_sign_in=True)


@pytest.mark.parametrize(
    "header",
    [
        principal(ROLE),
        principal("Other", ROLE),
        principal(ROLE, claim=LONG_CLAIM),
        principal(ROLE, claim="groups/role", role_typ="groups/role"),
    ],
)
def test_a_caller_with_the_role_is_answered(guarded, header):
    assert guarded.ask("GET", "/api/hunts", x_ms_client_principal=header)[0] == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "no base64",
        base64.b64encode(b"no json").decode(),
        base64.b64encode(b"\xff\xfe{}").decode(),
        base64.b64encode(b'{"claims": ' + b"[" * 5_000).decode(),
        base64.b64encode(b'{"claims": [{"typ": "roles", "val": ' + b"[" * 5_000).decode(),
        packed([]),
        packed({}),
        packed({"claims": None}),
        packed({"claims": [{"typ": "roles"}]}),
        packed({"claims": [{"typ": "roles", "val": [ROLE]}]}),
        packed({"claims": [{"typ": "roles", "val": {"Hunt.Run": 1}}]}),
        principal(),
        principal("hunt.run"),
        principal("Hunt.Run.All"),
        principal("Hunt.Run,Other"),
        principal(ROLE, claim="name"),
        principal(ROLE, claim="groups"),
        "ä",
    ],
)
def test_whoever_lacks_the_role_is_refused_whatever_the_header_holds(guarded, header):
    status, _, said = guarded.ask("GET", "/api/hunts", x_ms_client_principal=header)
    assert (status, said["detail"]) == (403, f"the caller's token does not hold the application role {ROLE}.")


KEYED = [
    ("GET", "/api/hunts"),
    ("POST", RUNS),
    ("GET", "/api/findings"),
    ("GET", "/api/mutes"),
    ("POST", "/api/mutes"),
    ("DELETE", "/api/mutes/x"),
    ("GET", "/api/health/detail"),
    ("GET", "/api/openapi.json"),
]


@pytest.mark.parametrize(("method", "path"), KEYED)
def test_everything_but_probes_and_signed_links_wants_the_role(guarded, method, path):
    assert guarded.ask(method, path)[0] == 403
    assert guarded.ask(method, path, x_ms_client_principal=principal(ROLE))[0] != 403
    assert guarded.ask("GET", "/api/health")[0] == 200


@pytest.mark.parametrize(("method", "path"), KEYED)
def test_where_nothing_signs_callers_in_nobody_is_believed(built, method, path):
    house = built(role=ROLE, has_sign_in=False)
    status, _, said = house.ask(method, path, x_ms_client_principal=principal(ROLE))
    assert (status, "nothing signs callers in" in said["detail"]) == (503, True)
    assert house.started == []


def test_a_signed_link_needs_no_role(guarded):
    status, _, said = guarded.ask("POST", RUNS, {}, x_ms_client_principal=principal(ROLE))
    assert status == 200
    assert [guarded.ask("GET", link)[0] for link in said["links"].values()] == [200, 200]


def test_a_link_opens_its_own_run_for_twelve_hours():
    store, other = Memory(), Memory()
    link = sign("a", store, NOON)
    nearly = NOON + timedelta(hours=12) - timedelta(seconds=1)
    assert opens(link, "a", store, nearly)
    assert not opens(link, "a", store, nearly + timedelta(seconds=1))
    assert not opens(link, "b", store, NOON)
    assert not opens(link, "a", other, NOON)


def flips(text):
    for place in range(0, len(text), 7):
        yield text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]


def test_a_link_that_was_changed_opens_nothing():
    store = Memory()
    link = sign("a", store, NOON)
    payload, _, signature = link.rpartition(".")
    longer = base64.urlsafe_b64encode(b'["a",9999999999]').decode().rstrip("=")
    changed = [*flips(link), payload, f"{payload}.", f".{signature}", f"{longer}.{signature}", "", ".", "..", "ä", "\0"]
    assert [each for each in changed if opens(each, "a", store, NOON)] == []


@pytest.mark.parametrize("page", ["", "/report"])
def test_without_its_link_no_run_is_shown_nor_whether_it_is_there(built, page):
    house = built()
    first, second = house.run({})[1], house.run({})[1]
    signature = first["links"]["self"].partition("?")[2]
    asked = [
        f"/api/runs/{first['id']}{page}",
        f"/api/runs/{second['id']}{page}?{signature}",
        f"/api/runs/unknown{page}?{signature}",
        f"/api/runs/unknown{page}",
    ]
    answers = [house.ask("GET", path) for path in asked]
    assert {status for status, _, _ in answers} == {403}
    assert len({said["detail"] for _, _, said in answers}) == 1


def test_a_link_that_is_over_opens_nothing(built):
    house = built()
    link = house.run({})[1]["links"]["self"]
    house.now += timedelta(hours=12)
    assert house.ask("GET", link)[0] == 403
