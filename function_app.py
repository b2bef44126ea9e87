"""When hunts run: triggers only. Follow `hunt` into engine/tasks.py, and from there into engine/runner.py.

Azure imports this module to see which functions there are: the engine is imported at the first trigger, and no hunt is
read before. One broken hunt costs that hunt, never the app.
"""

# The worker compares annotations with bindings by identity, so they are not postponed here.
import logging
from datetime import UTC, datetime
from typing import List  # noqa: UP035 - the worker knows Out[List[str]], not Out[list[str]]

import azure.functions as func  # noqa: TID251 - the one place

app = func.FunctionApp()
log = logging.getLogger("vizsla")
RUNS, SET_ASIDE, STORAGE = "vizsla-runs", "vizsla-runs-poison", "AzureWebJobsStorage"


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


@app.route("health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def health(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the worker's own name
    """Whether the hunts run, in a word: for probes."""
    from engine import api, bootstrap

    answer = api.alive(bootstrap.desk(), now=datetime.now(UTC))
    return func.HttpResponse(answer.body, status_code=answer.status, mimetype=answer.kind)


@app.route("health/detail", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
def health_detail(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the worker's own name
    """The last runs, lag, gaps and what is wrong."""
    from engine import api, bootstrap

    answer = api.health(bootstrap.desk(), now=datetime.now(UTC))
    return func.HttpResponse(answer.body, status_code=answer.status, mimetype=answer.kind)
