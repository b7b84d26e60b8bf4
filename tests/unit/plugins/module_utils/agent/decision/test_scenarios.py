# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long failures take, and how often a bad line makes a group switch, in simulated time: a table of scenarios."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.values import SWITCH
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.wanted import Check
from ansible_collections.swanfleet.ipsec.tests.simulation.rules import one_group
from ansible_collections.swanfleet.ipsec.tests.simulation.world import IKE_S, World, gaps

ADDRESS = ("192.0.2.1",)
PAGE = Check(ADDRESS)
SECOND = Check(ADDRESS, interval=1.0)
TENTH = Check(ADDRESS, interval=0.1)
INSIDE = Check(("10.2.0.1",), interval=1.0, inside=True)
MOMENTS = 60


@dataclass(frozen=True)
class Profile:
    """A check and a mode, and what a cut at any moment may take until the fallback carries the traffic."""

    check: Check
    hot: bool
    at_most: float


PROFILES = [
    pytest.param(Profile(PAGE, False, 15 * 60 + 2 + IKE_S), id="5 min x 3, cold: the page's defaults"),
    pytest.param(Profile(PAGE, True, 15 * 60 + 2), id="5 min x 3, hot"),
    pytest.param(Profile(TENTH, True, 0.4), id="100 ms x 3, hot"),
    pytest.param(Profile(TENTH, False, 0.4 + IKE_S), id="100 ms x 3, cold"),
    pytest.param(Profile(SECOND, True, 4.0), id="1 s x 3, hot"),
    pytest.param(Profile(SECOND, False, 4.0 + IKE_S), id="1 s x 3, cold"),
    pytest.param(Profile(INSIDE, True, 4.0), id="1 s x 3, hot, from inside"),
    pytest.param(Profile(INSIDE, False, 4.0 + IKE_S), id="1 s x 3, cold, from inside"),
]


def until_switched(world: World, tunnel: str) -> float:
    """Let time go on until a tunnel is used; return how long that took."""
    begun = world.now
    while world.active("g") != tunnel:
        world.run(1e-9 + max(0.0, world._queue[0][0] - world.now))
        assert world.now - begun < 7200
    return world.now - begun


@pytest.mark.parametrize("profile", PROFILES)
def test_a_cut_at_any_moment_is_switched_within_the_budget(profile: Profile) -> None:
    chance = random.Random("cuts")  # noqa: S311  # the same moments every time
    interval = profile.check.interval or 0.0
    assert profile.at_most == pytest.approx((profile.check.budget or 0.0) + (0.0 if profile.hot else IKE_S))
    took = []
    for number in range(MOMENTS):
        world = one_group(check=profile.check, hot=profile.hot, seed=f"cut {number}")
        # charon may know sooner; here it never does.
        world.found_dead_after = 1e9
        world.run(5 * interval + chance.random() * interval)
        world.change("p", works=False)
        took.append(until_switched(world, "f"))
        assert [action.tunnel for _moment, action in world.told(SWITCH)] == ["f"]
    assert max(took) <= profile.at_most + 1e-3
    # It is the moment of the cut that makes the difference, and nothing else.
    assert profile.at_most - interval - 1e-3 <= min(took)
    assert max(took) - min(took) > 0.8 * interval


@dataclass(frozen=True)
class Trouble:
    """A line that is bad for an hour: lost packets, or up and down by turns, and how many switches that may make."""

    loss: float = 0.0
    up: float = 0.0
    down: float = 0.0
    check: Check = SECOND
    hot: bool = True
    hold: float = 60.0
    fallback_too: bool = False
    seeds: str = "abc"


TROUBLES = [
    pytest.param(Trouble(loss=0.4), id="40 % loss, hot"),
    pytest.param(Trouble(loss=0.4, hot=False), id="40 % loss, cold"),
    pytest.param(Trouble(loss=0.4, check=TENTH, seeds="a"), id="40 % loss, 100 ms"),
    pytest.param(Trouble(loss=0.4, check=PAGE, hold=600.0), id="40 % loss, the page's defaults"),
    pytest.param(Trouble(loss=0.7), id="70 % loss"),
    pytest.param(Trouble(loss=0.4, hold=5.0), id="40 % loss, short hold"),
    pytest.param(Trouble(up=20.0, down=20.0), id="up and down every 20 s"),
    pytest.param(Trouble(up=100.0, down=10.0), id="down 10 s of 110"),
    pytest.param(Trouble(up=100.0, down=10.0, hot=False), id="down 10 s of 110, cold"),
    pytest.param(Trouble(up=65.0, down=5.0), id="returns just in time to fail"),
    pytest.param(Trouble(loss=0.4, fallback_too=True), id="40 % loss on both"),
]


def suffer(trouble: Trouble, seed: str) -> World:
    """Return a world after an hour of trouble."""
    world = one_group(check=trouble.check, hot=trouble.hot, seed=seed, hold_down=trouble.hold)
    world.run(100)
    world.change("p", loss=trouble.loss)
    if trouble.fallback_too:
        world.change("f", loss=trouble.loss)
    end = world.now + 3600
    while world.now < end:
        world.run(trouble.up or 3600)
        if trouble.down:
            world.change("p", works=False)
            world.run(trouble.down)
            world.change("p", works=True)
    return world


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_bad_line_makes_one_switch_in_a_hold_at_most(trouble: Trouble) -> None:
    for seed in trouble.seeds:
        switches = [(moment, action.tunnel) for moment, action in suffer(trouble, seed).told(SWITCH)]
        # Away and back by turns, and each time away begins a hold that has no other switch in it.
        assert [tunnel for _moment, tunnel in switches] == ["f", "p"] * (len(switches) // 2) + ["f"] * (
            len(switches) % 2
        )
        held = gaps([moment for moment, _tunnel in switches])[::2]
        assert min(held, default=trouble.hold) >= trouble.hold
        # A primary that cannot keep its place for longer than that gets it back less and less often.
        away = [moment for moment, tunnel in switches if tunnel == "f"]
        quickly = [gap < 3 * trouble.hold for gap in gaps(away)]
        assert trouble.hold < 60 or sum(quickly) <= 4


def test_a_line_that_stays_bad_is_not_returned_to_again_and_again() -> None:
    counts = [len(suffer(Trouble(loss=0.4), str(seed)).told(SWITCH)) for seed in range(6)]
    assert max(counts) <= 7
    assert sum(counts) / len(counts) <= 5


def test_one_lost_round_in_a_hundred_does_not_keep_the_primary_away() -> None:
    for seed in range(5):
        world = one_group(check=SECOND, hot=True, seed=str(seed))
        world.change("p", loss=0.01)
        world.run(100)
        world.change("p", works=False)
        until_switched(world, "f")
        world.change("p", works=True)
        assert until_switched(world, "p") < 70
