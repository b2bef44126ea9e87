"""When hunts run: triggers only. Follow `hunt` into engine/tasks.py, and from there into engine/runner.py.

Azure imports this module to see which functions there are: the engine is imported at the first trigger, and no hunt is
read before. One broken hunt costs that hunt, never the app.
"""

# The worker compares annotations with bindings by identity, so they are not postponed here.
import logging
import os
from datetime import UTC, datetime
from typing import List  # noqa: UP035 - the worker knows Out[List[str]], not Out[list[str]]

import azure.functions as func  # noqa: TID251 - the one place

app = func.FunctionApp()
log = logging.getLogger("vizsla")
RUNS, SET_ASIDE, DEMANDS, STORAGE = "vizsla-runs", "vizsla-runs-poison", "vizsla-demands", "AzureWebJobsStorage"
GUARDED = func.AuthLevel.ANONYMOUS if os.environ.get("VIZSLA_REQUIRE_APP_ROLE") else func.AuthLevel.FUNCTION
"""Where a role is wanted, App Service signs callers in and engine/api/access.py looks for it; else a key guards."""


@app.timer_trigger(arg_name="timer", schedule="0 * * * * *", run_on_startup=False, use_monitor=True)
@app.queue_output(arg_name="messages", queue_name=RUNS, connection=STORAGE)
def dispatch(timer: func.TimerRequest, messages: func.Out[List[str]]) -> None:  # noqa: UP006 - the same
    """Each minute: one message for each run that is due."""
    from engine import bootstrap, tasks

    due = tasks.due_runs(bootstrap.desk(), now=datetime.now(UTC))
    log.info("dispatch past_due=%s due=%d", timer.past_due, len(due))
    messages.set([tasks.written(task) for task in due])


@app.timer_trigger(arg_name="timer", schedule="0 20 * * * *", run_on_startup=False, use_monitor=True)
@app.queue_output(arg_name="messages", queue_name=RUNS, connection=STORAGE)
def learn(timer: func.TimerRequest, messages: func.Out[List[str]]) -> None:  # noqa: ARG001, UP006 - the same
    """Each hour: the newest day that a hunt's baseline lacks; so a day once it is over, and a new tenant's past."""
    from engine import bootstrap, tasks

    messages.set([tasks.written(task) for task in tasks.due_lessons(bootstrap.desk(), now=datetime.now(UTC))])


@app.queue_trigger(arg_name="message", queue_name=RUNS, connection=STORAGE)
@app.queue_output(arg_name="parts", queue_name=RUNS, connection=STORAGE)
@app.queue_output(arg_name="aside", queue_name=SET_ASIDE, connection=STORAGE)
def hunt(message: func.QueueMessage, parts: func.Out[List[str]], aside: func.Out[str]) -> None:  # noqa: UP006
    """One run. What must wait goes back into the queue; what failed five times goes on in halves, or is set aside."""
    from engine import bootstrap, tasks

    task, now = tasks.read(message.get_body()), datetime.now(UTC)
    if (message.dequeue_count or 0) > tasks.TRIES:
        halves = tasks.split(task, bootstrap.desk(), now=now)
        parts.set([tasks.written(half) for half in halves])
        if not halves:
            aside.set(tasks.written(task))
        return
    done = tasks.perform(task, bootstrap.desk(), holder=str(message.id), now=now)
    if done.until:
        bootstrap.put_back(message.get_body().decode(), queue=RUNS, until=done.until, now=now)
    log.info("run %s: %s", task.id, done.told)


@app.queue_trigger(arg_name="message", queue_name=DEMANDS, connection=STORAGE)
def demand(message: func.QueueMessage) -> None:
    """One run that somebody asked for over HTTP; its answer is fetched from the store."""
    from engine import bootstrap, demands, tasks

    asked, desk = message.get_body().decode(), bootstrap.desk()
    if (message.dequeue_count or 0) > tasks.TRIES:
        demands.give_up(asked, desk)
        return
    demands.perform(asked, desk, holder=str(message.id), now=datetime.now(UTC))


@app.route("{*rest}", methods=["GET", "POST", "DELETE"], auth_level=GUARDED)
def api(req: func.HttpRequest) -> func.HttpResponse:
    """What needs a key, or a role: see OPERATIONS in engine/api."""
    return answered(req)


@app.route("runs/{run}/{page?}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def run(req: func.HttpRequest) -> func.HttpResponse:
    """What a signed link opens."""
    return answered(req)


@app.route("health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def health(req: func.HttpRequest) -> func.HttpResponse:
    """Whether the hunts run, in a word: for probes."""
    return answered(req)


def answered(req: func.HttpRequest) -> func.HttpResponse:
    """The answer of engine/api."""
    from engine.api import front

    given = front.respond(front.call(req.method, req.url, dict(req.headers), req.get_body()), queue=DEMANDS)
    kind = given.kind.partition(";")[0]  # the worker adds the charset
    return func.HttpResponse(given.body, status_code=given.status, mimetype=kind, headers=dict(given.headers))
