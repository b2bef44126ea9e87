"""Events for the tests of steps: what matters is said, the rest is plain."""

from datetime import UTC, datetime

from engine.lints.case_events import rows
from engine.model.hunt import Case, SeverityFloors
from engine.model.run import Window
from engine.steps.interface import Batch, Context

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
CONTEXT = Context("default", "hunt", "Hunt", SeverityFloors(20, 40, 65), NOW, Window(NOW, NOW), {})
SHELLS = ("cmd.exe", "powershell.exe", "net.exe")


def told(*events, common=None):
    """The rows of a case's events, in order."""
    tables = rows(Case(name="case", common=common or {}, events=events, expect=()))
    return tables.get("DeviceProcessEvents", [])


def batch(*events, common=None):
    """A batch of told events; creation rows of shells are stitched in as the hunts' queries do."""
    made = told(*events, common=common)
    shells = tuple(row for row in made if row["FileName"].lower() in SHELLS)
    return Batch(tuple(row for row in made if row["FileName"].lower() not in SHELLS[:2]), shells)
