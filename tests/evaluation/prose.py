"""The sentences of the page: what its figures mean, and what they do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from engine.model.finding import SEVERITIES, Severity
from tests.evaluation.judgement import FEWEST_COMMANDS, FEWEST_INTENTS
from tests.evaluation.results import DayPlayed, Played, Results
from tests.evaluation.tables import spread
from tests.evaluation.telemetry import Scored

SPEED = "## Speed"
NO_SPEED = (
    f"{SPEED}\n\nNot measured here: `make bench` measures it, and `python -m tests.bench --write` writes it here.\n"
)
NO_TELEMETRY = "There is none beside the repository: nothing was measured.\n"

METHODS = f"""Mean of the seeds, in brackets from which to which; false findings per 1,000 device-days, as delivered.
An intrusion is found when a finding of medium or above on its device holds at least {FEWEST_COMMANDS} of its commands.
Those that show fewer than {FEWEST_INTENTS} intents stand in a column of their own. The classics have known-good, the
catalogue and scores too: they are better here than as they are usually written.
"""
DOUBLES = """What a person receives, summed over the seeds. A double is a new finding that holds a command of an earlier
one: a burst that was cut by a window's edge, or by rows that came late, and so has two fingerprints.
"""
TIME = """From its first command to the moment at which the run begins that finds it: the end
of the run's window, and the time that events are given to arrive. The hunt's own schedule has four runs an hour; here
there are fewer, so that these times are long.
"""
FALSE = "Every finding that holds no intrusion's command, summed over the seeds.\n"


def head(results: Results) -> str:
    """What was done, in a few sentences."""
    seeds = ", ".join(str(day.seed) for day in results.days)
    devices = results.days[0].devices
    return f"""# How well the hunts do

Made by `make evaluate`, which is `{results.command}`.
Seeds: {seeds}; an estate of {devices:,} devices each.

**The estate is simulated, and so are these figures.** Its agents, logon scripts and administrators are invented after
what such programs are known to do, and how many devices have them was chosen by the authors of this repository. The
intrusions play sequences of commands from public reports. What is false here says how the hunts compare with each
other and what they trip over; **no rate of false alarms in the wild follows from it.** Thresholds were chosen on seeds
101, 202 and 303. The seeds here are others, but **they are no unseen test**: they roll the dice anew for the same
tables of noises, intruders and sequences, which known-good and thresholds were written with in view.

Of each estate, days 0 to {results.history - 1} are learned day by day; day {results.history} has {results.intrusions}
intrusions in five styles and is played through the product's own runner: {results.runs} windows, each with the hunt's
overlap, and each seeing only the rows that had arrived when its run began. The baseline is that of the days before,
each learned from all of its rows, late ones too.
"""


def missed(count: int, late: int) -> str:
    """How many were missed, and how many of them because their rows came late."""
    in_time = f"If every row had arrived in time, {late} of them would have been found"
    return f"""{count} in all seeds. {in_time}: those are for a late sweep. The last
column says what the hunt's steps made of the commands with all rows of the day at hand.
"""


def unseen(played: Played, days: Sequence[DayPlayed]) -> str:
    """Why so little is false, and what would be."""
    return f"""**The figures on false findings above rest on noise that repeats itself.** {_novelty(days)}: the estate's
programs and people do each day what they did in the week before. Real ones are installed, updated and used in new
ways, and each time the hunt has to do without what it learned. So this is the same day again, as if the week before
had been a whole week in which no program did anything: an upper bound for this noise, where known-good alone helps.

Found: {spread(played.found())} %. False per 1,000 device-days: {_by_severity(played)}.
Actors do not depend on each other, so each line says, summed over the seeds, what one program raises when it is new.
"""


def smaller(played: Played, days: Sequence[DayPlayed]) -> str:
    """What a smaller fleet changes."""
    devices = days[0].devices
    return f"""The same noises on {devices:,} devices, the week before learned: fewer share a routine, and
less of the day counts as one. {_novelty(days)}.
Found: {spread(played.found())} %. False per 1,000 device-days: {_by_severity(played)}.
"""


def _novelty(days: Sequence[DayPlayed]) -> str:
    judged, rare, new = (sum(getattr(day.novelty, name) for day in days) for name in ("judged", "rare", "new"))
    told = f"Of {judged:,} commands of noise that known-good leaves"
    return f"{told}, {rare:,} were not routine, and {new:,} had never been seen of their actor"


def unlearned(played: Played) -> str:
    """The day without a baseline, in figures."""
    return f"""The same day and intrusions without any baseline: the fleet inside the run's own window stands in for it.
Found: {spread(played.found())} %; at any severity {spread(played.raised())} %. False per 1,000 device-days:
{_by_severity(played)}.
"""


def rollout(played: Played, days: Sequence[DayPlayed]) -> str:
    """The rollout day, in figures."""
    seeds = ", ".join(str(day.seed) for day in days)
    figures = f"found {spread(played.found())} %; false per 1,000 device-days: {_by_severity(played)}"
    return f"""Once in nine days half of the estate's workstations get a new, unsigned program that asks six things when
it is installed. Nothing excuses it on that day, by design: a worm would look the same. Such a day with intrusions, the
week before it learned, for seed {seeds}: {figures}.
"""


def telemetry(scored: Scored) -> str:
    """What was run over the telemetry, and what else was raised there."""
    others = Counter(scored.others)
    told = ", ".join(f"{others[severity]} {severity}" for severity in reversed(SEVERITIES) if others[severity])
    return f"""Public recordings in Defender's columns, with labels: `discovery-burst` on demand over all files at once,
nothing learned. They hold few device-hours, so no rate is told; and known-good and the catalogue were written with
these very recordings in view. Findings that share no command with any label:
{told or "none"}.
"""


def tail(results: Results) -> str:
    """What the figures leave out, and the command."""
    return f"""## What this does not show

- How often real agents trip the hunt: the estate's noises are those that its authors thought of.
- Intruders who know the hunt. The sequences are as public reports print them, {FEWEST_INTENTS} intents or more; whoever
  asks fewer things in ten minutes, or asks through cmdlets and LDAP, is not in the estate.
- DeviceEvents: the estate has none, so the hunt's cmdlets and searches are not measured.
- What known-good excuses because its authors know the estate's agents: most of them are real products with real paths.

Made by:

```sh
{results.command}
```
"""


def _by_severity(played: Played) -> str:
    severities: tuple[Severity, ...] = SEVERITIES[:0:-1]
    return ", ".join(f"{severity} {spread(played.false(severity))}" for severity in severities)
