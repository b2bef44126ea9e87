"""What the telemetry has by name, and what KQL asks of it: the two may not drift apart."""

import re

import engine.telemetry
from tests.tree import ROOT

_SPANS = (ROOT / "engine" / "telemetry" / "spans.py").read_text("utf-8")
_TABLE = re.compile(r"^\| `([^`]+)` \| [^|]+ \| ([^|]*) \|$", re.MULTILINE)
_STRING = re.compile(r'"([^"]*)"')


def attributes():
    """The attributes of spans, as they are told."""
    told = {name: said for name, said in _TABLE.findall(engine.telemetry.__doc__) if not name.startswith("vizsla.")}
    return {f"vizsla.{name.strip()}" for said in told.values() for name in said.split(",") if name.strip()}


def metrics():
    """The metrics, and by which attributes each is told."""
    return {
        name: {each.strip().partition(":")[0] for each in said.split(",")}
        for name, said in _TABLE.findall(engine.telemetry.__doc__)
        if name.startswith("vizsla.")
    }


def instruments():
    """The metrics that the code makes."""
    return set(re.findall(r'_METER\.create_\w+\("([^"]+)"', _SPANS))


def literals(query):
    """Every text in the query that stands in quotes, but in its comments."""
    return {each for line in query.splitlines() for each in _STRING.findall(line.split("//")[0])}
