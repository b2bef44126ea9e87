"""The JSON answer: a contract, described in docs/answer.schema.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from engine.model.finding import Finding
from engine.model.run import HuntRun


class Answer(msgspec.Struct, frozen=True):
    """One run and its findings, worst first."""

    run: HuntRun
    findings: tuple[Finding, ...]


def encode(run: HuntRun, findings: Sequence[Finding]) -> str:
    """The answer as indented JSON text."""
    return msgspec.json.format(msgspec.json.encode(Answer(run, tuple(findings))), indent=2).decode()


def schema() -> dict[str, Any]:
    """The JSON Schema of the answer."""
    document = msgspec.json.schema(Answer)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "The answer of a hunt", **document}
