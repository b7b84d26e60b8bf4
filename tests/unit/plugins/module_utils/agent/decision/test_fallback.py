# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a group of tunnels does in each kind of trouble, told step by step; the rules of every moment are watched meanwhile."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.standing import ACTIVE, READY, STANDBY
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.values import (
    INITIATE,
    NOTE,
    RESTART,
    SWITCH,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.wanted import Check, Tunnel
from ansible_collections.swanfleet.ipsec.tests.simulation.rules import one_group
from ansible_collections.swanfleet.ipsec.tests.simulation.world import gaps

OUTSIDE = Check(("192.0.2.1",), interval=1.0)
INSIDE = Check(("10.2.0.1",), interval=1.0, inside=True)
ONLY_RESPONDS = Tunnel(responder_only=True)


def test_while_the_primary_works_nothing_is_done() -> None:
    for check in (None, OUTSIDE, INSIDE):
        world = one_group(check=check)
        world.run(3600)
        assert (world.story(), world.state.roles) == ([], {"p": ACTIVE, "f": STANDBY})


def test_a_cold_fallback_is_set_up_before_it_takes_over_and_the_primary_ends() -> None:
    world = one_group(check=OUTSIDE)
    world.run(100)
    world.change("p", works=False)
    while not world.done:
        world.run(0.01)
    assert world.state.roles == {"p": ACTIVE, "f": READY}
    world.run(10)
    assert world.story() == ["initiate f", "switch f", "terminate p"]
    assert world.reasons(SWITCH) == ["p has not answered 3 checks in a row"]
    assert world.state.roles == {"p": STANDBY, "f": ACTIVE}


def test_a_hot_fallback_takes_over_at_once_and_both_stay_up() -> None:
    world = one_group(check=OUTSIDE, hot=True)
    world.run(100)
    assert world.story() == ["initiate f"]
    world.change("p", works=False)
    world.run(5)
    assert world.story() == ["initiate f", "switch f"]
    assert world.state.roles == {"p": READY, "f": ACTIVE}


def test_a_primary_that_answers_while_the_fallback_is_set_up_keeps_its_place() -> None:
    world = one_group(check=OUTSIDE)
    world.run(100)
    world.change("f", works=False)
    world.change("p", works=False)
    while not world.done:
        world.run(0.01)
    world.change("p", works=True)
    world.run(30)
    assert world.story() == ["initiate f", "terminate f"]
    assert world.active("g") == "p"


def test_the_primary_gets_its_place_back_after_it_was_good_for_the_hold() -> None:
    world = one_group(check=OUTSIDE, hold_down=90.0)
    world.run(100)
    world.change("p", works=False)
    world.run(200)
    world.change("p", works=True)
    healed = world.now
    world.run(120)
    assert world.story()[3:] == ["initiate p", "switch p", "terminate f"]
    assert world.told(SWITCH)[1][0] - healed == pytest.approx(90, abs=2)
    assert world.state.roles == {"p": ACTIVE, "f": STANDBY}


def test_a_hot_primary_returns_without_being_set_up_anew_where_it_has_stayed_up() -> None:
    world = one_group(check=OUTSIDE, hot=True, hold_down=20.0)
    world.run(100)
    world.change("p", works=False)
    world.run(10)
    world.change("p", works=True)
    world.run(30)
    assert world.story() == ["initiate f", "switch f", "rekey p", "switch p"]


def test_a_primary_that_is_checked_from_inside_is_kept_up_beside_a_cold_fallback() -> None:
    world = one_group(check=INSIDE, hold_down=20.0)
    world.run(100)
    world.change("p", works=False)
    world.run(10)
    assert world.story() == ["initiate f", "switch f", "terminate p", "initiate p"]
    assert world.state.roles == {"p": READY, "f": ACTIVE}
    world.change("p", works=True)
    world.run(400)
    assert world.story()[-2:] == ["switch p", "terminate f"]


@pytest.mark.parametrize("hot", [False, True])
def test_without_leave_to_return_the_fallback_stays_until_it_fails(hot: bool) -> None:
    world = one_group(check=OUTSIDE, returns=False, hot=hot)
    world.run(100)
    world.change("p", works=False)
    world.run(10)
    world.change("p", works=True)
    world.run(7200)
    assert world.active("g") == "f"
    world.change("f", works=False)
    world.run(60)
    assert world.active("g") == "p"


def test_without_a_check_a_dead_peer_is_what_fails() -> None:
    for check in (None, dataclasses.replace(OUTSIDE, retries=0)):
        world = one_group(check=check)
        world.run(100)
        world.change("p", works=False)
        world.run(60)
        assert world.reasons(SWITCH) == ["the peer of p is dead, or does not answer"]
        # Nothing shows whether a primary on standby works again.
        world.change("p", works=True)
        world.run(7200)
        assert world.active("g") == "f"


def test_a_hot_primary_without_a_check_returns_when_it_was_up_for_the_hold() -> None:
    world = one_group(hot=True, hold_down=60.0)
    world.run(100)
    world.change("p", works=False)
    world.run(60)
    assert world.active("g") == "f"
    world.change("p", works=True)
    world.run(300)
    assert world.active("g") == "p"


def test_a_peer_that_comes_back_by_its_dpd_action_is_no_failure() -> None:
    world = one_group()
    world.run(100)
    world.lose_sa("p", dead=True)
    world.run(4.9)
    world.lines["p"].peer = True
    world.run(60)
    assert world.story() == []


def test_a_primary_that_waits_for_traffic_is_no_failure() -> None:
    world = one_group(check=OUTSIDE)
    world.lines["p"].peer = False
    world.lose_sa("p")
    world.run(3600)
    assert world.story() == []


def test_an_address_that_goes_is_a_failure_at_once() -> None:
    world = one_group(hot=True)
    world.run(100)
    world.change("p", address=False)
    assert world.story() == ["initiate f", "switch f"]
    assert world.reasons(SWITCH) == ["p has no address of its own now"]


def test_fallbacks_are_tried_in_their_order() -> None:
    world = one_group(check=OUTSIDE, fallbacks=("f1", "f2", "f3"))
    world.run(100)
    world.change("f1", works=False)
    world.change("f2", address=False)
    world.change("p", works=False)
    world.run(30)
    assert world.story() == ["initiate f1", "terminate f1", "initiate f3", "switch f3", "terminate p"]


def test_of_hot_fallbacks_the_first_that_is_up_takes_over() -> None:
    world = one_group(check=OUTSIDE, fallbacks=("f1", "f2"), hot=True)
    world.change("f1", works=False)
    world.run(100)
    world.change("p", works=False)
    world.run(5)
    assert [action.tunnel for _moment, action in world.told(SWITCH)] == ["f2"]


def test_a_fallback_that_fails_gives_way_to_a_primary_that_answers_whatever_the_hold() -> None:
    world = one_group(check=OUTSIDE, fallbacks=("f1", "f2"), hold_down=3600.0)
    world.run(100)
    world.change("p", works=False)
    world.run(10)
    world.change("p", works=True)
    world.run(10)
    world.change("f1", address=False)
    world.run(1)
    assert world.story()[3:] == ["initiate p", "switch p"]


def test_a_fallback_whose_sas_were_ended_is_set_up_again_before_others_are() -> None:
    world = one_group(check=OUTSIDE, hold_down=3600.0)
    world.run(100)
    world.change("p", works=False)
    world.run(10)
    world.lose_sa("f")
    world.run(20)
    assert world.active("g") == "f"
    assert world.sas["f"].up


def test_a_return_that_does_not_come_up_costs_nothing_and_doubles_the_hold_up_to_the_most() -> None:
    world = one_group(check=OUTSIDE, hold_down=60.0, hold_down_most=300.0)
    world.run(100)
    world.change("p", works=False)
    world.run(10)
    # Its address answers, its daemon does not.
    world.change("p", works=True, peer=False)
    world.run(1500)
    assert world.active("g") == "f"
    assert len(world.told(SWITCH)) == 1
    assert world.sas["f"].up
    moments = [moment for moment, action in world.told(INITIATE) if action.tunnel == "p"]
    between = gaps(moments)
    assert between == pytest.approx([130, 250, 310, 310, 310], abs=2)
    assert world.reasons(NOTE)[0] == "the return has failed: the next one is in 120 s at the earliest"


@pytest.mark.parametrize(("good_for", "second"), [(20.0, 120.0), (400.0, 60.0)])
def test_the_hold_after_a_return_depends_on_how_long_it_lasted(good_for: float, second: float) -> None:
    world = one_group(check=OUTSIDE, hot=True, hold_down=60.0)
    world.run(100)
    world.change("p", works=False)
    world.run(10)
    world.change("p", works=True)
    while world.active("g") == "f":
        world.run(1)
    world.run(good_for)
    world.change("p", works=False)
    world.run(10)
    assert world.active("g") == "f"
    world.change("p", works=True)
    healed = world.now
    world.run(300)
    assert world.told(SWITCH)[-1][0] - healed == pytest.approx(second, abs=2)


def test_a_failure_within_the_hold_begins_it_anew() -> None:
    world = one_group(check=OUTSIDE, hot=True, hold_down=60.0)
    world.run(100)
    for _time in range(4):
        world.change("p", works=False)
        world.run(10)
        world.change("p", works=True)
        world.run(50)
    assert [action.tunnel for _moment, action in world.told(SWITCH)] == ["f"]
    world.run(15)
    assert world.active("g") == "p"


@pytest.mark.parametrize("hot", [False, True])
def test_both_down_is_tried_less_and_less_often_and_switches_nothing(hot: bool) -> None:
    world = one_group(check=OUTSIDE, hot=hot)
    world.run(100)
    world.change("p", works=False)
    world.change("f", works=False)
    # Until charon has found out that its peer is dead, a hot fallback seems to work.
    world.run(60)
    switches, looked = len(world.told(SWITCH)), 10000.0
    assert switches == hot
    world.run(looked)
    assert len(world.told(SWITCH)) == switches
    moments = [moment for moment, action in world.told(INITIATE) if action.tunnel == "f"]
    between = gaps(moments)
    assert looked / 400 < len(moments) < looked / 150
    assert max(between) < 350
    assert len({round(gap, 3) for gap in between}) > 5
    world.change("f", works=True)
    world.run(350)
    assert world.active("g") == "f"
    assert world.sas["f"].up


def test_two_gateways_do_not_try_at_the_same_moments() -> None:
    moments = []
    for seed in ("a", "b"):
        world = one_group(seed=seed)
        world.run(100)
        world.change("p", works=False)
        world.change("f", works=False)
        world.run(7200)
        moments.append([moment for moment, _action in world.told(INITIATE)])
    # Each tries what it has once without waiting; it is the rounds after that which are spread.
    assert moments[0][:2] == moments[1][:2]
    assert len(moments[0]) > 20
    assert set(moments[0][2:]).isdisjoint(moments[1][2:])


def test_a_primary_that_is_up_and_does_not_answer_is_set_up_anew_when_nothing_else_helps() -> None:
    world = one_group(check=OUTSIDE)
    world.run(100)
    world.change("f", works=False)
    world.change("p", loss=1.0)
    world.run(30)
    assert world.story() == ["initiate f", "terminate f", "restart p"]
    world.run(3600)
    assert len(world.told(RESTART)) < 20
    assert world.active("g") == "p"


def test_no_address_anywhere_is_told_once() -> None:
    world = one_group(check=OUTSIDE)
    world.run(100)
    world.change("f", address=False)
    world.change("p", address=False)
    world.run(3600)
    assert [action.reason for _moment, action in world.done] == [
        "p has no address of its own now; no tunnel of g can take its place now"
    ]
    world.change("f", address=True)
    world.run(1)
    assert world.active("g") == "f"


def test_a_fallback_that_only_responds_is_not_initiated_and_used_when_its_peer_has_set_it_up() -> None:
    world = one_group(check=OUTSIDE, tunnels={"f": ONLY_RESPONDS})
    world.run(100)
    world.change("p", works=False)
    world.run(30)
    assert world.story() == ["note f", "switch f", "terminate p"]
    assert world.reasons(NOTE) == ["p has not answered 3 checks in a row: its peer must set it up, as it only responds"]


def test_what_is_being_set_up_already_is_not_initiated_beside_that() -> None:
    world = one_group(check=OUTSIDE)
    world.run(100)
    world.sas["f"].connecting = True
    world.change("p", works=False)
    world.run(5)
    assert world.story() == ["note f"]
    assert world.reasons(NOTE) == ["p has not answered 3 checks in a row: it is being set up already"]
    world.set_up_by_peer("f")
    assert world.active("g") == "f"


def test_a_primary_that_only_responds_returns_when_its_peer_has_set_it_up() -> None:
    world = one_group(check=OUTSIDE, tunnels={"p": ONLY_RESPONDS}, hold_down=30.0)
    world.run(100)
    world.change("p", works=False)
    world.run(10)
    world.change("p", works=True)
    world.run(600)
    assert world.active("g") == "f"
    world.set_up_by_peer("p")
    assert world.active("g") == "p"
    assert all(action.tunnel != "p" for _moment, action in world.told(INITIATE))
