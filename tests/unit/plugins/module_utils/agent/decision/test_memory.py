# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered as a text is the same again, at any moment of a walk, and what is no such text is forgotten."""

from __future__ import annotations

import dataclasses
import json
import random

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.decide import State
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.memory import dump_state, load_state
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.wanted import Check, Tunnel
from ansible_collections.swanfleet.ipsec.tests.simulation.events import Event, happen, mixed_world
from ansible_collections.swanfleet.ipsec.tests.simulation.rules import one_group


def test_nothing_remembered_is_nothing_again() -> None:
    assert load_state(dump_state(State("a"))) == State("a")


def test_it_is_the_same_at_any_moment_of_a_walk() -> None:
    chance = random.Random("memory")  # noqa: S311  # the same walk every time
    world = mixed_world("memory")
    seen: set[str] = set()
    for _number in range(1200):
        happen(world, Event(*(chance.randrange(100) for _field in range(4))))
        kept = dataclasses.replace(world.state, last=None, wakes={})
        text = dump_state(world.state)
        assert load_state(text) == kept
        assert dump_state(kept) == text
        standings = kept.groups.values()
        seen |= {
            name for each in standings for name in ("trial", "search", "attempts", "health") if getattr(each, name)
        }
        seen |= {name for name in ("suspicions", "followed", "named", "refused", "decisions") if getattr(kept, name)}
        seen |= {"other" for each in kept.followed.values() if each.other}
    # All that can be remembered was there to be remembered.
    assert seen == {
        "trial", "search", "attempts", "health", "suspicions", "followed", "named", "refused", "decisions",
        "other",
    }  # fmt: skip


def test_answers_of_some_addresses_are_kept() -> None:
    addresses = ("192.0.2.2", "192.0.2.1", "192.0.2.3")
    world = one_group(check=Check(addresses, quorum=3, interval=1.0))
    world.change("p", loss=0.5)
    world.run(60)
    health = world.state.groups["g"].health
    assert health is not None
    assert any(len(each.answered) > 1 for each in health.rounds)
    assert load_state(dump_state(world.state)) == dataclasses.replace(world.state, last=None, wakes={})


def test_what_was_just_ended_is_kept() -> None:
    world = one_group(tunnels={"p": Tunnel(lifetime=62.0)})
    world.run(62.5)
    assert world.state.ended
    assert load_state(dump_state(world.state)) == dataclasses.replace(world.state, last=None, wakes={})


def changed(**fields: object) -> str:
    return json.dumps({**json.loads(dump_state(State("a"))), **fields})


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", "{}", "{", '"a"', changed(format=2), changed(groups=[]), changed(groups={"g": {}}),
        changed(followed={"p": {"used": {"colour": "red"}}}), changed(decisions=[1]), changed(suspicions={"p": [1, 2]}),
    ],
)  # fmt: skip
def test_what_this_release_has_not_written_is_forgotten(text: str) -> None:
    assert load_state(text) is None
