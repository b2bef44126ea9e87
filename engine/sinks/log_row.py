"""A finding as a row of the table VizslaFindings_CL: its columns, and how much of each is told.

`infra/findings-table.json` declares the same columns for the table and for the rule by which rows reach it; a test
holds both together. Azure Monitor cuts a field off at 64 KB and the data lake at 32 KB, without a word and in the midst
of JSON. So ours are cut before, by meaning, and say how much is missing.

What cannot be seen is made visible in every column. A row is not evidence, it is read in a portal, where a
right-to-left override would show another command than the one that ran; the bytes that ran stay in DeviceProcessEvents,
which the row's DeviceId, times and ReportIds lead to. `FindingTitle` and `Summary` become an alert's text: there what
could act as HTML or Markdown is escaped too.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any, TypeAlias

import msgspec

from engine.model.event import instant, ticks, timestamp
from engine.model.finding import Account, Command, Device, Finding, Process
from engine.model.notice import DeviceContext, Notice
from engine.report.words import path, titles
from engine.sinks.alert_entities import category
from engine.sinks.log_cut import MOST_BYTES, fitting, shown, texts
from engine.sinks.log_summary import state, summary
from engine.sinks.plain_text import safe

_LINE, _LINK = 2_000, 16_000
_PART = 500
"""Of a text within a context, so that the whole fits."""
_TITLE, _SUMMARY = 240, 4_800
"""Of an alert's name and description: from 256 bytes and from 5 KB on, Sentinel drops them."""

Text: TypeAlias = Annotated[str, msgspec.Meta(extra={"column": "string"})]
Number: TypeAlias = Annotated[int | None, msgspec.Meta(extra={"column": "long"})]
Flag: TypeAlias = Annotated[bool, msgspec.Meta(extra={"column": "boolean"})]
Moment: TypeAlias = Annotated[str | None, msgspec.Meta(extra={"column": "datetime"})]
Dynamic: TypeAlias = Annotated[Any, msgspec.Meta(extra={"column": "dynamic"})]


