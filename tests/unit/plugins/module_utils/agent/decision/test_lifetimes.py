# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An IKE SA that this end does not renew ends when its time is over, unless its peer has renewed it."""

from __future__ import annotations

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.decide import State, decide
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.lifetimes import AGAIN_AFTER_S
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.values import (
    END,
    RESTART,
    Action,
    Observation,
    Path,
    View,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.wanted import Tunnel, Wanted
from ansible_collections.swanfleet.ipsec.tests.simulation.rules import one_group

HOUR = 3600.0


class Aging:
    """A tunnel whose IKE SA gets older."""

    def __init__(self, tunnel: Tunnel) -> None:
        self.wanted = Wanted({}, {"paris": tunnel})
        self.state = State("a")
        self.wake: float | None = None

    def look(self, now: float, born: float | None = 100.0, path: Path | None = None) -> list[Action]:
        """Return what is done."""
        view = View(up=born is not None, born=born, path=path)
        self.state, actions, self.wake = decide(self.state, Observation(self.wanted, {"paris": view}), now)
        return [each for each in actions if each.tunnel == "paris"]


@pytest.mark.parametrize(
    ("tunnel", "kind"),
    [
        (Tunnel(lifetime=HOUR, starts=True), RESTART),
        (Tunnel(lifetime=HOUR), END),
        (Tunnel(responder_only=True, lifetime=HOUR, starts=True), END),
    ],
)
def test_at_the_end_of_its_time_it_ends_and_what_starts_is_set_up_anew(tunnel: Tunnel, kind: str) -> None:
    aging = Aging(tunnel)
    assert aging.look(100.0) == []
    assert aging.wake == 100.0 + HOUR
    assert aging.look(99.9 + HOUR) == []
    reason = "its IKE SA is 3600 s old, and nobody has renewed it (rekey: false)"
    assert aging.look(100.0 + HOUR) == [Action(kind, "paris", reason, older_than=HOUR)]
    # It is still seen for a moment, and charon tells its age in whole seconds.
    assert aging.look(100.5 + HOUR, born=100.9) == []
    assert aging.look(101.0 + HOUR, born=None) == []
    assert aging.look(102.0 + HOUR, born=101.5 + HOUR) == []
    assert aging.wake == 101.5 + 2 * HOUR


def test_one_that_does_not_go_is_ended_again_after_a_while() -> None:
    aging = Aging(Tunnel(lifetime=HOUR))
    acted = [second for second in range(0, 4000, 2) if aging.look(100.0 + second)]
    assert acted == [3600 + 30 * number for number in range(14)]
    assert AGAIN_AFTER_S == 30


def test_what_its_peer_renews_does_not_end() -> None:
    aging = Aging(Tunnel(lifetime=HOUR, starts=True))
    assert not any(aging.look(100.0 + second, born=100.0 + second - second % 3000) for second in range(0, 30000, 10))


def test_the_next_of_many_peers_ends_in_its_own_time() -> None:
    aging = Aging(Tunnel(responder_only=True, lifetime=HOUR))
    assert len(aging.look(100.0 + HOUR, born=100.0)) == 1
    assert aging.look(102.0 + HOUR, born=104.0) == []
    assert len(aging.look(104.0 + HOUR, born=104.0)) == 1


def test_where_charon_knows_an_end_nothing_is_done() -> None:
    aging = Aging(Tunnel(starts=True))
    assert aging.look(1e6) == []
    assert aging.wake is None


def test_what_is_on_standby_only_ends() -> None:
    world = one_group(tunnels={"f": Tunnel(lifetime=HOUR, starts=True)})
    world.run(10)
    world.set_up_by_peer("f")
    world.run(HOUR + 1)
    assert world.story() == ["end f"]


def test_a_tunnel_that_is_set_up_anew_for_another_reason_is_so_once() -> None:
    aging = Aging(Tunnel(restart_on_gateway_change=True, lifetime=HOUR, starts=True))
    aging.look(100.0, path=Path("wan0"))
    aging.look(99.0 + HOUR, path=Path("wan1"))
    assert len(aging.look(100.0 + HOUR, path=Path("wan1"))) == 1
    assert aging.look(100.1 + HOUR, path=Path("wan1")) == []


def test_in_a_group_the_end_of_its_time_is_no_failure() -> None:
    """What is in use is set up again, and nothing is switched."""
    for starts in (True, False):
        world = one_group(tunnels={"p": Tunnel(lifetime=HOUR, starts=starts)})
        world.run(3.5 * HOUR)
        assert world.story() == [f"{'restart' if starts else 'end'} p"] * 3
        assert world.active("g") == "p"
