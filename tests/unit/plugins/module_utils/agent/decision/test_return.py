# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hot primary gets its traffic back when both ends know of an SA that is younger than its last failure."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.wanted import Check
from ansible_collections.swanfleet.ipsec.tests.simulation.rules import one_group
from ansible_collections.swanfleet.ipsec.tests.simulation.world import World

OUTSIDE = Check(("192.0.2.1",), interval=1.0)


def failed(**settings: Any) -> World:
    """Return a world in which a hot primary has just lost its place, and its line is still cut."""
    world = one_group(check=OUTSIDE, hot=True, **{"hold_down": 20.0, **settings})
    world.run(100)
    world.change("p", works=False)
    world.run(10)
    assert world.story() == ["initiate f", "switch f"]
    return world


@pytest.mark.parametrize(("peer", "story"), [(True, ["switch p"]), (False, ["initiate p"])])
def test_a_hot_primary_whose_peer_has_forgotten_it_does_not_return_before_it_is_set_up_anew(
    peer: bool, story: list[str]
) -> None:
    world = failed()
    # Its line is well and its checks are answered; its peer has given it up, or not.
    world.change("p", works=True, peer=peer)
    world.run(25)
    assert world.story()[2:] == ["rekey p", *story[: int(peer)]]
    world.run(30)
    assert world.story()[3:4] == story


def test_it_is_the_last_failure_that_counts() -> None:
    world = failed(hold_down=60.0)
    world.change("p", works=True)
    world.lose_sa("p", dead=True)
    world.run(20)
    assert world.story() == ["initiate f", "switch f", "initiate p"]
    world.found_dead_after = 1000.0
    world.change("p", works=False)
    world.run(30)
    world.change("p", works=True)
    world.run(100)
    assert world.story()[3:] == ["rekey p", "switch p"]


def test_a_peer_that_renews_no_keys_is_asked_once_and_used() -> None:
    world = failed()
    world.change("p", works=True, refuses=True)
    world.run(22)
    assert world.story()[2:] == ["rekey p"]
    world.run(30)
    assert world.story()[2:] == ["rekey p", "switch p"]


@pytest.mark.parametrize("rekeys", [True, False])
def test_keys_are_renewed_for_the_return_where_they_may(rekeys: bool) -> None:
    world = failed(rekeys=rekeys)
    world.change("p", works=True)
    world.run(30)
    assert world.story()[2:] == ["rekey p"] * rekeys + ["switch p"]


@pytest.mark.parametrize("answered", [True, False])
def test_a_hot_primary_returns_when_its_peer_has_answered_charon_or_was_given_up(answered: bool) -> None:
    world = failed()
    world.sas["p"].check_pending = True
    world.change("p", works=True)
    world.run(100)
    assert world.story() == ["initiate f", "switch f"]
    world.sas["p"].check_pending = False
    if answered:
        world.look()
        world.run(1)
        assert world.story() == ["initiate f", "switch f", "rekey p", "switch p"]
    else:
        world.lose_sa("p", dead=True)
        world.run(30)
        assert world.story() == ["initiate f", "switch f", "initiate p", "switch p"]