class Row(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """One form of a finding, as it was told once. `telling` is equal for two rows that say the same of it.

    `time_generated` is when it was told: Azure Monitor replaces what is older than two days, as an event may be.
    `commands` are the first of `command_count`, as many as fit.
    """

    time_generated: Moment
    fingerprint: Text
    telling: Text
    state: Text
    repeated: Flag
    run_tenant: Text
    hunt: Text
    hunt_title: Text
    finding_title: Text
    summary: Text
    severity: Text
    score: Number
    expected: Text
    retracted: Text
    absorbed_by: Text
    aliases: Dynamic
    device_id: Text
    device_name: Text
    host_name: Text
    dns_domain: Text
    account_name: Text
    account_domain: Text
    account_upn_suffix: Text
    account_sid: Text
    process_id: Number
    process_creation_time: Moment
    process_file_name: Text
    process_path: Text
    process_command_line: Text
    process_sha1: Text
    process_signature: Text
    start_time: Moment
    end_time: Moment
    commands: Dynamic
    command_count: Number
    commands_shown: Number
    intents: Dynamic
    tactic: Text
    techniques: Dynamic
    reasons: Dynamic
    chain: Dynamic
    response: Dynamic
    context: Dynamic
    device_link: Text
    hunting_link: Text
    incident_link: Text


def columns() -> dict[str, str]:
    """The table's columns in order: name -> type, in the words of a data collection rule."""
    kinds: dict[str, str] = {}
    for field in msgspec.structs.fields(Row):
        about = msgspec.inspect.type_info(field.type)
        if isinstance(about, msgspec.inspect.Metadata) and about.extra:
            kinds[field.encode_name] = about.extra["column"]
    return kinds


def row(notice: Notice, at: datetime | None) -> Row:
    """The row that tells of a finding `at` a moment (UTC), None for one that is not sent. Pure."""
    finding = notice.finding
    return Row(
        time_generated=timestamp(instant(at)) if at else None,
        telling=_telling(notice),
        state=state(notice),
        repeated=notice.perhaps_told,
        finding_title=shown(safe(finding.title, _LINE), _TITLE),
        summary=shown(summary(notice), _SUMMARY, keep="\n"),
        tactic=category(notice.tactic),
        context=_context(notice.context),
        **_finding(finding),
        **_hunt(notice),
        **_device(finding.device),
        **_account(finding.account),
        **_actor(finding.actor),
        **_evidence(finding),
    )


def _telling(notice: Notice) -> str:
    said = (notice.finding.fingerprint, state(notice), notice.finding.form)
    return hashlib.sha256("\0".join(said).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "fingerprint": shown(finding.fingerprint),
        "run_tenant": shown(finding.tenant),
        "severity": finding.severity.capitalize(),
        "score": finding.score,
        "expected": shown(finding.expected),
        "retracted": shown(finding.retracted),
        "absorbed_by": shown(finding.absorbed_by),
        "aliases": texts(finding.aliases),
    }


def _hunt(notice: Notice) -> dict[str, Any]:
    return {
        "hunt": shown(notice.finding.hunt),
        "hunt_title": shown(notice.hunt_title),
        "response": texts(notice.response),
        "device_link": shown(notice.links.device, _LINK),
        "hunting_link": shown(notice.links.hunting, _LINK),
        "incident_link": shown(notice.incident, _LINK),
    }


def _device(device: Device) -> dict[str, Any]:
    host, _, domain = device.name.rstrip(".").partition(".")
    return {
        "device_id": shown(device.id),
        "device_name": shown(device.name),
        "host_name": shown(host),
        "dns_domain": shown(domain),
    }


def _account(account: Account) -> dict[str, Any]:
    """As Sentinel's Account has it: without what stands behind an `@` in its name, and that."""
    name, _, suffix = account.name.partition("@")
    return {
        "account_name": shown(name),
        "account_domain": shown(account.domain),
        "account_upn_suffix": shown(suffix),
        "account_sid": shown(account.sid),
    }


def _actor(actor: Process) -> dict[str, Any]:
    return {
        "process_id": actor.process_id,
        "process_creation_time": _moment(actor.creation_time),
        "process_file_name": shown(actor.file_name),
        "process_path": shown(path(actor)),
        "process_command_line": shown(actor.command_line, MOST_BYTES),
        "process_sha1": shown(actor.sha1),
        "process_signature": shown(actor.signature_status),
    }


def _evidence(finding: Finding) -> dict[str, Any]:
    commands = fitting(_command(each) for each in finding.commands)
    return {
        "start_time": _moment(finding.start),
        "end_time": _moment(finding.end),
        "commands": commands,
        "command_count": len(finding.commands),
        "commands_shown": len(commands),
        "intents": texts(titles(finding)),
        "techniques": texts(finding.techniques),
        "reasons": texts(finding.reasons),
        "chain": texts([path(each) for each in finding.chain]),
    }


def _moment(time: str) -> str | None:
    """A Timestamp in UTC with all its digits; None where the data has none."""
    try:
        return timestamp(ticks(time))
    except ValueError:
        return None


def _command(command: Command) -> dict[str, Any]:
    return {
        "Time": _moment(command.time),
        "Intent": shown(command.intent, _PART),
        "Meaning": shown(command.title, _PART),
        "Technique": shown(command.technique, _PART),
        "FileName": shown(command.file_name, _PART),
        "CommandLine": shown(command.command_line, _LINE),
        "Decoded": shown(command.decoded, _LINE),
        "Parent": shown(command.parent, _PART),
        "ProcessId": command.process_id,
        "ReportId": command.report_id,
        "Heavy": command.heavy,
    }


def _context(context: DeviceContext | None) -> dict[str, Any] | None:
    """What Defender knows of the device; null where that is unavailable."""
    if context is None:
        return None
    alerts = [
        {key.capitalize(): shown(value, _PART) for key, value in msgspec.structs.asdict(each).items()}
        for each in context.alerts
    ]
    room = MOST_BYTES // 4
    return {
        "Group": shown(context.group, _PART),
        "Role": shown(context.role, _PART),
        "AssetValue": shown(context.asset_value, _PART),
        "Exposure": shown(context.exposure, _PART),
        "InternetFacing": context.internet_facing,
        "LoggedOn": texts(context.logged_on, most=room),
        "RemoteDevice": shown(context.remote_device, _PART),
        "RemoteAddress": shown(context.remote_address, _PART),
        "Alerts": fitting(alerts, most=room),
        "AlertCount": len(alerts),
    }
