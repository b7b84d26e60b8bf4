# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tunnel is set up anew when its packets would go another way, and for nothing less."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.decide import State, decide
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.paths import SETTLED_AFTER_S, SPACING_S
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.values import (
    RESTART,
    Observation,
    Path,
    View,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.wanted import Group, Tunnel, Wanted
from ansible_collections.swanfleet.ipsec.tests.simulation.world import gaps

FIRST = Path("wan0", "192.0.2.254", "192.0.2.1")
SECOND = Path("wan1", "198.51.100.254", "198.51.100.1")


class Uplinks:
    """A tunnel and the way to its peer."""

    def __init__(self, *, responder_only: bool = False, follows: bool = True) -> None:
        self.tunnel = Tunnel(responder_only=responder_only, restart_on_gateway_change=follows)
        self.state = State("a")
        self.wake: float | None = None
        self.view = View(up=True, path=FIRST, source=FIRST.source)
        self.reasons: list[str] = []

    def look(self, now: float, path: Path | None, **changes: object) -> bool:
        """Return whether the tunnel is set up anew."""
        self.view = dataclasses.replace(self.view, path=path, **changes)  # type: ignore[arg-type]
        # Each look reads the ways anew.
        seen = Observation(Wanted({}, {"paris": self.tunnel}), {"paris": dataclasses.replace(self.view)})
        self.state, actions, self.wake = decide(self.state, seen, now)
        assert {(action.kind, action.tunnel) for action in actions} <= {(RESTART, "paris")}
        self.reasons += [action.reason for action in actions]
        return bool(actions)


def test_the_default_route_moves_and_the_tunnel_follows_once_it_has_settled() -> None:
    uplinks = Uplinks()
    assert not uplinks.look(100.0, FIRST)
    assert not uplinks.look(110.0, SECOND)
    assert uplinks.wake == 110.0 + SETTLED_AFTER_S
    assert not uplinks.look(110.5, SECOND)
    assert uplinks.look(111.0, SECOND)
    assert uplinks.reasons == [
        "its packets would go by wan1 and 198.51.100.254 now, and it was set up to go by wan0 and 192.0.2.254"
    ]
    # The old SA is still seen for a moment, and then the new one.
    assert not uplinks.look(111.1, SECOND)
    assert not uplinks.look(112.0, SECOND, up=False)
    assert not uplinks.look(200.0, SECOND, up=True, source=SECOND.source)
    assert uplinks.wake is None


def test_a_route_that_is_only_refreshed_restarts_nothing() -> None:
    uplinks = Uplinks()
    assert not any(uplinks.look(100.0 + number, Path("wan0", "192.0.2.254", "192.0.2.1")) for number in range(100))


def test_a_route_that_goes_and_comes_back_restarts_nothing() -> None:
    uplinks = Uplinks()
    uplinks.look(100.0, FIRST)
    for number in range(100):
        assert not uplinks.look(200.0 + number, None)
        assert not uplinks.look(200.5 + number, FIRST)
        assert not uplinks.look(200.6 + number, SECOND)
        assert not uplinks.look(200.7 + number, FIRST)


def test_ways_that_change_all_the_time_are_not_settled() -> None:
    uplinks = Uplinks()
    uplinks.look(100.0, FIRST)
    third = Path("wan2", "203.0.113.254", "203.0.113.1")
    assert not any(uplinks.look(101.0 + number * 0.9, (SECOND, third)[number % 2]) for number in range(50))


def test_however_often_the_way_changes_restarts_are_spaced() -> None:
    uplinks = Uplinks()
    uplinks.look(100.0, FIRST)
    restarts = []
    for step in range(4000):
        now = 100.0 + step / 10
        if uplinks.look(now, (FIRST, SECOND)[int(now / 5) % 2]):
            restarts.append(now)
    assert len(restarts) >= 8
    assert min(gaps(restarts)) >= SPACING_S


def test_the_same_address_by_another_gateway_is_another_way() -> None:
    uplinks = Uplinks()
    uplinks.look(100.0, FIRST)
    other = dataclasses.replace(FIRST, gateway="192.0.2.253")
    uplinks.look(101.0, other)
    assert uplinks.look(102.0, other)


def test_a_tunnel_that_has_moved_by_itself_is_left_alone() -> None:
    uplinks = Uplinks()
    uplinks.look(100.0, FIRST)
    uplinks.look(101.0, SECOND)
    assert not uplinks.look(101.5, SECOND, source=SECOND.source)
    assert not uplinks.look(110.0, SECOND)


def test_a_tunnel_that_was_rekeyed_is_not_taken_for_one_that_has_moved() -> None:
    uplinks = Uplinks()
    uplinks.look(100.0, FIRST)
    assert not uplinks.look(101.0, SECOND, up=False)
    assert not uplinks.look(101.1, SECOND, up=True)
    assert uplinks.look(102.1, SECOND)


def test_a_tunnel_that_is_down_is_not_restarted_and_one_that_comes_back_the_old_way_is() -> None:
    uplinks = Uplinks()
    uplinks.look(100.0, FIRST)
    for second in range(20):
        assert not uplinks.look(101.0 + second, SECOND, up=False, source="")
    assert not uplinks.look(130.0, SECOND, up=True, source=FIRST.source)
    assert uplinks.look(131.0, SECOND)


def test_several_tunnels_follow_each_by_itself() -> None:
    tunnels = {
        "aside": Tunnel(),
        "down": Tunnel(restart_on_gateway_change=True),
        "paris": Tunnel(restart_on_gateway_change=True),
        "rome": Tunnel(restart_on_gateway_change=True),
    }
    state = State("a")
    restarted = []
    for second in range(20):
        ways = {"paris": SECOND if second >= 5 else FIRST, "rome": SECOND if second >= 9 else FIRST, "aside": SECOND}
        views = {name: View(up=True, path=way, source=FIRST.source) for name, way in ways.items()}
        state, actions, _wake = decide(state, Observation(Wanted({}, tunnels), views), 100.0 + second)
        restarted += [(second, action.tunnel) for action in actions]
    assert restarted == [(6, "paris"), (10, "rome")]


def test_a_tunnel_on_standby_follows_when_it_is_used() -> None:
    wanted = Wanted({"g": Group("g", "berlin", ("paris",))}, {"paris": Tunnel(restart_on_gateway_change=True)})
    state = State("a")
    restarted = []
    for second in range(40):
        # Its peer has set it up, for the first of the ways.
        path = FIRST if second < 5 else SECOND
        berlin = View(up=second < 20, usable=second < 20)
        seen = Observation(wanted, {"berlin": berlin, "paris": View(up=True, source=FIRST.source, path=path)})
        state, actions, _wake = decide(state, seen, 100.0 + second)
        restarted += [second for action in actions if action.kind == RESTART]
    assert restarted == [21]


@pytest.mark.parametrize("settings", [{"responder_only": True}, {"follows": False}])
def test_who_only_responds_or_does_not_follow_is_left_alone(settings: dict[str, bool]) -> None:
    uplinks = Uplinks(**settings)
    assert not any(uplinks.look(100.0 + number, path) for number, path in enumerate((FIRST, *[SECOND] * 50)))
