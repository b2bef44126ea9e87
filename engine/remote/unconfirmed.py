"""What Microsoft does not document of its answers, and nobody could try yet: every guess, in one place.

Each errs towards asking again, asking for less, or saying what was guessed. When a tenant contradicts one of them, this
is the page to change. Unconfirmed besides, and coded for without a guess: whether the end of a Timespan is included
(`sources/rows.py` leaves such rows out), and whether 429 carries `Retry-After` (`retries.py` waits with or without).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

# The legacy API said "exceeded the allowed result size"; Kusto says "result set has exceeded the internal ... limit".
_TOO_LARGE = re.compile(r"result\s*(?:set|size)|too large|record count|rows? limit|query_?result_?set", re.IGNORECASE)
# A word that both the Graph overview and Kusto's own throttling use; requests a minute are never called that.
_CPU_QUOTA = re.compile(r"\bcpu\b|resource quota|computing resources", re.IGNORECASE)
# Kusto: "Failed to resolve scalar expression named 'X'", "... column named 'X'". Of a table it says "table or column".
_NO_COLUMN = re.compile(r"(?:scalar expression|column|entity|name)\b[^'\"`]{0,40}['\"`](?P<name>[\w$ .-]{1,128})['\"`]")

_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "boolean": "bool",
        "bool": "bool",
        "sbyte": "bool",  # Kusto's V1 answers call bool so
        "byte": "bool",
        "int16": "long",
        "int32": "long",
        "int": "long",
        "int64": "long",
        "long": "long",
        "double": "real",
        "real": "real",
        "single": "real",
        "decimal": "real",
        "sqldecimal": "real",
        "datetime": "datetime",
        "datetimeoffset": "datetime",
        "date": "datetime",
        "object": "dynamic",
        "dynamic": "dynamic",
        "string": "string",
        "guid": "string",
        "timespan": "string",
    }
)


def kind(name: str) -> str | None:
    """The Kusto type (bool, long, real, datetime, dynamic, string) of a type as an answer calls it; None if unheard of.

    Only DateTime and String are documented; .NET's names, OData's and Kusto's own are known too, in any case.
    """
    return _KINDS.get(name.rpartition(".")[2].strip("# ").casefold())


def is_too_large(status: int, code: str, reason: str) -> bool:
    """Whether a refusal is about the size of the answer, so that asking for less may help."""
    return status == 413 or (status == 400 and bool(_TOO_LARGE.search(f"{code} {reason}")))  # noqa: PLR2004 - HTTP's


def is_cpu_quota(reason: str) -> bool:
    """Whether a 429 speaks of the tenant's CPU quota, which is renewed each quarter of an hour, not of calls."""
    return bool(_CPU_QUOTA.search(reason))


def missing_column(reason: str) -> str:
    """The column that a refused query names and the tenant lacks; empty when the refusal says nothing of the kind."""
    words = reason.casefold()
    found = _NO_COLUMN.search(reason) if "resolve" in words and "table" not in words else None
    return found["name"] if found else ""
