# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a peer has refused is tried again, less and less often; what waits, or was closed, or has a trap, is left alone."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.decide import State, decide
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.memory import dump_state, load_state
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.refused import Refused
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.timing import LONGEST_BACKOFF_S
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.values import (
    INITIATE,
    RESTART,
    Action,
    Observation,
    Resolved,
    View,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.wanted import DeadPeer, Tunnel, Wanted
from ansible_collections.swanfleet.ipsec.tests.simulation.rules import Rules
from ansible_collections.swanfleet.ipsec.tests.simulation.world import World, gaps

NAME = "paris.example.net"
PERSISTS = Tunnel(persists=True)
REFUSED = View(tried=True)


class Refusing:
    """A tunnel whose peer refuses."""

    def __init__(self, tunnel: Tunnel = PERSISTS) -> None:
        self.wanted = Wanted({}, {"paris": tunnel})
        self.state = State("a")
        self.wake: float | None = None

    def look(self, now: float, view: View = REFUSED, *addresses: str) -> list[Action]:
        """Return what is done about it."""
        names = {NAME: Resolved(addresses, now)}
        self.state, actions, self.wake = decide(self.state, Observation(self.wanted, {"paris": view}, names=names), now)
        return list(actions)


def test_it_is_tried_again_less_and_less_often() -> None:
    refusing = Refusing()
    tried = [now for now in range(3000) if refusing.look(float(now))]
    apart = gaps([float(each) for each in tried])
    assert 7 <= tried[0] <= 13
    assert 10 < len(tried) < 20
    assert apart[:4] == sorted(apart[:4])
    assert apart[3] > 4 * apart[0]
    assert max(apart) <= LONGEST_BACKOFF_S + 1
    told = [each.action for each in refusing.state.decisions]
    assert {(each.kind, each.tunnel) for each in told} == {(INITIATE, "paris")}
    assert told[0].reason == "an attempt to set it up has failed, and charon makes no other one (attempt 2)"
    assert told[3].reason.endswith("(attempt 5)")


def test_it_wakes_up_when_it_may_be_tried_again() -> None:
    refusing = Refusing()
    refusing.look(0)
    assert refusing.wake is not None
    assert refusing.look(refusing.wake - 0.001) == []
    assert len(refusing.look(refusing.wake)) == 1


def test_once_up_it_begins_anew() -> None:
    refusing = Refusing()
    assert [now for now in range(200) if refusing.look(float(now))][-1] > 100
    assert refusing.look(200, View(up=True)) == []
    assert refusing.state.refused == {}
    assert 207 <= next(now for now in range(201, 300) if refusing.look(float(now))) <= 214


def test_while_it_is_being_set_up_it_is_left_alone_and_its_attempts_are_kept() -> None:
    refusing = Refusing()
    first = next(now for now in range(100) if refusing.look(float(now)))
    known = refusing.state.refused
    assert not any(refusing.look(first + 1.0 + second, View(tried=True, connecting=True)) for second in range(600))
    assert refusing.state.refused == known
    assert len(refusing.look(first + 601.0)) == 1


@pytest.mark.parametrize(
    ("tunnel", "view"),
    [
        pytest.param(Tunnel(), REFUSED, id="by its trap the next packet is another attempt"),
        pytest.param(Tunnel(starts=True), REFUSED, id="it starts, and has a trap"),
        pytest.param(PERSISTS, View(), id="closed by its peer or by people"),
        pytest.param(PERSISTS, View(tried=True, usable=False), id="without an address of ours"),
        pytest.param(PERSISTS, View(tried=True, up=True), id="up"),
        pytest.param(Tunnel(persists=True, name=NAME), REFUSED, id="its name has no address"),
    ],
)
def test_nothing_is_done_about_what_is_not_refused(tunnel: Tunnel, view: View) -> None:
    refusing = Refusing(tunnel)
    assert not any(refusing.look(float(now), view) for now in range(500))


def test_a_name_with_an_address_leads_somewhere() -> None:
    refusing = Refusing(Tunnel(persists=True, name=NAME))
    assert any(refusing.look(float(now), REFUSED, "192.0.2.2") for now in range(20))


def test_a_name_with_addresses_of_the_other_family_alone_leads_nowhere() -> None:
    refusing = Refusing(Tunnel(persists=True, name=NAME, family=4))
    assert not any(refusing.look(float(now), REFUSED, "2001:db8::2") for now in range(60))
    assert any(refusing.look(float(now), REFUSED, "192.0.2.2") for now in range(60, 120))


def test_what_is_set_up_anew_for_another_reason_is_not_set_up_twice() -> None:
    """An IKE SA without a CHILD_SA, whose peer is found dead at the very moment at which that would be tried again."""
    refusing = Refusing(dataclasses.replace(PERSISTS, dead_peer=DeadPeer(10.0, 20.0, "restart")))
    refusing.look(0)
    moment = refusing.wake
    assert moment is not None
    silent = View(tried=True, check_pending=True)
    # As long ago as the peer may be silent, to the last digit.
    assert refusing.look(moment - 10.0 + 1e-9, View(tried=True, connecting=True, check_pending=True)) == []
    refusing.state = dataclasses.replace(refusing.state, refused={"paris": Refused(moment)})
    done = refusing.look(moment + 1e-6, silent)
    assert [each.kind for each in done] == [RESTART]
    assert refusing.look(moment + 2e-6, silent) == []


def test_a_peer_that_refuses_for_a_while_has_its_tunnel_up_soon_after() -> None:
    world = World(Wanted({}, {"paris": PERSISTS}), watch=Rules())
    world.change("paris", refuses=True)
    world.begin("paris")
    world.run(120)
    assert [each.up for each in world.sas.values()] == [False]
    tried = len(world.told(INITIATE))
    assert 3 <= tried <= 6
    world.change("paris", refuses=False)
    world.run(200)
    assert [each.up for each in world.sas.values()] == [True]
    assert len(world.told(INITIATE)) == tried + 1


def test_what_was_refused_is_kept() -> None:
    refusing = Refusing()
    for now in range(50):
        refusing.look(float(now))
    assert refusing.state.refused["paris"].attempts > 1
    recalled = load_state(dump_state(refusing.state))
    assert recalled is not None
    assert recalled.refused == refusing.state.refused
