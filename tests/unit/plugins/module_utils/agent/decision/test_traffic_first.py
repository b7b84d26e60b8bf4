# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traffic comes before all checks: what is up carries it where the tunnel in use is down."""

from __future__ import annotations

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.wanted import Check
from ansible_collections.swanfleet.ipsec.tests.simulation.rules import one_group


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(Check(("10.2.0.1",), inside=True), id="every 5 min, from inside"),
        pytest.param(Check(("192.0.2.1",)), id="every 5 min"),
        pytest.param(Check(("192.0.2.1",), interval=None, retry_interval=10.0), id="by a calendar"),
    ],
)
def test_a_primary_that_is_up_again_carries_the_traffic_where_the_fallback_dies_whatever_old_rounds_say(
    check: Check,
) -> None:
    world = one_group(check=check, returns=False)
    world.run(1)
    world.change("p", works=False)
    world.calendar("g")
    world.run(3600)
    assert world.active("g") == "f"
    world.change("p", works=True)
    world.change("f", works=False)
    world.lose_sa("f", dead=True)
    world.run(8)
    assert world.active("g") == "p"
    assert world.sas["p"].up
    # It was not set up anew for that, and new rounds may fail it again.
    before = len(world.done)
    world.run(3600)
    assert world.story()[before:] == []
    world.change("p", loss=1.0)
    world.change("f", works=True)
    world.calendar("g")
    world.run(3600)
    assert world.active("g") == "f"


def test_a_fallback_that_is_set_up_anew_for_a_moment_keeps_its_place_before_a_primary_that_does_not_answer() -> None:
    world = one_group(check=Check(("192.0.2.1",), interval=1.0), hot=True)
    world.run(10)
    world.change("p", loss=1.0)
    world.run(10)
    assert world.active("g") == "f"
    world.sas["f"].up = False
    world.sas["f"].connecting = True
    world.sas["f"].down_since = world.now
    world.look()
    world.run(1)
    world.set_up_by_peer("f")
    world.run(30)
    assert world.story().count("switch f") == 1
    assert "switch p" not in world.story()
