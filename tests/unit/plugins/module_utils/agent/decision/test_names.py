# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tunnel goes where the name of its peer has moved, and comes up when that has an address; turns and silence change nothing."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.decide import State, decide
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.names import SPACING_S
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.values import (
    END,
    INITIATE,
    NOTE,
    RESTART,
    Action,
    Observation,
    Resolved,
    View,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.wanted import Tunnel, Wanted
from ansible_collections.swanfleet.ipsec.tests.simulation.rules import one_group
from ansible_collections.swanfleet.ipsec.tests.simulation.world import gaps

NAME = "paris.example.net"
STARTS = Tunnel(starts=True, name=NAME)
OLD, NEW, THIRD = "192.0.2.1", "192.0.2.2", "192.0.2.3"
SIX = "2001:db8::2"


class Named:
    """A tunnel whose peer has a name."""

    def __init__(self, tunnel: Tunnel = STARTS) -> None:
        self.wanted = Wanted({}, {"paris": tunnel})
        self.state = State("a")
        self.wake: float | None = None
        self.names: dict[str, Resolved] = {}

    def look(
        self, now: float, *answer: str, peer: str = "", again: bool = False, connecting: bool = False
    ) -> list[Action]:
        """Return what is done after an answer; without a `peer` the tunnel is down. `again` is a look without a new answer."""
        if not again:
            self.names = {NAME: Resolved(answer, now)}
        view = View(up=bool(peer), peer=peer, connecting=connecting)
        self.state, actions, self.wake = decide(
            self.state, Observation(self.wanted, {"paris": view}, names=self.names), now
        )
        return list(actions)


@pytest.mark.parametrize(("tunnel", "kind"), [(STARTS, RESTART), (Tunnel(name=NAME), END)])
def test_two_answers_without_the_peer_move_the_tunnel(tunnel: Tunnel, kind: str) -> None:
    named = Named(tunnel)
    assert named.look(0, OLD, peer=OLD) == []
    assert named.look(30, NEW, peer=OLD) == []
    # Looking more often is no second answer.
    assert [named.look(30.0 + second, again=True, peer=OLD) for second in range(29)] == [[]] * 29
    reason = f"{NAME} has moved: the peer is at {OLD}, and the last 2 answers have {NEW} instead"
    assert named.look(60, NEW, peer=OLD) == [Action(kind, "paris", reason)]
    assert named.look(60.1, again=True, peer=OLD) == []
    assert named.look(61, again=True, peer=NEW) == []
    assert named.look(90, NEW, peer=NEW) == []


def test_answers_that_take_turns_move_nothing() -> None:
    named = Named()
    answers = [(OLD,), (NEW,), (OLD, THIRD), (THIRD,)]
    assert not any(named.look(30.0 * number, *answers[number % 4], peer=OLD) for number in range(1, 100))


def test_an_answer_without_addresses_is_no_answer() -> None:
    named = Named()
    named.look(0, OLD, peer=OLD)
    assert not any(named.look(30.0 * number, peer=OLD) for number in range(1, 100))
    assert named.look(3000, NEW, peer=OLD) == []
    assert named.look(3030, peer=OLD) == []
    assert len(named.look(3060, NEW, peer=OLD)) == 1


def test_a_peer_whose_name_is_late_is_left_where_it_is() -> None:
    """It has come from another address by itself, which its name gets later."""
    named = Named()
    named.look(0, OLD, peer=OLD)
    assert not any(named.look(30.0 * number, OLD, peer=NEW) for number in range(1, 20))
    assert not any(named.look(30.0 * number, NEW, peer=NEW) for number in range(20, 40))


def test_a_name_that_moves_all_the_time_sets_its_tunnel_up_anew_no_more_often_than_that() -> None:
    named = Named()
    moved = [
        step for step in range(4000) if named.look(step / 10, f"192.0.2.{step % 7}", peer=f"192.0.2.{(step + 2) % 7}")
    ]
    assert len(moved) > 5
    assert min(gaps([step / 10 for step in moved])) >= SPACING_S - 1e-6


def test_a_tunnel_that_waits_for_its_name_is_initiated_when_that_has_an_address() -> None:
    named = Named()
    assert named.look(0) == [Action(NOTE, "paris", f"{NAME} has no address: it is set up as soon as there is one")]
    assert named.look(5) == []
    assert named.look(6, connecting=True) == []
    assert named.look(7) == []
    assert named.look(10, OLD) == [Action(INITIATE, "paris", f"{NAME} has the address {OLD} now")]
    assert named.look(10.1, again=True) == []
    assert named.look(10.2, again=True, connecting=True) == []
    # It is as any other one from now on: whoever it goes to does not answer.
    assert named.look(100, OLD) == []


def test_where_charon_could_not_look_it_up_yet_it_is_initiated_again_less_and_less_often() -> None:
    named = Named()
    named.look(0)
    tried = [now for now in range(1, 2000) if named.look(float(now), OLD)]
    assert 5 < len(tried) < 15
    assert gaps(tried)[0] < 20 < gaps(tried)[-1]


@pytest.mark.parametrize("tunnel", [Tunnel(name=NAME), Tunnel(name="", starts=True)])
def test_what_nobody_starts_is_not_initiated(tunnel: Tunnel) -> None:
    named = Named(tunnel)
    assert [named.look(0), named.look(5, OLD)] == [[], []]


def test_what_was_down_for_another_reason_is_left_alone() -> None:
    named = Named()
    assert [named.look(0, OLD), named.look(30, NEW), named.look(60, NEW)] == [[], [], []]


def test_what_is_on_standby_is_not_initiated() -> None:
    world = one_group(tunnels={"f": Tunnel(starts=True, name=NAME)})
    world.run(10)
    world.resolve(NAME)
    world.resolve(NAME, OLD)
    world.run(10)
    assert world.story() == []


def test_only_addresses_of_its_family_count() -> None:
    named = Named(dataclasses.replace(STARTS, family=4))
    assert named.look(0, OLD, SIX, peer=OLD) == []
    # The record of its family is gone for a while.
    assert [named.look(30.0 * turn, SIX, peer=OLD) for turn in range(1, 5)] == [[]] * 4
    [moved] = [each for turn in (5, 6) for each in named.look(30.0 * turn, NEW, SIX, peer=OLD)]
    assert (moved.kind, moved.reason.rpartition(" answers have ")[2]) == (RESTART, f"{NEW} instead")


@pytest.mark.parametrize(("family", "useless", "useful"), [(4, "2001:db8::2", OLD), (6, OLD, "2001:db8::2")])
def test_a_name_with_addresses_of_the_other_family_alone_has_none(family: int, useless: str, useful: str) -> None:
    named = Named(dataclasses.replace(STARTS, family=family))
    assert [each.kind for each in named.look(0, useless)] == [NOTE]
    assert named.look(30, useless) == []
    [begun] = named.look(60, useless, useful)
    assert (begun.kind, begun.reason) == (INITIATE, f"{NAME} has the address {useful} now")
