# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people say by hand goes before what the agent thinks, and no tunnel takes over that is not up."""

from __future__ import annotations

from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.values import (
    AUTO,
    FALLBACK,
    INITIATE,
    PRIMARY,
    SWITCH,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.wanted import Check
from ansible_collections.swanfleet.ipsec.tests.simulation.rules import one_group

OUTSIDE = Check(("192.0.2.1",), interval=1.0)


def test_by_hand_a_fallback_is_used_although_the_primary_works_and_it_stays() -> None:
    world = one_group(check=OUTSIDE, hold_down=30.0)
    world.run(100)
    world.override("g", FALLBACK)
    world.run(3600)
    assert world.story() == ["note p", "initiate f", "switch f", "terminate p"]
    assert world.reasons(SWITCH) == ["override is fallback"]
    world.override("g", AUTO)
    world.run(60)
    assert world.active("g") == "p"


def test_by_hand_the_primary_is_used_although_it_does_not_answer() -> None:
    world = one_group(check=OUTSIDE, hot=True)
    world.run(100)
    world.change("p", loss=1.0)
    world.run(10)
    assert world.active("g") == "f"
    world.override("g", PRIMARY)
    assert world.active("g") == "p"
    world.run(3600)
    assert [action.tunnel for _moment, action in world.told(SWITCH)] == ["f", "p"]
    world.override("g", AUTO)
    assert world.active("g") == "f"


def test_by_hand_too_a_tunnel_must_be_up_before_it_takes_over() -> None:
    world = one_group(check=OUTSIDE)
    world.run(100)
    world.change("f", works=False)
    world.override("g", FALLBACK)
    world.run(600)
    assert world.active("g") == "p"
    assert world.sas["p"].up
    world.change("f", works=True)
    world.run(400)
    assert world.active("g") == "f"


def test_a_fallback_by_hand_that_fails_gives_way_to_other_fallbacks_only() -> None:
    world = one_group(check=OUTSIDE, fallbacks=("f1", "f2"))
    world.run(100)
    world.override("g", FALLBACK)
    world.run(10)
    world.change("f1", address=False)
    world.run(10)
    assert [action.tunnel for _moment, action in world.told(SWITCH)] == ["f1", "f2"]
    world.change("f2", address=False)
    world.run(3600)
    assert world.active("g") == "f2"


def test_an_override_that_ends_a_trial_ends_what_was_tried() -> None:
    world = one_group(check=OUTSIDE)
    world.run(100)
    world.change("f", works=False)
    world.change("p", works=False)
    while not world.told(INITIATE):
        world.run(0.1)
    world.override("g", PRIMARY)
    assert [f"{action.kind} {action.tunnel}" for _moment, action in world.done[:3]] == [
        "initiate f", "note p", "terminate f",
    ]  # fmt: skip
    assert not world.sas["f"].connecting


def test_a_primary_that_was_chosen_by_hand_is_not_set_up_anew_as_its_check_is_silent() -> None:
    """Whoever chose it may know that it works, and that what is asked does not."""
    world = one_group(check=Check(("192.0.2.1",), interval=1.0))
    world.run(10)
    world.override("g", PRIMARY)
    world.change("p", loss=1.0)
    world.run(3600)
    assert world.active("g") == "p"
    assert not any(each.startswith(("restart", "terminate")) for each in world.story())
