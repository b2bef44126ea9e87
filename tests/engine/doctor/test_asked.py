"""The doctor on the command line and over HTTP: its exit code, a table that fits, JSON, and who may ask."""

import os
import re
from datetime import UTC, datetime

import msgspec
import pytest

from engine import bootstrap, settings
from engine.api import answer, front
from engine.api.call import Call, Front
from engine.doctor import CHECKS, diagnose
from engine.model.diagnosis import Examination
from tests.engine.test_cli import SMALL, vizsla

SAMPLES = ("doctor", "--from", "samples", "--hunts", SMALL)


def test_over_files_all_is_well_and_nothing_is_needed():
    done = vizsla(*SAMPLES, "--format", "json")
    found = msgspec.json.decode(done.stdout, type=Examination)
    assert (done.returncode, done.stderr, found.healthy) == (0, "", True)
    assert list(dict.fromkeys(each.check for each in found.diagnoses)) == [check.name for check in CHECKS]


def test_a_store_that_is_named_on_the_command_line_is_the_one_that_is_looked_at(tmp_path):
    done = vizsla(*SAMPLES, "--store", tmp_path / "s.db", "--format", "json", VIZSLA_TABLES_URL="https://a.example")
    found = {each.check: each.state for each in msgspec.json.decode(done.stdout, type=Examination).diagnoses}
    assert (found["settings"], found["store"], found["runs"]) == ("ok", "ok", "warning")
    assert done.returncode == 0


def test_the_table_is_readable_in_80_columns_and_what_fails_has_what_to_do_beside_it(tmp_path):
    environment = {"VIZSLA_STORE": str(tmp_path / "no" / "s.db"), "VIZSLA_SINKZ": "teams", "COLUMNS": "80"}
    done = vizsla(*SAMPLES, **environment)
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (1, "")
    assert max(map(len, lines)) <= 80
    told = " ".join(done.stdout.split())
    assert "settings failed VIZSLA_SINKZ: VIZSLA_SINKZ: no such setting. To do: Did you mean VIZSLA_SINKS?" in told
    assert re.search(r"store failed \[VIZSLA_STORE\].* To do: Set VIZSLA_STORE to a file", told)
    assert re.fullmatch(r"\d+ ok, \d+ warning, 2 failed, \d+ skipped", lines[-1])


def test_a_secret_reaches_neither_output_nor_errors():
    webhook = "https://127.0.0.1:1/workflows/0123456789abcdef?sig=fedcba9876543210"
    environment = {"VIZSLA_SINKS": "teams", "VIZSLA_TEAMS_URL": webhook, "VIZSLA_APP_SECRET": "very-private-9"}
    done = vizsla(*SAMPLES, VIZSLA_TEAMS_HOSTS="127.0.0.1", COLUMNS="999", **environment)
    assert done.returncode == 1
    assert "Teams: HEAD /: no answer" in done.stdout
    assert not [word for word in ("0123456789abcdef", "fedcba", "very-private-9") if word in done.stdout + done.stderr]


def asked(method="GET", path="/api/doctor", headers=None):
    return Call(method=method, path=path, origin="https://app.example", headers=headers or {})


def a_front(scene, **changes):
    desk = bootstrap.build(settings.read(scene.environment))
    given = {"start": None, "sleep": None, "description": dict, "environment": scene.environment}
    return Front(desk=desk, now=lambda: datetime.now(UTC), **given | changes)


def test_over_http_the_answer_is_what_the_doctor_finds_even_where_it_is_bad_news(scene):
    scene.identity.roles = ()
    given = answer(asked(), a_front(scene))
    found = msgspec.json.decode(given.body, type=Examination)
    assert (given.status, given.headers["Cache-Control"], found.healthy) == (200, "no-store", False)
    expected = diagnose(scene.environment, now=lambda: datetime.now(UTC))
    assert [(each.check, each.about, each.state) for each in found.diagnoses] == [
        (each.check, each.about, each.state) for each in expected.diagnoses
    ]


def test_over_http_whoever_lacks_the_role_is_refused(scene):
    assert answer(asked(), a_front(scene, role="Hunt.Run", has_sign_in=True)).status == 403


@pytest.fixture
def asks(scene, monkeypatch):
    """Asks the app, in whose own environment a setting is misspelt, so that no desk can be built."""
    scene.set(VIZSLA_SINKZ="teams", APPLICATIONINSIGHTS_CONNECTION_STRING=None)
    for name in [name for name in os.environ if name.startswith("VIZSLA_")]:
        monkeypatch.delenv(name)
    for name, value in scene.environment.items():
        monkeypatch.setenv(name, value)
    for cached in (front.front, bootstrap.desk):
        cached.cache_clear()
    return lambda **given: front.respond(asked(**given), queue="q")


def test_an_app_whose_settings_are_wrong_still_says_what_is_wrong(asks):
    given = asks()
    found = msgspec.json.decode(given.body, type=Examination)
    amiss = [(each.check, each.found) for each in found.diagnoses if each.state == "failed"]
    assert (given.status, amiss) == (200, [("settings", "VIZSLA_SINKZ: no such setting.")])
    others = (asks(path="/api/hunts"), asks(path="/api/doctor/"), asks(method="POST"))
    assert [each.status for each in others] == [503, 503, 503]


def test_but_not_where_callers_need_a_role_that_nobody_can_look_for(asks, monkeypatch):
    monkeypatch.setenv("VIZSLA_REQUIRE_APP_ROLE", "Hunt.Run")
    assert asks().status == 503
