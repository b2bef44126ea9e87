"""The workbook: a panel for each query of infra/workbook. `python -m tests.infra.workbook` writes infra/workbook.json.

So KQL stays a file that people and Microsoft's parser read, and the JSON is never edited by hand.
"""

import json
import uuid
from dataclasses import dataclass, field

from tests.infra.bicep import INFRA

FILE, QUERIES = INFRA / "workbook.json", INFRA / "workbook"
_HOUR = 3_600_000
_SPANS = [hours * _HOUR for hours in (1, 4, 24, 72, 168, 720)]
_WORKSPACE = "microsoft.operationalinsights/workspaces"
_INTRODUCTION = (
    "# Vizsla\nHow the hunts run, and what they found. A run looks back over the end of the one before, so rows and "
    "findings that lie in both windows are counted by both: compare them with each other, and ask `/api/findings` for "
    "totals. What to do when something is wrong is in the repository's `docs/operate.md`."
)


@dataclass(frozen=True)
class Panel:
    """One query and how it is drawn: `width` in percent, `axes` where it is a chart."""

    query: str
    title: str
    drawn: str = "table"
    width: int = 50
    axes: dict = field(default_factory=dict)

    def item(self):
        """The panel as workbooks have it."""
        content = {
            "version": "KqlItem/1.0",
            "query": (QUERIES / f"{self.query}.kql").read_text("utf-8"),
            "size": 0,
            "title": self.title,
            "noDataMessage": "Nothing in this time.",
            "timeContextFromParameter": "TimeRange",
            "queryType": 0,
            "resourceType": _WORKSPACE,
            "visualization": self.drawn,
        }
        if self.axes:
            content["chartSettings"] = self.axes
        return {"type": 3, "content": content, "customWidth": str(self.width), "name": self.query}


_TIME = "TimeGenerated"
PANELS = (
    Panel("runs", "Runs", "barchart", 50, {"xAxis": _TIME, "yAxis": ["Runs"], "group": "Status"}),
    Panel("lag", "Lag, in minutes", "linechart", 50, {"xAxis": _TIME, "yAxis": ["Minutes"], "group": "Hunt"}),
    Panel("failures", "What failed", width=100),
    Panel("findings", "Findings by hunt and severity"),
    Panel("noisy", "Whose commands make the most findings"),
    Panel("dropped", "Rows set aside, by reason"),
    Panel("known_good", "Known-good: rows excused, by entry"),
    Panel("calls", "Calls to the tenant, and the share of its quota"),
    Panel("freshness", "The newest event, by tenant"),
    Panel("deliveries", "Deliveries, by sink and state", width=100),
)


def workbook():
    """The workbook's document."""
    return {
        "version": "Notebook/1.0",
        "items": [
            {"type": 1, "content": {"json": _INTRODUCTION}, "name": "introduction"},
            {"type": 9, "content": _time_range(), "name": "parameters"},
            *(panel.item() for panel in PANELS),
        ],
        "isLocked": False,
        "fallbackResourceIds": ["Azure Monitor"],
        "$schema": "https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json",
    }


def written():
    """The document as the file has it."""
    return json.dumps(workbook(), indent=2) + "\n"


def _time_range():
    parameter = {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, "vizsla/workbook/TimeRange")),
        "version": "KqlParameterItem/1.0",
        "name": "TimeRange",
        "label": "Time",
        "type": 4,
        "isRequired": True,
        "value": {"durationMs": 24 * _HOUR},
        "typeSettings": {"selectableValues": [{"durationMs": span} for span in _SPANS], "allowCustom": True},
    }
    return {
        "version": "KqlParameterItem/1.0",
        "parameters": [parameter],
        "style": "pills",
        "queryType": 0,
        "resourceType": _WORKSPACE,
    }


if __name__ == "__main__":
    FILE.write_text(written(), "utf-8")
