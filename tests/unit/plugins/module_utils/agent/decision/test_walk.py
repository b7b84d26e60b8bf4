# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever happens, in whatever order: the rules of every moment hold (tests/simulation/rules.py).

SWANFLEET_SIMULATED says how many events, of 20,000 for people who wait to 1,000,000 for make prove.
"""

from __future__ import annotations

import os
import random

from ansible_collections.swanfleet.ipsec.tests.simulation.events import Event, happen, mixed_world
from ansible_collections.swanfleet.ipsec.tests.simulation.rules import Rules
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

EVENTS = int(os.environ.get("SWANFLEET_SIMULATED", "20000"))
EXAMPLES = 2 * settings().max_examples if EVENTS < 1000000 else 20000


def drawn(chance: random.Random) -> Event:
    return Event(chance.randrange(100), chance.randrange(100), chance.randrange(100), chance.randrange(100))


def test_a_walk_keeps_the_rules() -> None:
    chance = random.Random(20000)  # noqa: S311  # the same walk every time
    world = mixed_world("walk")
    while world.looks < EVENTS:
        happen(world, drawn(chance))
        if len(world.done) > 5000:
            # What was done long ago is not needed any more.
            del world.done[:-100]
    rules = world.watch
    assert isinstance(rules, Rules)
    # A walk that never gets anywhere would prove nothing.
    assert rules.switches > EVENTS / 500
    assert len(rules.initiated) >= 10
    assert rules.ends > EVENTS / 1000
    assert rules.moves >= 1
    assert rules.repeated >= 1


ANY_EVENT = st.builds(
    Event,
    kind=st.integers(0, 25),
    tunnel=st.integers(0, 15),
    choice=st.integers(0, 11),
    delay=st.integers(0, 6),
)


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@example(
    # Of which one moment to decide is the number right after another one.
    events=[
        Event(*each)
        for each in (
            *((0, 0, 0, 0), (0, 0, 0, 0), (11, 0, 0, 3), (0, 5, 0, 5), (0, 12, 0, 0), (0, 5, 0, 0)),
            *((20, 0, 0, 0), (0, 0, 0, 6), (0, 0, 0, 6), (0, 7, 0, 0), (11, 0, 0, 0), (0, 0, 0, 6)),
        )
    ],
    seed=221,
)
@given(events=st.lists(ANY_EVENT, min_size=5, max_size=25), seed=st.integers(0, 1000))
def test_no_story_breaks_the_rules(events: list[Event], seed: int) -> None:
    world = mixed_world(str(seed))
    for event in events:
        happen(world, event)
