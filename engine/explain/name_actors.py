"""Whom `name_actors` took for the one that ran the commands."""

from __future__ import annotations

from collections import Counter, defaultdict

from engine.explain.interface import MOST_LINES, Passage, counted, label
from engine.model.actor import Actor
from engine.model.event import Event
from engine.model.explanation import Line, Section
from engine.report import words

_KINDS = {"process": "", "session": "a desktop session, ", "remote": "a host of others' commands, "}


def tell(passage: Passage) -> Section:
    """Each actor with its kind, its path and the chain down to the command; then what the data lacked."""
    actors: defaultdict[tuple[str, ...], list[Event]] = defaultdict(list)
    for event in passage.kept:
        actors[event["Actor"].key].append(event)
    ranked = sorted(actors.values(), key=lambda events: -len(events))
    lines = [_actor(events) for events in ranked[:MOST_LINES]]
    if rest := ranked[MOST_LINES:]:
        total = sum(map(len, rest))
        lines.append(Line(mark="kept", count=total, what=f"and {words.count(len(rest), 'more actor')}"))
    lacking = [("", note) for event in passage.kept for note in event["Actor"].notes]
    says = f"{words.count(len(passage.kept), 'command')} by {words.count(len(actors), 'actor')}"
    return passage.section(says, (*lines, *counted("note", lacking, most=MOST_LINES // 2)))


def _actor(events: list[Event]) -> Line:
    actor: Actor = events[0]["Actor"]
    chains = Counter(_chain(event["Actor"]) for event in events)
    path = words.path(actor.process) if actor.process.folder_path else "in an unknown folder"
    ((usual, _),) = chains.most_common(1)
    why = f"{_KINDS[actor.kind]}{path}, {'mostly ' * (len(chains) > 1)}{usual}"
    return Line(mark="kept", count=len(events), what=label(events[0]), why=why)


def _chain(actor: Actor) -> str:
    """What stands between the actor and its command."""
    between = " > ".join(process.file_name for process in actor.chain[1:])
    return f"through {between}" if between else "directly"
