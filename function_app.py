"""When hunts run: triggers only. Follow `hunt` into engine/runner.py to see what a run does.

No hunt is read while this module is imported: one broken hunt costs that hunt, never the app.
"""

# The worker compares annotations with bindings by identity, so they are not postponed here.
import logging
import os
from datetime import UTC, datetime
from functools import cache
from typing import List  # noqa: UP035 - the worker knows Out[List[str]], not Out[list[str]]

import azure.functions as func  # noqa: TID251 - the one place
import msgspec

from engine import bootstrap, loader, runner, schedule, settings

app = func.FunctionApp()
log = logging.getLogger("vizsla")


@cache
def parts() -> bootstrap.Parts:
    """The app's source, sinks and store, built at the first trigger."""
    return bootstrap.build(settings.read(os.environ))


@app.timer_trigger(arg_name="timer", schedule="0 * * * * *", run_on_startup=False, use_monitor=True)
@app.queue_output(arg_name="tasks", queue_name="vizsla-runs", connection="AzureWebJobsStorage")
def dispatch(timer: func.TimerRequest, tasks: func.Out[List[str]]) -> None:  # noqa: UP006 - the same
    """Each minute: one message for each hunt that is due."""
    loaded = loader.load_all(parts().hunts)
    for broken in loaded.broken:
        log.error("hunt %s is disabled until it is mended:\n%s", broken.hunt, broken)
    due = schedule.due_now(loaded.hunts.values(), tenant=parts().tenant, store=parts().store, now=datetime.now(UTC))
    log.info("dispatch past_due=%s due=%d", timer.past_due, len(due))
    tasks.set([msgspec.json.encode(task).decode() for task in due])


@app.queue_trigger(arg_name="message", queue_name="vizsla-runs", connection="AzureWebJobsStorage")
def hunt(message: func.QueueMessage) -> None:
    """One run. A failure that Vizsla knows is recorded and left to the next window; a bug is Azure's to retry."""
    task = msgspec.json.decode(message.get_body(), type=schedule.Task)
    outcome = runner.run_task(task, parts().hunts, source=parts().source, sinks=parts().sinks, store=parts().store)
    record = outcome.run
    log.info(
        "run %s %s events=%d findings=%d %s", record.id, record.status, record.events, record.findings, record.error
    )
