"""What `vizsla run` shows to others: sinks told once or shown what they would be told, and secrets masked."""

import json

import msgspec
import pytest

from tests.engine.test_cli import small
from tests.fakes.teams import Teams

SECRET = "Winter2026"  # noqa: S105 - none
LINE = f"whoami & net use \\\\srv\\ipc$ /user:corp\\bob {SECRET}"


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A file with one burst, of whose commands one holds a secret, and one is encoded."""
    file = tmp_path_factory.mktemp("day") / "DeviceProcessEvents.ndjson"
    programs = (("whoami", LINE), ("ipconfig", "ipconfig -enc dwBoAG8AYQBtAGkA"))
    rows = [
        {
            "Timestamp": f"2026-11-24T10:00:0{number}.0000000Z",
            "DeviceId": "d",
            "DeviceName": "ws01.contoso.com",
            "ReportId": number,
            "FileName": f"{program}.exe",
            "ProcessCommandLine": line,
            "InitiatingProcessFileName": "tool.exe",
            "InitiatingProcessCommandLine": f"tool.exe --password {SECRET}",
            "InitiatingProcessId": 7,
        }
        for number, (program, line) in enumerate(programs)
    ]
    file.write_bytes(b"\n".join(map(msgspec.json.encode, rows)))
    return file


def run(day, *options, **environment):
    return small("run", "two-questions", "--from", day, *options, **environment)


@pytest.mark.parametrize("form", ["json", "html", "table"])
def test_secrets_are_masked_whatever_is_printed(day, form):
    done = run(day, "--format", form)
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout + done.stderr


def test_reveal_shows_all_in_json_and_what_is_encoded_is_shown_decoded_either_way(day):
    hidden, shown = (json.loads(run(day, "--format", "json", *more).stdout) for more in ((), ("--reveal",)))
    lines = [[each["command_line"] for each in answer["findings"][0]["commands"]] for answer in (hidden, shown)]
    assert lines == [[LINE.replace(SECRET, "***"), "ipconfig -enc dwBoAG8AYQBtAGkA"], [LINE, lines[0][1]]]
    assert json.dumps(shown).count(SECRET) == 3  # the command, the actor, and the chain


def test_reveal_is_for_json_alone(day):
    done = run(day, "--reveal")
    assert (done.returncode, "secrets are shown in JSON only" in done.stderr) == (2, True)


def test_a_dry_run_prints_what_would_be_sent_and_sends_nothing(day):
    with Teams() as teams:
        where = {"VIZSLA_TEAMS_URL_SOC": teams.address, "VIZSLA_TEAMS_HOSTS": "127.0.0.1"}
        done = run(day, "--deliver", "teams:soc", "--deliver", "defender_alert", "--dry-run", **where)
        assert done.returncode == 0, done.stderr
        card, alert = json.loads(done.stdout)
        assert (teams.arrived, card["url"]) == ([], f"{teams.url}/***")
    assert alert["body"]["createAlertInput"]["severity"] == "low"
    assert not [secret for secret in (SECRET, "sig=") if secret in done.stdout]


@pytest.mark.parametrize("sink", ["teams", "teams:soc", "log_analytics", "console"])
def test_a_dry_run_needs_no_sink_that_is_set_up(day, sink):
    done = run(day, "--deliver", sink, "--dry-run")
    assert (done.returncode, len(json.loads(done.stdout))) == (0, 1), done.stderr


def test_a_run_tells_the_sink_that_is_named_once(day):
    with Teams() as teams:
        done = run(day, "--deliver", "teams", VIZSLA_TEAMS_URL=teams.address, VIZSLA_TEAMS_HOSTS="127.0.0.1")
        assert (done.returncode, len(teams.shown), teams.violations, teams.failed) == (0, 1, [], []), done.stderr


@pytest.mark.parametrize(
    ("options", "environment", "code", "said"),
    [
        (["--dry-run"], {}, 2, "name a sink with"),
        (["--deliver", "pager"], {}, 1, "pager is no sink. Known:"),
        (["--deliver", "teams"], {}, 1, "set VIZSLA_TEAMS_URL"),
        (["--deliver", "log_analytics"], {}, 1, "set VIZSLA_LOGS_URL and VIZSLA_LOGS_RULE"),
        (
            ["--deliver", "teams:soc"],
            {"VIZSLA_TEAMS_URL": "https://a.logic.azure.com/x?sig=s"},
            1,
            "is not set up here",
        ),
        (["--deliver", "teams"], {"VIZSLA_TEAMS_URL": "https://evil.example/very?sig=very"}, 1, "VIZSLA_TEAMS_URL"),
    ],
)
def test_what_cannot_be_delivered_is_said_and_how_to_mend_it(day, options, environment, code, said):
    done = run(day, *options, **environment)
    assert (done.returncode, said in done.stderr, "very" in done.stderr) == (code, True, False), done.stderr
