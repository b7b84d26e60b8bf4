# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A peer is dead when a check has waited as long as its tunnel says, whatever charon's own patience is."""

from __future__ import annotations

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.decide import State, decide
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.values import (
    RESTART,
    TERMINATE,
    TRAP,
    Action,
    Observation,
    View,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.wanted import (
    DeadPeer,
    Group,
    Tunnel,
    Wanted,
)

QUICK = DeadPeer(delay=10.0, timeout=30.0, action="restart")


class Peer:
    """A peer whose checks are looked at."""

    def __init__(self, tunnel: Tunnel, **groups: Group) -> None:
        self.wanted = Wanted(groups, {"paris": tunnel})
        self.state = State("a")
        self.wake: float | None = None

    def look(
        self, now: float, *, pending: bool = True, asked: bool = False, received: int = 0, up: bool = True
    ) -> list[Action]:
        """Return what is done."""
        view = View(up=up, check_pending=pending, request_pending=asked, received=received)
        seen = Observation(self.wanted, {"paris": view, "berlin": View(up=True)})
        self.state, actions, self.wake = decide(self.state, seen, now)
        return list(actions)


@pytest.mark.parametrize(
    ("action", "kind"),
    [("none", TERMINATE), ("on_demand", TRAP), ("restart", RESTART), ("restart_on_demand", RESTART)],
)
def test_a_check_that_waits_too_long_is_followed_by_the_action(action: str, kind: str) -> None:
    peer = Peer(Tunnel(dead_peer=DeadPeer(10.0, 30.0, action)))
    # The check is sent 10 s after the last sign of life, so that 20 s are left.
    for now in range(100, 120):
        assert peer.look(float(now)) == []
        assert peer.wake == now + 1
    assert peer.look(120.0) == [
        Action(kind, "paris", "its peer has not answered a check for 20 s, and has sent nothing else", owed=True)
    ]


def test_another_request_waits_for_the_whole_time_as_no_check_is_sent_meanwhile() -> None:
    peer = Peer(Tunnel(dead_peer=QUICK))
    for now in range(100, 130):
        assert peer.look(float(now), pending=False, asked=True) == []
        assert peer.wake == now + 1
    [action] = peer.look(130.0, pending=False, asked=True)
    assert (action.kind, action.reason) == (
        RESTART,
        "its peer has not answered a request for 30 s, and has sent nothing else",
    )


def test_an_answer_ends_the_suspicion() -> None:
    peer = Peer(Tunnel(dead_peer=QUICK))
    peer.look(100.0)
    assert peer.look(110.0, pending=False) == []
    assert peer.wake is None
    assert peer.look(115.0) == []
    assert peer.look(134.9) == []
    assert [action.kind for action in peer.look(135.0)] == [RESTART]


def test_what_comes_through_the_tunnel_is_a_sign_of_life() -> None:
    peer = Peer(Tunnel(dead_peer=QUICK))
    for step in range(100):
        assert peer.look(100.0 + step, received=step) == []
    assert peer.look(218.9, received=99) == []
    assert [action.kind for action in peer.look(219.0, received=99)] == [RESTART]


def test_it_is_acted_once_and_again_only_after_the_same_time() -> None:
    peer = Peer(Tunnel(dead_peer=QUICK))
    acted = [now for now in range(100, 165) if peer.look(float(now))]
    assert acted == [120, 140, 160]


def test_a_check_is_given_a_second_try_however_short_the_time() -> None:
    peer = Peer(Tunnel(dead_peer=DeadPeer(delay=30.0, timeout=30.0)))
    assert peer.look(100.0) == []
    assert peer.look(104.9) == []
    assert len(peer.look(105.0)) == 1


def test_a_tunnel_that_only_responds_ends_and_is_not_initiated() -> None:
    peer = Peer(Tunnel(responder_only=True, dead_peer=QUICK))
    peer.look(100.0)
    assert [action.kind for action in peer.look(120.0)] == [TERMINATE]


def test_a_tunnel_on_standby_ends_and_is_not_initiated() -> None:
    peer = Peer(Tunnel(dead_peer=QUICK), g=Group("g", "berlin", ("paris",)))
    peer.look(100.0)
    assert [(action.kind, action.tunnel) for action in peer.look(120.0)] == [(TERMINATE, "paris")]


def test_each_peer_is_suspected_by_itself() -> None:
    tunnels = {
        name: Tunnel(dead_peer=QUICK if name != "berlin" else None) for name in ("berlin", "madrid", "paris", "rome")
    }
    state = State("a")
    acted = []
    for second in range(60):
        # berlin leaves it to charon, madrid answers, paris is silent from the tenth second on, and rome from the twentieth.
        pending = {"berlin": True, "madrid": False, "paris": second >= 10, "rome": second >= 20}
        seen = Observation(
            Wanted({}, tunnels), {name: View(True, check_pending=each) for name, each in pending.items()}
        )
        state, actions, _wake = decide(state, seen, 100.0 + second)
        acted += [(second, action.tunnel) for action in actions]
    assert acted == [(30, "paris"), (40, "rome"), (50, "paris")]


def test_a_tunnel_without_a_time_of_its_own_is_left_to_charon() -> None:
    peer = Peer(Tunnel())
    assert [peer.look(now) for now in (100.0, 1000.0, 10000.0)] == [[], [], []]
    assert peer.wake is None
