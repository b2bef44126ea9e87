"""Where all is well nothing is found amiss, nothing is delivered, and nothing stays behind."""

import re

import pytest

from engine import bootstrap, loader
from engine.doctor import CHECKS
from engine.model.diagnosis import Diagnosis
from tests.engine.doctor.scene import states
from tests.fakes.azurite import Azurite

HERE_AND_NOW = (
    (r"Python 3\.\d+", "Python"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "MOMENT"),
    (r"\d+ s from", "N s from"),
    (r"[\d.]+ s$", "N s"),
    (r"\d+ packages", "N packages"),
)
WELL = (
    ("python", "", "Python"),
    ("packages", "", "N packages, each in its version"),
    ("settings", "", "9 set, each of them known"),
    ("app", "", "Azure Functions runs it"),
    ("store", "", "is read and written"),
    ("hunts", "", "two-questions"),
    ("lists", "", "known-good: 1, windows: 0; none is over or ends within 14 days"),
    ("sign-in", "", "an application or managed identity signed in to tenant [VIZSLA_TENANT]"),
    (
        "roles",
        "",
        (
            "the token holds ThreatHunting.Read.All, SecurityAlert.Create.All, SecurityAlert.Read.All, "
            "SecurityIncident.Read.All, SecurityIncident.ReadWrite.All, or what includes it"
        ),
    ),
    ("clock", "", "this machine's clock is N s from Microsoft Graph's"),
    ("hunting", "", "a question of one row is answered in N s"),
    (
        "quota",
        "",
        (
            "a call was let through; ours are 15 calls a minute and 500 an hour. How many are left, neither Graph nor "
            "the store tells"
        ),
    ),
    ("freshness", "", "the newest launch is of MOMENT"),
    ("tables", "two-questions", "what query.kql reads is there"),
    ("sinks", "teams", "its host answers. Whether its workflow still is there, only a card would tell"),
    (
        "sinks",
        "log_analytics",
        (
            "signed in, and its endpoint answers. Whether the role Monitoring Metrics Publisher is assigned on the "
            "rule no token says, and only a row would tell"
        ),
    ),
    ("sinks", "defender_alert", "lists alerts"),
    ("routes", "", "each hunt tells a sink that is set up"),
    ("runs", "", "each hunt keeps up with the clock, the newest event that they saw in a day is of MOMENT"),
)


def timeless(text):
    for found, instead in HERE_AND_NOW:
        text = re.sub(found, instead, text)
    return text


def test_all_is_well_and_every_check_says_so(scene):
    found = scene.examined()
    expected = [Diagnosis(check=check, about=about, state="ok", found=told, cure="") for check, about, told in WELL]
    assert [
        Diagnosis(check=each.check, about=each.about, state=each.state, found=timeless(each.found), cure=each.cure)
        for each in found.diagnoses
    ] == expected
    assert found.healthy
    assert list(dict.fromkeys(each.check for each in found.diagnoses)) == [check.name for check in CHECKS]


def test_nothing_is_delivered_and_nothing_stays_in_the_store(scene):
    before = scene.store.runs()
    scene.examined()
    assert (scene.teams.posted, scene.logs.rows, scene.graph.alerts.alerts) == ([], [], [])
    assert (scene.store.runs(), scene.store.undelivered("default", "two-questions")) == (before, ())
    assert [each.status for each in scene.logs.calls] == [401]
    assert {each.asked for each in scene.graph.calls if each.status == 200} == {
        "POST /v1.0/security/runHuntingQuery",
        "GET /v1.0/security/alerts_v2",
    }
    assert scene.graph.violations == []


def test_every_question_of_the_hunts_that_come_with_it_is_asked(scene):
    scene.set(VIZSLA_HUNTS=None)
    found = [each for each in scene.examined().diagnoses if each.check == "tables"]
    every = [
        " ".join((hunt.id, *("baseline.kql",) * bool(hunt.baseline_query), *("late.kql",) * bool(hunt.late_query)))
        for hunt in loader.load_all().hunts.values()
    ]
    told = [each.found.removeprefix("what query.kql").removesuffix(" reads is there") for each in found[:-1]]
    assert [f"{each.about}{more.replace(',', '')}" for each, more in zip(found, told, strict=False)] == every
    assert states(found) == [*(("tables", hunt, "ok") for hunt in loader.names()), ("tables", "", "ok")]
    assert found[-1].found == "what _lists/context.kql reads is there"


def test_over_files_no_tenant_is_asked(scene, tmp_path):
    file = tmp_path / "DeviceProcessEvents.ndjson"
    file.write_text('{"Timestamp": "2020-01-01T00:00:00Z", "DeviceId": "d", "FileName": "whoami.exe"}\n')
    scene.set(VIZSLA_FROM=str(file), VIZSLA_SINKS="teams", VIZSLA_LOGS_URL=None, VIZSLA_LOGS_RULE=None)
    assert states(scene.amiss()) == [(check, "", "skipped") for check in ("sign-in", "roles", "clock", "quota")]
    assert scene.graph.calls == []


def test_on_a_laptop_whoever_is_signed_in_asks(scene):
    scene.set(IDENTITY_ENDPOINT=None, IDENTITY_HEADER=None, FUNCTIONS_WORKER_RUNTIME=None)
    found = scene.examined(developer=True)
    assert [each for each in found.diagnoses if each.state not in ("ok", "skipped")] == []
    assert states(found.diagnoses)[7] == ("sign-in", "", "ok")


@pytest.fixture(scope="module")
def azurite():
    with Azurite() as running:
        yield running


def test_the_store_in_azure_is_read_and_written_and_left_as_it_was(scene, azurite, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", azurite.environment["REQUESTS_CA_BUNDLE"])
    scene.set(VIZSLA_STORE=None, VIZSLA_TABLES_URL=azurite.table)
    found = {each.check: each for each in scene.examined().diagnoses}
    assert (found["store"].state, found["store"].found) == ("ok", "is read and written")
    with bootstrap.tables(azurite.table, bootstrap.Live(sign_in="identity")) as kept:
        assert kept._entities.between("claim:" + scene.environment["VIZSLA_TENANT"], ("", "~")) == []
