# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rest is many times as long as the look before it, and ends earlier where a decision about a fallback is due."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.decide import State
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.health import Health, Round
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.standing import fresh
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.wanted import Check, Group
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.resting import rest

CHECK = Check(("192.0.2.1",), interval=0.1)
NOW = 10.0
# When a round was sent whose answer is missing by now, and one whose answer may still come.
DOUBTED, AWAITED = NOW - 0.2, NOW - 0.05


def state(sent: float, wake: float) -> State:
    """Return two groups: one that is well and due at once, and one that has sent a round and is due at `wake`."""
    well, other = (fresh(Group(name, f"{name}1", (f"{name}2",), check=CHECK), "a", 0.0) for name in ("well", "other"))
    asked = dataclasses.replace(Health(0.0), sent=sent, rounds=(Round(1, sent),))
    return State(
        "a", {"well": well, "other": dataclasses.replace(other, health=asked)}, wakes={"well": NOW, "other": wake}
    )


@pytest.mark.parametrize(
    ("took", "whole"), [(0.0, 0.002), (0.0001, 0.002), (0.001, 0.02), (0.004, 0.08), (0.03, 0.1), (0.5, 0.1)]
)
def test_a_rest_is_many_times_as_long_as_the_look_within_bounds(took: float, whole: float) -> None:
    assert rest(State("a"), took, NOW) == pytest.approx(whole)
    assert rest(state(AWAITED, NOW + 0.01), took, NOW) == pytest.approx(whole)
    assert rest(state(DOUBTED, NOW + 0.2), took, NOW) == pytest.approx(whole)


@pytest.mark.parametrize(
    ("took", "wake", "seconds"), [(0.004, 0.05, 0.05), (0.03, 0.05, 0.05), (0.03, 0.01, 0.03), (0.0001, -1.0, 0.002)]
)
def test_it_ends_when_a_decision_is_due_and_not_before_it_was_as_long_as_the_look(
    took: float, wake: float, seconds: float
) -> None:
    assert rest(state(DOUBTED, NOW + wake), took, NOW) == pytest.approx(seconds)


def test_a_look_that_took_longer_than_any_rest_has_the_longest_one() -> None:
    assert rest(state(DOUBTED, NOW + 0.01), 0.5, NOW) == pytest.approx(0.1)
