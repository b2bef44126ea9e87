"""Noises, and the people and devices that make them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import msgspec
import pytest

from tests.estate import Estate
from tests.estate.chain import Today
from tests.estate.devices import Fleet, tagged
from tests.estate.noise import Noise, Run, holders, noises, plan
from tests.estate.play import play
from tests.estate.processes import identity, initiator
from tests.estate.programs import known, service

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
DAY = 86_400 * 10_000_000


def test_no_two_services_of_a_device_share_a_pid() -> None:
    names = {name for noise in noises() for scope, name in noise.links() if scope == "boot"}

    assert len({service(name)[0] for name in names}) == len(names)


@pytest.mark.parametrize("noise", noises(), ids=lambda noise: noise.name)
def test_a_noise_is_on_its_share_of_devices_and_can_be_played(noise: Noise) -> None:
    estate = Estate(seed=1, devices=200, start=MONDAY)
    midnight = estate.midnight(0)
    eligible = tagged(estate.fleet, noise.tag)
    chosen = holders(noise, estate.fleet, midnight)

    assert len(chosen) == max(1, round(noise.share * len(eligible)))
    assert (chosen == holders(noise, estate.fleet, midnight + DAY)) is (not noise.roams or noise.share == 1)
    for script in noise.scripts:
        run = Run(midnight + DAY // 2, chosen[0], _with(noise, script))
        assert play(run, estate.fleet, midnight=midnight, day=0, today=Today())


def _with(noise: Noise, script: tuple[str, ...]) -> Noise:
    return msgspec.structs.replace(noise, scripts=(script,))


def test_every_noise_has_a_name_of_its_own() -> None:
    names = Counter(noise.name for noise in noises())

    assert len(names) >= 30
    assert set(names.values()) == {1}


def test_a_rollout_is_seen_on_many_devices_on_its_day_alone() -> None:
    estate = Estate(seed=1, devices=60, start=MONDAY)
    seen = {
        n: {
            run.device for run in plan(estate.fleet, estate.midnight(n), n) if run.noise and run.noise.name == "rollout"
        }
        for n in range(5)
    }

    assert {n: len(devices) for n, devices in seen.items()} == {0: 0, 1: 0, 2: 0, 3: 26, 4: 0}


def test_people_of_a_company_have_names_of_their_own() -> None:
    fleet: Fleet = Estate(seed=1, devices=2000, start=MONDAY).fleet
    owners = [device.owner.name for device in tagged(fleet, "workstation") if device.owner]
    administrators = [account.name for account in fleet.administrators]

    assert len(set(owners)) == len(owners) == 1760
    assert len(set(administrators)) == len(administrators)


def test_a_desktop_lives_on_into_the_next_day(estate: Estate) -> None:
    began = {identity(row): row["Timestamp"] for row in estate.day(0) if row["FileName"] == "explorer.exe"}
    tuesday = {initiator(row) for row in estate.day(1) if row["InitiatingProcessFileName"] == "explorer.exe"}

    assert len(tuesday & set(began)) > 5


def test_original_names_are_kept_where_they_differ() -> None:
    kept = {name: known()[name].original for name in ("nltest", "systeminfo", "gpresult", "nbtstat", "whoami.exe")}

    assert kept == {
        "nltest": "nltestrk.exe",
        "systeminfo": "sysinfo.exe",
        "gpresult": "gprslt.exe",
        "nbtstat": "nbtinfo.exe",
        "whoami.exe": "whoami.exe",
    }
