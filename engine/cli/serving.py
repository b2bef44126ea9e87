"""The HTTP side over local files, on this machine alone: for trying a playbook's call, and for tests."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer
from werkzeug.exceptions import HTTPException
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from engine import bootstrap, demands, learn, loader, settings
from engine.api import OPERATIONS, answer
from engine.api.call import Answer, Front, problem
from engine.api.front import call
from engine.api.mistakes import MOST_BYTES
from engine.api.openapi import description
from engine.attempts import place
from engine.cli.terminal import errors, progress
from engine.errors import SettingsError
from engine.report.visible import visible
from engine.tasks import Desk

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PORT = 7071
"""Where Azure Functions' own tools serve an app."""
_HERE = "127.0.0.1"
_NAMES = {_HERE, "localhost"}


def serve(
    paths: Annotated[list[str], typer.Option("--from", help="A file, a folder or a quoted glob. Repeats.")],
    port: Annotated[int, typer.Option(help="The port; 0 for any that is free.", min=0, max=65_535)] = PORT,
    baseline: Annotated[
        list[Path] | None, typer.Option(help="What `vizsla baseline learn` wrote for a hunt. Repeats.")
    ] = None,
    store: Annotated[Path | None, typer.Option(help="SQLite file; in memory when left out.")] = None,
    folder: Annotated[Path, typer.Option("--hunts", help="The folder of hunts.", show_default=False)] = loader.HUNTS,
) -> None:
    """Serve the HTTP API over files, on this machine alone and without a key.

    For example: `vizsla serve --from samples --baseline samples/routine.gz`, then
    `curl -s http://127.0.0.1:7071/api/hunts`.
    """
    if store and baseline:
        raise typer.BadParameter("a store remembers baselines of its own: leave out --store.", param_hint="--baseline")
    there = settings.read(os.environ)
    kept = bootstrap.store(store)
    for learned in map(learn.held, baseline or ()):
        for day in learned.days:
            kept.record_day(there.tenant, learned.hunt, day)
    with progress() as shown, bootstrap.files(paths, progress=shown) as source:
        sinks = bootstrap.sinks(there)
        desk = Desk(hunts=folder, tenant=there.tenant, source=lambda: nullcontext(source), sinks=sinks, store=kept)
        # One at a time: they share what was read.
        with ThreadPoolExecutor(max_workers=1) as worker:
            looked_at = {**os.environ, "VIZSLA_FROM": ";".join(paths), "VIZSLA_HUNTS": str(folder)}
            if store:
                looked_at["VIZSLA_STORE"] = str(store)
            _serve(replace(front_of(desk, worker), environment=looked_at), port)


def front_of(desk: Desk, worker: ThreadPoolExecutor) -> Front:
    """What answers calls here; demands are performed by `worker`, one after the other."""

    def start(demand: str) -> None:
        done = worker.submit(demands.perform, demand, desk, holder=f"pid-{os.getpid()}", now=datetime.now(UTC))
        done.add_done_callback(lambda future: _settle(future, demand, desk))

    return Front(
        desk=desk,
        start=start,
        now=lambda: datetime.now(UTC),
        sleep=time.sleep,
        description=lambda: description(OPERATIONS),
    )


def _settle(done: Future[Any], demand: str, desk: Desk) -> None:
    """A bug is told by its place, and answered: nobody tries again here."""
    if bug := done.exception():
        errors.print(f"A bug in Vizsla: {place(bug)}", style="red", markup=False, soft_wrap=True)
        demands.give_up(demand, desk)


def application(front: Front) -> Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]:
    """The API as a WSGI application. It answers to this machine's own names only, whatever page asks."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        request.max_content_length = MOST_BYTES + 1
        given = _refused(request) or _answered(request, front)
        return Response(given.body, given.status, dict(given.headers), content_type=given.kind)(environ, start_response)

    return app


def _refused(request: Request) -> Answer | None:
    """The refusal of what does not come from this machine: by another name, or from another site's page."""
    if _host(f"//{request.environ.get('HTTP_HOST', '')}") not in _NAMES:
        return problem(421, f"vizsla serve answers to {' and '.join(sorted(_NAMES))} alone.")
    if "Origin" in request.headers and _host(request.headers["Origin"]) not in _NAMES:
        return problem(403, "vizsla serve answers to no page of another site.")
    return None


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _answered(request: Request, front: Front) -> Answer:
    try:
        body = request.get_data()
    except HTTPException as error:
        return problem(error.code or 400, f"a request holds at most {MOST_BYTES >> 10} KB.")
    return answer(call(request.method, request.url, dict(request.headers), body), front)


def _serve(front: Front, port: int) -> None:
    try:
        listening = socket.create_server((_HERE, port))
    except OSError as error:
        raise SettingsError(f"port {port} cannot be served: is something else there? --port 0 takes any.") from error
    with listening:
        server = make_server(
            _HERE, port, application(front), threaded=True, request_handler=_Quiet, fd=listening.fileno()
        )
        logging.getLogger("werkzeug").setLevel(logging.CRITICAL)  # it would print a bug's trace, with what was sent
        told = f"Serving http://{_HERE}:{listening.getsockname()[1]}/api, Ctrl-C ends it"
        errors.print(told, markup=False, soft_wrap=True)
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
        path = visible(self.path.partition("?")[0])
        errors.print(f"{self.command} {path} {code}", markup=False, soft_wrap=True)

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's own name
        """See WSGIRequestHandler: what is not a request is of no use to whoever tries a call."""
