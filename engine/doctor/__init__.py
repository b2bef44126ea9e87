"""What is set up, looked at from end to end: nothing is delivered, no finding is written, no run is recorded.

A check that fails hides no other. What cannot be looked at for that is `skipped`, and says which check to see. Every
value of a setting is replaced by the setting's name in what is told.

Left out: `getHuntingSchema` is beta, and the hunts' own questions tell more; the calls that are left of the tenant's
quota, for neither Graph nor the store says so without booking one; and whether roles in Azure are assigned, which no
token says: what they allow is tried where that has no consequence.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from engine.doctor import environment as surroundings
from engine.doctor import hunting, knowing, machine, signing_in, storing, telling
from engine.doctor.hiding import hider
from engine.doctor.interface import Check, Sign, sign_of, unseen
from engine.doctor.patient import Lacking, Machine, Patient, Unseen
from engine.errors import VizslaError
from engine.model.diagnosis import Diagnosis, Examination

HERE = Machine(python=sys.version_info[:2], requirements=Path(__file__).parents[2] / "requirements.txt")
_NOT_WELL = {"warning", "failed"}

CHECKS: tuple[Check, ...] = (
    Check(
        name="python",
        asks="Is this a Python that Vizsla runs on?",
        cure="Install Python 3.13.",
        look=machine.python,
    ),
    Check(
        name="packages",
        asks="Is each package that `requirements.txt` pins there, in that version?",
        cure="`pip install -r requirements.txt`, or deploy the app anew.",
        look=machine.packages,
    ),
    Check(
        name="settings",
        asks="Is each setting known, readable, in agreement with the others, and good for something?",
        cure="Mend it: docs/settings.md says what each is for.",
        look=surroundings.settings,
    ),
    Check(
        name="app",
        asks="In Azure Functions: is there a queue to wait in, are callers signed in, does somebody hear?",
        cure="infra/main.bicep sets it.",
        look=surroundings.app,
    ),
    Check(
        name="store",
        asks="Can what is remembered be read and written?",
        cure="Set VIZSLA_STORE to a file, or in Azure VIZSLA_TABLES_URL, which whoever signs in may write to.",
        look=storing.store,
    ),
    Check(
        name="hunts",
        asks="Does each hunt load?",
        cure="Mend what is named, here or in VIZSLA_HUNTS: `vizsla check` tells every fault. The other hunts run on.",
        look=knowing.hunts,
    ),
    Check(
        name="lists",
        asks="Does known-good or a window end within 14 days?",
        cure="Renew it with its owner, or take it out.",
        look=knowing.lists,
    ),
    Check(
        name="sign-in",
        asks="Does somebody sign in, and to the tenant that is meant?",
        cure="Give the app a managed identity, name an application in VIZSLA_APP, or run `az login` here.",
        look=signing_in.sign_in,
    ),
    Check(
        name="roles",
        asks="Does the token hold the rights that are needed, and no others?",
        cure="An administrator grants it: infra/grant-permissions.sh. Tokens show it hours later at worst.",
        look=signing_in.roles,
    ),
    Check(
        name="clock",
        asks="Does Microsoft Graph answer, and is this clock within 5 minutes of its own?",
        cure="Let this machine reach Microsoft Graph: name resolution, firewall, proxy, certificates.",
        look=signing_in.clock,
    ),
    Check(
        name="hunting",
        asks="Is a hunting query of one row answered?",
        cure="The message names what the tenant or the files lack.",
        look=hunting.hunting,
    ),
    Check(
        name="quota",
        asks="Do the tenant's quota and our share of it let a call through?",
        cure="Wait; where it comes back, lower VIZSLA_CALLS_AN_HOUR, or ask what else hunts in the tenant.",
        look=hunting.quota,
    ),
    Check(
        name="freshness",
        asks="Is the newest launch younger than a day?",
        cure="Look in the portal whether DeviceProcessEvents still fills, and whether devices are onboarded.",
        look=hunting.freshness,
    ),
    Check(
        name="tables",
        asks="Does the tenant have each table and column that the hunts read?",
        cure="Read a missing column with column_ifexists; a missing table needs its product or licence.",
        look=hunting.tables,
    ),
    Check(
        name="sinks",
        asks="Could each sink be told, as far as one sees without telling it?",
        cure="Mend its settings, let this machine reach it, or take it out of VIZSLA_SINKS.",
        look=telling.sinks,
    ),
    Check(
        name="routes",
        asks="Does each hunt tell a sink that is set up?",
        cure="Name one of them in VIZSLA_SINKS, or one that is set up in the hunt's `deliver`.",
        look=telling.routes,
    ),
    Check(
        name="runs",
        asks="Has each hunt run, on time, without failures and gaps?",
        cure="docs/operate.md says what each means; `vizsla runs` shows the record.",
        look=storing.runs,
    ),
)
"""In the order in which they are told: what others need comes before them."""


def diagnose(
    environment: Mapping[str, str],
    *,
    now: Callable[[], datetime],
    developer: bool = False,
    machine: Machine = HERE,
) -> Examination:
    """What is found in an environment, by every check. `now` is this machine's clock (UTC).

    With `developer`, whoever is signed in on this machine asks the tenant where nobody else is named. What Vizsla
    raises on purpose is a diagnosis; a bug is not caught.
    """
    hide = hider(environment)
    with Patient(environment, now=now, machine=machine, developer=developer) as patient:
        found = tuple(_told(check, sign, hide) for check in CHECKS for sign in _signs(check, patient))
    return Examination(healthy=all(each.state != "failed" for each in found), diagnoses=found)


def _signs(check: Check, patient: Patient) -> Iterator[Sign]:
    """What the check saw, and what ended it."""
    try:
        yield from check.look(patient)
    except Lacking as lack:
        yield sign_of(lack.error) if lack.check == check.name else unseen(str(lack))
    except Unseen as why:
        yield unseen(str(why))
    except VizslaError as error:
        yield sign_of(error)


def _told(check: Check, sign: Sign, hide: Callable[[str], str]) -> Diagnosis:
    cure = sign.cure or check.cure if sign.state in _NOT_WELL else ""
    return Diagnosis(
        check=check.name, about=hide(sign.about), state=sign.state, found=hide(sign.found), cure=hide(cure)
    )
