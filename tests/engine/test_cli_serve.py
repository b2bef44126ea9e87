"""`vizsla serve`, in a process of its own: the documentation's calls as printed, and who is not answered."""

import http.client
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from engine.cli.serving import PORT
from tests.engine.api.house import HUNT, burst
from tests.engine.test_cli import CLEAN, SMALL, VIZSLA, vizsla
from tests.test_docs import commands, name
from tests.tree import ROOT

PAGES = [ROOT / "README.md", ROOT / "docs" / "api.md"]
PATH = f"/api/hunts/{HUNT}/runs"
WHOLE = {"wait": "PT60S"}
BUG = """
from engine import loader, runner
def bug(*_, **__):
    raise RuntimeError("net user s3cret")
runner.run = loader.load_all = bug
from engine.cli import main
main()
"""


class Served:
    """A running server: its port, and what it has said so far."""

    def __init__(self, process, port, said):
        self.process, self.port, self.said = process, port, said

    def ask(self, method, path, body=None, **headers):
        """Status, headers and body; `headers` are sent as they are."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as to:
            sent = body if isinstance(body, bytes | None) else json.dumps(body).encode()
            to.request(method, path, sent, {key.replace("_", "-"): value for key, value in headers.items()})
            answer = to.getresponse()
            return answer.status, dict(answer.headers), answer.read()


@contextmanager
def serving(*arguments, entry=VIZSLA, cwd=ROOT):
    """The server, once it says where it is; it is interrupted as Ctrl-C would."""
    with subprocess.Popen(
        [*entry, "serve", *map(str, arguments)],
        cwd=cwd,
        env={**CLEAN, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        said = []
        try:
            yield Served(process, _port(process, said), said)
        finally:
            process.send_signal(signal.SIGINT)
            said += process.communicate(timeout=60)[1].splitlines()


def _port(process, said):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if select.select([process.stderr], [], [], 1)[0]:
            said.append(process.stderr.readline())
            if found := re.search(r"Serving http://127\.0\.0\.1:(\d+)/api", said[-1]):
                return int(found[1])
            if not said[-1]:
                break
    raise AssertionError("".join(said))


@pytest.fixture
def export(tmp_path):
    rows = [*burst("ws1"), *burst("ws10")]
    (tmp_path / "DeviceProcessEvents.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return tmp_path


@pytest.fixture
def small(export):
    with serving("--from", export, "--hunts", SMALL, "--port", 0) as served:
        yield served


def test_a_run_is_asked_for_followed_and_read(small):
    status, _, body = small.ask("POST", PATH, {"devices": [{"name": "ws1"}]})
    said = json.loads(body)
    assert (status, said["verdict"], said["counts"]["findings"]) == (200, "suspicious", 1)
    assert said["window"] == {"start": "2026-11-24T11:00:00Z", "end": "2026-11-24T11:00:01.000001Z"}
    for link, kind in (("self", "application/json"), ("report", "text/html; charset=utf-8")):
        path = said["links"][link].partition(str(small.port))[2]
        status, headers, _ = small.ask("GET", path)
        assert (status, headers["Content-Type"]) == (200, kind)
    small.process.send_signal(signal.SIGINT)
    assert small.process.wait(60) == 0
    told = small.process.stderr.read()
    assert "signature" not in told
    assert f"GET /api/runs/{said['id']} 200" in told


def test_longer_work_is_fetched_where_the_answer_says(small):
    status, headers, _ = small.ask("POST", PATH, {"wait": "PT0S"})
    assert (status, headers["Retry-After"]) == (202, "5")
    path = headers["Location"].partition(str(small.port))[2]
    deadline = time.monotonic() + 60
    while (given := small.ask("GET", path))[0] == 202 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert (given[0], json.loads(given[2])["counts"]["findings"]) == (200, 2)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "127.0.0.1:{port}"}, 200),
        ({"Host": "localhost:{port}"}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "LOCALHOST"}, 200),
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:{port}"}, 421),
        ({"Host": "127.0.0.1.evil.example"}, 421),
        ({"Host": "localhost.evil.example"}, 421),
        ({"Host": "evil.example#@localhost"}, 421),
        ({"Host": "[::1]:{port}"}, 421),
        ({"Host": "["}, 421),
        ({"Host": ""}, 421),
        ({"Origin": "http://localhost:3000"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
    ],
)
def test_only_this_machine_is_answered(shared, headers, status):
    sent = {key: value.format(port=shared.port) for key, value in headers.items()}
    assert shared.ask("GET", "/api/hunts", **sent)[0] == status


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    (folder / "DeviceProcessEvents.ndjson").write_text(json.dumps(burst("ws1")[0]) + "\n", "utf-8")
    with serving("--from", folder, "--hunts", SMALL, "--port", 0) as served:
        yield served


def test_it_listens_on_this_machine_alone(shared):
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in others - {"127.0.0.1"}:
        with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
            socket.create_connection((address, shared.port), timeout=2).close()


@pytest.mark.parametrize("size", [(256 << 10) + 1, 5 << 20])
def test_a_body_too_large_is_refused(shared, size):
    status, headers, _ = shared.ask("POST", PATH, b" " * size)
    assert (status, headers["Content-Type"]) == (413, "application/problem+json")


def test_a_body_in_pieces_is_read_and_refused_alike(shared):
    with closing(http.client.HTTPConnection("127.0.0.1", shared.port, timeout=60)) as to:
        to.request("POST", PATH, iter([b'{"wait": ', b'"PT0S"}']), encode_chunked=True,
                   headers={"Transfer-Encoding": "chunked"})  # fmt: skip
        assert to.getresponse().status == 202


def test_a_bug_is_an_answer_and_no_trace_is_shown_to_anyone(export):
    entry = (sys.executable, "-c", BUG)
    with serving("--from", export, "--hunts", SMALL, "--port", 0, entry=entry) as served:
        status, _, body = served.ask("POST", PATH, WHOLE)
        said = json.loads(body)
        broken, _, page = served.ask("GET", "/api/hunts")
    assert (status, said["status"], said["verdict"]) == (200, "failed", None)
    assert "a bug in Vizsla" in said["error"]
    assert broken == 500
    told = "\n".join(served.said)
    assert "A bug in Vizsla: RuntimeError in <string>, line 4" in told
    assert [word for word in ("Traceback", "s3cret") if word in f"{told}{body}{page}"] == []


def test_a_port_in_use_is_told_in_a_line(export):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = vizsla("serve", "--from", export, "--port", port)
    assert (done.returncode, done.stderr) == (
        1,
        f"port {port} cannot be served: is something else there? --port 0 takes any.\n",
    )


def test_a_baseline_goes_into_the_memory_of_the_process_alone(export):
    done = vizsla("serve", "--from", export, "--store", export / "s.db", "--baseline", "samples/routine.gz")
    assert (done.returncode, "leave out --store" in " ".join(done.stderr.replace("│", "").split())) == (2, True)
    done = vizsla("serve", "--from", export, "--baseline", export / "DeviceProcessEvents.ndjson")
    assert (done.returncode, "is no baseline of Vizsla" in done.stderr) == (1, True)


def calls():
    """The documentation's calls in order, with what a page says that comes back."""
    for page in PAGES:
        text = page.read_text("utf-8")
        for line in dict.fromkeys(commands(page)):
            if line.startswith("curl "):
                yield pytest.param(line, _answer_of(text, line), id=f"{name(page)}: {line[:70]}")


