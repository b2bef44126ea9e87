"""What tests/infra/cost.py measures, in a process of its own: runs of each hunt over a day of events."""

SCRIPT = """
import json, logging, os
from datetime import timedelta
from pathlib import Path
from azure.identity import DefaultAzureCredential
from engine import bootstrap, learn, loader, runner, tasks, telemetry
from engine.model.run import Window
from engine.parameters import timespan
from engine.record import Request
from engine.sinks.memory import Memory
from engine.stores.tables import Tables

class Requests(logging.Handler):
    count = 0

    def emit(self, record):
        self.count += record.getMessage().startswith("Request URL")

telemetry.configure(os.environ)
requests = Requests()
logger = logging.getLogger("azure.core.pipeline.policies.http_logging_policy")
logger.setLevel(logging.INFO)
logger.propagate = False
logger.addHandler(requests)
store, played = Tables(os.environ["TABLE"], DefaultAzureCredential()), []
with bootstrap.files([os.environ["EVENTS"]]) as source:
    last = source.newest.replace(minute=0, second=0, microsecond=0)
    for hunt in loader.load_all().hunts.values():
        schedule = hunt.definition.schedule
        known = learn.read(Path(os.environ["BASELINE"]), hunt.id) if "routine" in hunt.defaults else None
        for hours in range(21, -1, -3):
            end = last - timedelta(hours=hours)
            window = Window(end - timedelta(minutes=15) - timespan(schedule.overlap), end)
            request = Request(id=f"{hunt.id}.{hours}", tenant="t", window=window, now=end + timespan(schedule.settle),
                              scheduled=True, kind="window", baseline=known)
            before = requests.count
            run = runner.run(hunt, request, source=source, sinks={"memory": Memory()}, store=store).run
            played.append([run.hunt, run.status, requests.count - before])
telemetry.flush()
done = requests.count
desk = tasks.Desk(hunts=loader.HUNTS, tenant="t", source=lambda: source, sinks={}, store=store)
tasks.due_runs(desk, now=last)
print(json.dumps({"runs": played, "dispatch": requests.count - done}))
"""
