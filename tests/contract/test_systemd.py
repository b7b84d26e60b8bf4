# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine relies on in systemd, held against the fake and, where systemd runs, against the real one."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.systemd import Systemd, Units, UnitState
from ansible_collections.swanfleet.ipsec.tests.fakes.units import NO_SYSTEMD, FakeUnits

RUNS = Path("/run/systemd/system").is_dir()


@pytest.fixture(params=["fake", "real"])
def units(request: pytest.FixtureRequest) -> Units:
    if request.param == "fake":
        return FakeUnits({"-.mount": UnitState("loaded", "active", "mounted")})
    if not RUNS:
        pytest.skip("systemd does not run here; the lab runs this test")
    return Systemd()


def test_a_unit_has_three_states(units: Units) -> None:
    assert units.state("-.mount") == UnitState("loaded", "active", "mounted")


def test_a_unit_that_does_not_exist_is_not_found(units: Units) -> None:
    assert units.state("swanfleet-no-such.service") == UnitState("not-found", "inactive", "dead")


@pytest.mark.parametrize(
    "units",
    [
        pytest.param(FakeUnits(without_systemd=True), id="fake"),
        pytest.param(Systemd(), id="real", marks=pytest.mark.skipif(RUNS, reason="systemd runs here")),
    ],
)
def test_without_systemd_all_states_are_empty(units: Units) -> None:
    assert units.state("strongswan.service") == NO_SYSTEMD