def _answer_of(text, line):
    """What stands below a call that is shown with `$`: its answer, wrapped as the page likes."""
    whole = text.replace("\\\n", " ")
    found = re.search(rf"^\$ {re.escape(line)}\n((?:(?!```|\$ ).*\n)+)", re.sub(r"  +", " ", whole), re.MULTILINE)
    return json.loads(found[1]) if found else None


@pytest.fixture(scope="module")
def documented(tmp_path_factory):
    """The server that README.md starts, as it says, in a folder with `samples/`; on another port where its is taken."""
    started = next(line for line in commands(ROOT / "README.md") if line.startswith("vizsla serve"))
    assert started in list(commands(ROOT / "docs" / "api.md"))
    folder = tmp_path_factory.mktemp("reader")
    shutil.copytree(ROOT / "samples", folder / "samples")
    with socket.socket() as probe:
        free = probe.connect_ex(("127.0.0.1", PORT)) != 0
    with serving(*started.split()[2:], *(() if free else ("--port", 0)), cwd=folder) as served:
        yield served, folder


@pytest.mark.parametrize(("line", "answer"), list(calls()))
def test_a_call_works_as_the_documentation_prints_it(documented, line, answer):
    served, folder = documented
    assert shutil.which("curl"), "curl is missing: apt-get install curl"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line.replace(f":{PORT}/", f":{served.port}/")],
        cwd=folder,
        env={**os.environ, "no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    head, _, body = done.stdout.rpartition("\n\n") if "-si " in line else ("", "", done.stdout)
    said = json.loads(body)
    if answer is not None:
        assert said == answer
    else:
        assert said.get("status") not in range(400, 600), said
    assert not head or head.startswith("HTTP/1.1 2")


def test_the_documentation_s_call_finds_the_intruder(documented):
    """What README.md shows is what its call gives."""
    served, _ = documented
    line = next(line for line in commands(ROOT / "README.md") if line.startswith("curl "))
    body = json.loads(re.search(r"-d '(.*?)'", line)[1])
    said = json.loads(served.ask("POST", re.search(r":7071(\S+)", line)[1], body)[2])
    assert (said["verdict"], said["highestSeverity"]) == ("malicious-looking", "high")
    assert "earlier days" in said["commentHtml"]


def test_the_pages_are_those_that_show_calls():
    showing = [page for page in Path(ROOT).glob("**/*.md") if ".venv" not in page.parts and "node_modules" not in
               page.parts and any("127.0.0.1" in line for line in commands(page))]  # fmt: skip
    assert sorted(showing) == sorted(PAGES)
