"""Every fault that is provoked is found, told with its cure, and hides no other."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from engine.remote.budget import LIMITS
from tests.engine.doctor.scene import MINUTE, ROLES, Scene, states, tenant
from tests.fakes.graph import Refusal
from tests.fakes.identity import TENANT

NOWHERE = "http://127.0.0.1:1"
FAULTS = []


def fault(*expected, found, cure):
    """Enters a way to spoil a scene: what is then amiss, in order, and what is told of the first."""

    def entered(spoil):
        FAULTS.append(pytest.param(spoil, expected, found, cure, id=spoil.__name__))
        return spoil

    return entered


def failed(check, about=""):
    return check, about, "failed"


def warned(check, about=""):
    return check, about, "warning"


def skipped(*checks):
    return tuple((check, "", "skipped") for check in checks)


@fault(failed("python"), found=r"Python 3\.10; Vizsla needs 3\.11 or later", cure="Install Python 3.13")
def python_too_old(scene):
    scene.machine = replace(scene.machine, python=(3, 10))


@fault(warned("python"), found=r"Python 3\.14; the app is tested with 3\.13", cure="Install Python 3.13")
def python_untested(scene):
    scene.machine = replace(scene.machine, python=(3, 14))


def requirements(scene, text):
    file = scene.place / "requirements.txt"
    file.write_text(f"# What is needed.\n{text}\n")
    scene.machine = replace(scene.machine, requirements=file)


@fault(failed("packages", "vizsla-absent"), found="is not installed; ==1.0 is needed", cure="pip install -r")
def package_missing(scene):
    requirements(scene, "vizsla-absent==1.0\nvizsla-elsewhere==1.0; python_version < '3'")


@fault(warned("packages", "msgspec"), found=r"[\d.]+ is installed; tested with ==0\.1", cure="pip install -r")
def package_of_another_version(scene):
    requirements(scene, "msgspec==0.1")


@fault(failed("settings", "VIZSLA_SINK"), found="VIZSLA_SINK: no such setting.", cure="Did you mean VIZSLA_SINKS?")
def setting_misspelt(scene):
    scene.set(VIZSLA_SINK="teams")


@fault(
    failed("settings", "VIZSLA_CALLS_A_MINUTE"),
    failed("settings", "VIZSLA_COMMENTS"),
    *skipped("hunting", "quota", "freshness", "tables"),
    found="VIZSLA_CALLS_A_MINUTE: many is no whole number above 0.",
    cure="Mend it: docs/settings.md",
)
def two_settings_unreadable(scene):
    scene.set(VIZSLA_CALLS_A_MINUTE="many", VIZSLA_COMMENTS="perhaps")


@fault(
    failed("settings", "VIZSLA_STORE VIZSLA_TABLES_URL"),
    *skipped("store", "runs"),
    found="VIZSLA_STORE and VIZSLA_TABLES_URL name two places",
    cure="Mend it",
)
def settings_contradictory(scene):
    scene.set(VIZSLA_TABLES_URL="https://vizslastorage.table.core.windows.net")


@fault(
    failed("settings", "VIZSLA_TEAMS_URL"),
    ("sinks", "teams", "skipped"),
    found="VIZSLA_TEAMS_URL: its Key Vault reference is not resolved.",
    cure="the role Key Vault Secrets User",
)
def vault_reference_unresolved(scene):
    scene.set(VIZSLA_TEAMS_URL="@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/teams)")


@fault(
    warned("settings", "VIZSLA_APP"),
    found="does nothing: VIZSLA_SIGN_IN or VIZSLA_APP say that no application signs in",
    cure="Take it out",
)
def setting_idle(scene):
    scene.set(VIZSLA_APP_CERTIFICATE="app.pem")


@fault(failed("app", "AzureWebJobsStorage"), found="no queue to wait in", cure="AzureWebJobsStorage__queueServiceUri")
def queue_missing(scene):
    scene.set(AzureWebJobsStorage__accountName=None)


@fault(failed("app", "VIZSLA_REQUIRE_APP_ROLE"), found="nothing signs callers in", cure="Turn on App Service auth")
def role_without_sign_in(scene):
    scene.set(VIZSLA_REQUIRE_APP_ROLE="Hunt.Run")


@fault(warned("app", "APPLICATIONINSIGHTS_CONNECTION_STRING"), found="nobody sees how runs do", cure="Application Ins")
def telemetry_missing(scene):
    scene.set(APPLICATIONINSIGHTS_CONNECTION_STRING=None)


@fault(failed("store"), *skipped("runs"), found="what is remembered is gone", cure="Set VIZSLA_STORE to a file, or in")
def store_missing(scene):
    scene.set(VIZSLA_STORE=None)


@fault(failed("store"), *skipped("runs"), found=r"\[VIZSLA_STORE\]", cure="Set VIZSLA_STORE to a file, or in Azure")
def store_in_no_folder(scene):
    scene.set(VIZSLA_STORE=str(scene.place / "absent" / "store.db"))


@fault(failed("store"), *skipped("runs"), found=r"\[VIZSLA_STORE\]", cure="Set VIZSLA_STORE to a file, or in Azure")
def store_damaged(scene):
    file = scene.place / "damaged.db"
    file.write_bytes(b"no database at all, but long enough to be looked at" * 100)
    scene.set(VIZSLA_STORE=str(file))


@fault(failed("store"), *skipped("runs"), found=r"\[VIZSLA_TABLES_URL\].*: no answer", cure="VIZSLA_TABLES_URL")
def store_in_azure_unreachable(scene):
    scene.set(VIZSLA_STORE=None, VIZSLA_TABLES_URL="https://127.0.0.1:1/devstoreaccount1")


@fault(
    failed("hunts"),
    *skipped("lists", "tables", "routes", "runs"),
    found=r"\[VIZSLA_HUNTS\] is no folder of hunts",
    cure="VIZSLA_HUNTS",
)
def hunts_not_there(scene):
    scene.set(VIZSLA_HUNTS=str(scene.place / "absent"))


@fault(failed("hunts"), found="the folder holds no hunt", cure="Set VIZSLA_HUNTS")
def no_hunt(scene):
    (scene.place / "empty").mkdir()
    scene.set(VIZSLA_HUNTS=str(scene.place / "empty"))


@fault(
    failed("hunts", "two-questions"),
    found=r"two-questions/hunt\.yaml:\d+: .*hypothesys.*\(and 1 more\)",
    cure="`vizsla check` tells every fault",
)
def hunt_broken(scene):
    scene.edit("two-questions", "hunt.yaml", "hypothesis:", "hypothesys:")


@fault(warned("lists", "known-good"), found="expired, and excuses nothing: an-agent", cure="Renew it with its owner")
def known_good_expired(scene):
    scene.edit("_lists", "excused.yaml", scene.entry(days=300), scene.entry(days=-1))


@fault(warned("lists", "known-good"), found="expires within 14 days: an-agent", cure="Renew it with its owner")
def known_good_about_to_expire(scene):
    scene.edit("_lists", "excused.yaml", scene.entry(days=300), scene.entry(days=14))


@fault(warned("lists", "windows"), found="ends within 14 days: red-team", cure="Renew it with its owner")
def window_about_to_end(scene):
    now = datetime.now(UTC)
    entry = (
        f"entries: [{{name: red-team, devices: [ws01], from: {(now - timedelta(days=2)).isoformat()}, "
        f"to: {(now + timedelta(days=2)).isoformat()}, owner: anna, reason: An exercise.}}]\n"
    )
    (scene.folder / "_lists" / "windows.yaml").write_text(entry)
    step = "  - score: {catalogue: questions}\n"
    scene.edit("two-questions", "hunt.yaml", step, f"{step}  - mark_windows: {{windows: windows}}\n")


@fault(
    failed("sign-in"),
    *skipped("roles", "hunting", "quota", "freshness", "tables"),
    failed("sinks", "log_analytics"),
    failed("sinks", "defender_alert"),
    found="nobody could sign in for https://graph.microsoft.com/.default",
    cure="Give the app a managed identity",
)
def identity_refused(scene):
    scene.identity.refuses = True


@fault(
    failed("sign-in"),
    *skipped("roles", "clock", "hunting", "quota", "freshness", "tables"),
    found="nothing says who asks the tenant",
    cure="Give the app a managed identity",
)
def nobody_named(scene):
    scene.set(IDENTITY_ENDPOINT=None, VIZSLA_SINKS="teams", VIZSLA_LOGS_URL=None, VIZSLA_LOGS_RULE=None)


@fault(
    failed("sign-in"),
    *skipped("roles", "clock", "hunting", "quota", "freshness", "tables"),
    failed("sinks", "defender_alert"),
    warned("runs", "two-questions"),
    found="an application signs in to a tenant: VIZSLA_TENANT is its id",
    cure="Give the app a managed identity",
)
def application_without_tenant(scene):
    scene.set(VIZSLA_APP="an-application", VIZSLA_TENANT=None)


@fault(
    failed("sign-in"),
    *skipped("roles", "clock", "hunting", "quota", "freshness", "tables"),
    failed("sinks", "log_analytics"),
    failed("sinks", "defender_alert"),
    found="VIZSLA_CLOUD: globl is no cloud. Did you mean global?",
    cure="Give the app a managed identity",
)
def cloud_misspelt(scene):
    scene.set(VIZSLA_CLOUD="globl")


@fault(failed("sign-in"), warned("runs", "two-questions"), found="for another tenant than", cure="the tenant's own id")
def another_tenant(scene):
    scene.set(VIZSLA_TENANT="bbbbbbbb-0000-0000-0000-000000000002")


@fault(
    failed("roles", "ThreatHunting.Read.All"),
    failed("hunting"),
    *skipped("quota", "freshness", "tables"),
    found="is not in the token",
    cure="grant-permissions",
)
def right_to_hunt_missing(scene):
    scene.identity.roles = ROLES[1:]


@fault(
    failed("roles", "SecurityAlert.Read.All"),
    failed("sinks", "defender_alert"),
    found="is not in the token",
    cure="grant-permissions",
)
def right_to_read_alerts_missing(scene):
    scene.identity.roles = tuple(role for role in ROLES if role != "SecurityAlert.Read.All")


@fault(failed("roles", "SecurityAlert.Create.All"), found="is not in the token", cure="grant-permissions")
def right_to_open_alerts_missing(scene):
    scene.identity.roles = tuple(role for role in ROLES if role != "SecurityAlert.Create.All")


@fault(warned("roles", "Directory.ReadWrite.All"), found="Vizsla needs none of them", cure="Take them back")
def right_to_spare(scene):
    scene.identity.roles = (*scene.identity.roles, "Directory.ReadWrite.All")


@fault(failed("clock"), found=r"this machine's clock is (599|60\d) s from Microsoft Graph's", cure="NTP")
def clock_fast(scene):
    scene.ahead = timedelta(minutes=10)


@fault(
    failed("clock"),
    failed("hunting"),
    *skipped("quota", "freshness", "tables"),
    failed("sinks", "defender_alert"),
    found=r"Microsoft Graph: HEAD /: no answer \(the connection failed",
    cure="Let this machine reach Microsoft Graph",
)
def graph_unreachable(scene):
    scene.set(VIZSLA_GRAPH_URL=NOWHERE)


@fault(
    ("hunting", "", "skipped"),
    warned("quota"),
    *skipped("freshness", "tables"),
    found="not looked at: see quota",
    cure="",
)
def tenant_throttled(scene):
    scene.graph.faults += [None, Refusal(429, "TooManyRequests", "Too many calls", {"Retry-After": "900"})]


@fault(
    ("hunting", "", "skipped"),
    warned("quota"),
    *skipped("freshness", "tables"),
    found="not looked at: see quota",
    cure="",
)
def own_calls_used_up(scene):
    scene.set(VIZSLA_CALLS_AN_HOUR="1")
    scene.store.take_call(TENANT, datetime.now(UTC), LIMITS)


@fault(
    failed("tables", "two-questions query.kql"),
    found="this tenant has no column FileNaem: read it with column_ifexists",
    cure="Read a missing column with column_ifexists",
)
def column_missing(scene):
    scene.edit("two-questions", "query.kql", "where FileName", "where FileNaem")


@fault(
    failed("tables", "two-questions query.kql"),
    found="Failed to resolve table or column expression named 'DeviceTvmInfoGathering'",
    cure="a missing table needs its product or licence",
)
def table_missing(scene):
    scene.edit("two-questions", "query.kql", "DeviceProcessEvents", "DeviceTvmInfoGathering")


@fault(failed("tables", "_lists/context.kql"), found="no column MachineGruppe", cure="column_ifexists")
def column_of_the_context_missing(scene):
    query = "let devices = dynamic([]);\nDeviceInfo\n| where DeviceId in (devices) and isempty(MachineGruppe)\n"
    (scene.folder / "_lists" / "context.kql").write_text(query)


@fault(
    failed("tables", "two-questions late.kql"),
    found="no column Arrived",
    cure="column_ifexists",
)
def column_of_a_sweep_missing(scene):
    query = (
        "let received_since = datetime(1970-01-01);\nlet settled = datetime(1970-01-01);\nlet settle = 5m;\n"
        "DeviceProcessEvents\n| where Arrived >= received_since\n"
    )
    (scene.folder / "two-questions" / "late.kql").write_text(query)


@fault(failed("sinks", "temas"), found="VIZSLA_SINKS: temas is no sink. Did you mean teams?", cure="Mend its settings")
def sink_misspelt(scene):
    scene.set(VIZSLA_SINKS="temas;" + scene.environment["VIZSLA_SINKS"])


@fault(failed("sinks", "teams"), found="set VIZSLA_TEAMS_URL to the address of its webhook", cure="Mend its settings")
def webhook_missing(scene):
    scene.set(VIZSLA_TEAMS_URL=None)


@fault(
    failed("sinks", "teams:soc"),
    found="VIZSLA_TEAMS_URL_SOC: example.com is no host of Microsoft's Workflows",
    cure="Mend its settings",
)
def webhook_of_one_channel_elsewhere(scene):
    scene.set(VIZSLA_TEAMS_URL_SOC="https://example.com/hook?sig=0123456789abcdef")


@fault(failed("sinks", "teams"), found="Teams: HEAD /: no answer", cure="let this machine reach it")
def webhook_unreachable(scene):
    scene.set(VIZSLA_TEAMS_URL=f"{NOWHERE}/workflows/0123456789abcdef?sig=0123456789abcdef")


@fault(
    failed("sinks", "log_analytics"),
    found="VIZSLA_SINKS names log_analytics: set VIZSLA_LOGS_URL and VIZSLA_LOGS_RULE",
    cure="Mend its settings",
)
def rule_missing(scene):
    scene.set(VIZSLA_LOGS_RULE=None)


@fault(failed("sinks", "log_analytics"), found="Azure Monitor: HEAD /: no answer", cure="let this machine reach it")
def rule_unreachable(scene):
    scene.set(VIZSLA_LOGS_URL=NOWHERE)


@fault(
    warned("settings", "VIZSLA_TEAMS_URL"),
    warned("settings", "VIZSLA_LOGS_"),
    warned("roles", ", ".join(sorted(ROLES[1:]))),
    warned("sinks"),
    *skipped("routes"),
    found="does nothing: VIZSLA_SINKS does not name teams",
    cure="Take it out",
)
def no_sink(scene):
    scene.set(VIZSLA_SINKS=None)


@fault(warned("routes", "two-questions"), found="tells teams:night, of whom none is set up", cure="Name one of them")
def hunt_that_tells_nobody(scene):
    scene.edit("two-questions", "hunt.yaml", "{to: teams}", "{to: teams, channel: night}")


@fault(warned("runs", "two-questions"), found="has never run by the clock", cure="timer or `vizsla tick`")
def never_ran(scene):
    scene.set(VIZSLA_STORE=str(scene.place / "new.db"))


@fault(failed("runs"), found="two-questions failed last time: no such column", cure=r"docs/operate\.md")
def run_failed(scene):
    scene.ran(status="failed", error="no such column")


@fault(failed("runs"), found="two-questions has 1 windows that were never judged", cure=r"docs/operate\.md")
def gap(scene):
    scene.ran(id="g", status="gap")


@fault(failed("runs"), found="two-questions is overdue: its last window ended", cure=r"docs/operate\.md")
def overdue(scene):
    scene.set(VIZSLA_STORE=str(scene.place / "new.db"))
    scene.store.move_watermark(TENANT, "two-questions", datetime.now(UTC) - timedelta(hours=2))


@pytest.mark.parametrize(("spoil", "expected", "found", "cure"), FAULTS)
def test_a_fault_is_found_with_its_cure_and_nothing_else_is(scene, spoil, expected, found, cure):
    spoil(scene)
    amiss = scene.amiss()
    assert states(amiss) == list(expected)
    assert re.search(found, amiss[0].found), amiss[0].found
    assert re.search(cure, amiss[0].cure), amiss[0].cure
    assert scene.examined().healthy is ("failed" not in {state for _, _, state in expected})


def test_many_faults_at_once_are_all_found(scene):
    for spoil in (
        python_too_old,
        package_missing,
        setting_misspelt,
        two_settings_unreadable,
        setting_idle,
        queue_missing,
        role_without_sign_in,
        telemetry_missing,
        store_damaged,
        known_good_expired,
        right_to_open_alerts_missing,
        right_to_spare,
        clock_fast,
        sink_misspelt,
        webhook_of_one_channel_elsewhere,
        rule_unreachable,
        hunt_that_tells_nobody,
    ):
        spoil(scene)
    assert states(each for each in scene.amiss() if each.state != "skipped") == [
        failed("python"),
        failed("packages", "vizsla-absent"),
        failed("settings", "VIZSLA_CALLS_A_MINUTE"),
        failed("settings", "VIZSLA_COMMENTS"),
        failed("settings", "VIZSLA_SINK"),
        warned("settings", "VIZSLA_APP"),
        failed("app", "AzureWebJobsStorage"),
        failed("app", "VIZSLA_REQUIRE_APP_ROLE"),
        warned("app", "APPLICATIONINSIGHTS_CONNECTION_STRING"),
        failed("store"),
        warned("lists", "known-good"),
        failed("roles", "SecurityAlert.Create.All"),
        warned("roles", "Directory.ReadWrite.All"),
        failed("clock"),
        failed("sinks", "temas"),
        failed("sinks", "teams:soc"),
        failed("sinks", "log_analytics"),
        warned("routes", "two-questions"),
    ]


@pytest.mark.parametrize(
    ("age", "found"),
    [(timedelta(days=2), r"the newest launch is of 20\d\d-"), (timedelta(days=8), "no launch within 7 days")],
)
def test_data_that_is_old_or_gone_is_found(tmp_path, monkeypatch, age, found):
    with tenant(age=age) as recorded, Scene(tmp_path, monkeypatch, recorded) as scene:
        amiss = scene.amiss()
    assert states(amiss) == [failed("freshness")]
    assert re.search(found, amiss[0].found)
    assert "Look in the portal" in amiss[0].cure


def test_a_tenant_that_is_busy_says_until_when(scene):
    scene.graph.faults += [None, Refusal(429, "TooManyRequests", "Too many calls", {"Retry-After": "900"})]
    [quota] = [each for each in scene.examined().diagnoses if each.check == "quota"]
    assert "answers 429, TooManyRequests" in quota.found
    assert re.fullmatch(r"Ask again after \d\d:\d\d:\d\d UTC\.", quota.cure)


def test_looking_books_no_call_beside_the_questions_it_asks(scene):
    began = datetime.now(UTC)
    scene.examined()
    asked = sum(each.asked.endswith("runHuntingQuery") for each in scene.graph.calls)
    now = datetime.now(UTC)
    assert scene.store.take_call(TENANT, now, [(limit := LIMITS[0]._replace(calls=asked))]) > began
    assert scene.store.take_call(TENANT, now, [limit._replace(calls=asked + 1)]) == now
    assert now - began < MINUTE
