"""The HTTP side over local files, on this machine alone: for trying a playbook's call, and for tests."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from engine import bootstrap, demands, loader, settings
from engine.api import OPERATIONS, answer
from engine.api.call import Answer, Front, problem
from engine.api.front import call
from engine.api.openapi import description
from engine.cli.terminal import errors, progress
from engine.errors import SettingsError
from engine.tasks import Desk

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PORT = 7071
"""Where Azure Functions' own tools serve an app."""
_HERE = "127.0.0.1"


def serve(
    paths: Annotated[list[str], typer.Option("--from", help="A file, a folder or a quoted glob. Repeats.")],
    port: Annotated[int, typer.Option(help="The port; 0 for any that is free.", min=0, max=65_535)] = PORT,
    store: Annotated[Path | None, typer.Option(help="SQLite file; in memory when left out.")] = None,
    folder: Annotated[Path, typer.Option("--hunts", help="The folder of hunts.", show_default=False)] = loader.HUNTS,
) -> None:
    """Serve the HTTP API over files, on this machine alone and without a key.

    For example: `vizsla serve --from samples`, then `curl -s http://127.0.0.1:7071/api/hunts`.
    """
    there = settings.read(os.environ)
    with progress() as shown, bootstrap.files(paths, progress=shown) as source:
        kept = bootstrap.store(store)
        sinks = bootstrap.sinks(there)
        desk = Desk(hunts=folder, tenant=there.tenant, source=lambda: nullcontext(source), sinks=sinks, store=kept)
        # One at a time: they share what was read.
        with ThreadPoolExecutor(max_workers=1) as worker:
            _serve(front_of(desk, worker), port)


def front_of(desk: Desk, worker: ThreadPoolExecutor) -> Front:
    """What answers calls here; demands are performed by `worker`, one after the other."""

    def start(demand: str) -> None:
        doing = worker.submit(demands.perform, demand, desk, now=datetime.now(UTC))
        doing.add_done_callback(lambda done: demands.give_up(demand, desk) if done.exception() else None)

    return Front(
        desk=desk,
        start=start,
        now=lambda: datetime.now(UTC),
        sleep=time.sleep,
        description=lambda: description(OPERATIONS),
    )


def application(front: Front) -> Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]:
    """The API as a WSGI application. It answers to this machine's own names only, whatever page asks."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        given = _answered(request, front)
        return Response(given.body, given.status, dict(given.headers), content_type=given.kind)(environ, start_response)

    return app


def _answered(request: Request, front: Front) -> Answer:
    host, _, _ = request.host.rpartition(":") if ":" in request.host else (request.host, "", "")
    if host not in {_HERE, "localhost"}:
        return problem(421, "vizsla serve answers to 127.0.0.1 and localhost alone.")
    if (request.content_length or 0) > _MOST_BYTES:
        return problem(413, f"a request holds at most {_MOST_BYTES >> 10} KB.")
    return answer(call(request.method, request.url, dict(request.headers), request.get_data()), front)


_MOST_BYTES = 1 << 20


def _serve(front: Front, port: int) -> None:
    try:
        server = make_server(_HERE, port, application(front), threaded=True, request_handler=_Quiet)
    except (OSError, SystemExit) as error:
        raise SettingsError(f"port {port} cannot be served: is something else there? --port 0 takes any.") from error
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)  # it would print the trace of a bug, with what was sent
    errors.print(f"Serving http://{_HERE}:{server.server_port}/api, Ctrl-C ends it", markup=False, soft_wrap=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        errors.print("Ended", markup=False)
    finally:
        server.server_close()


class _Quiet(WSGIRequestHandler):
    """Logs the method, the path and the status; a query may hold a signature."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002 - werkzeug's own
        """See WSGIRequestHandler."""
        path = self.path.partition("?")[0]
        errors.print(f"{self.command} {path} {code}", markup=False, soft_wrap=True)

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's own name
        """See WSGIRequestHandler: what is not a request is of no use to whoever tries a call."""
