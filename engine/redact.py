"""A finding as it may leave: secrets in its command lines masked, and beside them what encoded commands say."""

from __future__ import annotations

from msgspec.structs import replace

from engine.masking import decoded, masked
from engine.model.finding import Command, Finding, Process


def redacted(finding: Finding) -> Finding:
    """The finding with no secret that Vizsla knows the grammar of: see engine/masking."""
    return replace(
        finding,
        actor=_process(finding.actor),
        chain=tuple(map(_process, finding.chain)),
        commands=tuple(map(_command, finding.commands)),
    )


def revealed(finding: Finding) -> Finding:
    """The finding with its command lines as they were recorded, for a person's own eyes."""
    commands = (replace(command, decoded=decoded(command.command_line)) for command in finding.commands)
    return replace(finding, commands=tuple(commands))


def _command(command: Command) -> Command:
    return replace(command, command_line=masked(command.command_line), decoded=decoded(command.command_line))


def _process(process: Process) -> Process:
    return replace(process, command_line=masked(process.command_line))
