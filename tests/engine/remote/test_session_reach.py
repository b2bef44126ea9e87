"""Whether a far side is there, asked without signing in or asking anything of it; and a token, without a request."""

import logging
import socket
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from werkzeug.wrappers import Request, Response

from engine.errors import NotPermitted, RemoteError
from engine.remote.retries import Retries
from engine.remote.session import Session
from tests.fakes.authority import tls
from tests.fakes.clock import Clock
from tests.fakes.serving import Server


class There(Server):
    """Answers everything alike, and keeps what came."""

    def __init__(self, status=404, folder=None):
        self.status, self.came = status, []
        if folder:
            self.scheme = "https"
            self.tls, _ = tls(folder)

    def __call__(self, environ, start_response):
        request = Request(environ)
        self.came.append((request.method, request.full_path, request.headers.get("Authorization")))
        return Response(b"", self.status, headers={"Location": "https://elsewhere.example/"})(environ, start_response)


@contextmanager
def dated(header):
    """The address of what answers one request, with this header."""

    def answer():
        with listening.accept()[0] as caller:
            caller.recv(4_096)
            caller.sendall(f"HTTP/1.1 404 Not Found\r\n{header}Content-Length: 0\r\n\r\n".encode())

    with socket.create_server(("127.0.0.1", 0)) as listening:
        answering = threading.Thread(target=answer)
        answering.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        answering.join()


def session(url, *, token=lambda: "secret"):
    clock = Clock()
    return Session(name="Far side", url=url, token=token, retries=Retries(now=clock.now, sleep=clock.sleep))


@pytest.mark.parametrize("status", [200, 204, 302, 401, 403, 404, 405, 429, 500, 503])
def test_any_answer_will_do_and_nothing_is_told_to_get_it(status):
    with There(status) as there, session(f"{there.url}/v1.0") as opened:
        assert abs(opened.reach() - datetime.now(UTC)) < timedelta(minutes=1)
    assert there.came == [("HEAD", "/?", None)]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Date: Tue, 24 Nov 2026 12:03:00 GMT\r\n", datetime(2026, 11, 24, 12, 3, tzinfo=UTC)),
        ("Date: Tue, 24 Nov 2026 14:03:00 +0200\r\n", datetime(2026, 11, 24, 12, 3, tzinfo=UTC)),
        ("Date: Tue, 24 Nov 2026 12:03:00\r\n", datetime(2026, 11, 24, 12, 3, tzinfo=UTC)),
        ("Date: soon\r\n", None),
        ("", None),
        ("Date: Tue, 99 Nov 2026 99:99:99 GMT\r\n", None),
    ],
)
def test_its_time_is_read_and_what_is_none_is_none(header, expected):
    with dated(header) as url, session(url) as opened:
        assert opened.reach() == expected


def test_where_nobody_answers_it_is_asked_once_and_said_so(caplog):
    caplog.set_level(logging.DEBUG, "vizsla")
    with session("http://127.0.0.1:1") as opened, pytest.raises(RemoteError) as caught:
        opened.reach()
    assert str(caught.value) == "Far side: HEAD /: no answer (the connection failed or broke off)."
    assert "secret" not in caplog.text


def test_a_certificate_that_nobody_vouches_for_is_no_answer(tmp_path):
    with There(folder=tmp_path) as there, session(there.url) as opened, pytest.raises(RemoteError) as caught:
        opened.reach()
    assert str(caught.value) == "Far side: HEAD /: its certificate is not trusted here."


def test_a_token_is_had_without_a_request_and_why_not_is_said():
    def refused():
        raise NotPermitted("nobody could sign in")

    with There() as there:
        assert session(there.url).sign_in() == "secret"
        assert session(there.url, token=None).sign_in() == ""
        with pytest.raises(NotPermitted):
            session(there.url, token=refused).sign_in()
    assert there.came == []
