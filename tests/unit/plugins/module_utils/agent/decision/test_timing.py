# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attempts become rarer, not all gateways come back at the same moment, and the same words give the same moments."""

from __future__ import annotations

import statistics

from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.timing import (
    CONNECT_WITHIN_S,
    LONGEST_BACKOFF_S,
    Clock,
    backoff,
    fraction,
)

SEEDS = [f"gateway{number}" for number in range(400)]


def test_a_clock_remembers_the_next_moment_that_has_not_come() -> None:
    clock = Clock(10.0)
    assert clock.past(10.0)
    assert clock.past(9.0)
    assert clock.wake is None
    assert not clock.past(13.0)
    assert not clock.past(12.0)
    assert not clock.past(14.0)
    assert clock.wake == 12.0


def test_a_fraction_is_spread_and_repeats_itself() -> None:
    found = [fraction(seed, "paris", 3) for seed in SEEDS]
    assert found == [fraction(seed, "paris", 3) for seed in SEEDS]
    assert all(0 <= each < 1 for each in found)
    assert 0.45 < statistics.fmean(found) < 0.55
    assert max(found) - min(found) > 0.95
    assert fraction("a", "paris", 1) != fraction("a", "paris", 2) != fraction("a", "rome", 2)


def test_each_wait_is_about_twice_the_one_before_and_never_longer_than_the_longest() -> None:
    for count, plain in ((1, 10.0), (2, 20.0), (3, 40.0), (4, 80.0), (5, 160.0)):
        waits = [backoff(seed, "paris", count) for seed in SEEDS]
        assert min(waits) >= 0.75 * plain
        assert max(waits) <= 1.25 * plain
        assert max(waits) - min(waits) > 0.45 * plain
        assert len(set(waits)) == len(waits)
    for count in (6, 7, 50, 5000):
        waits = [backoff(seed, "paris", count) for seed in SEEDS]
        assert max(waits) == LONGEST_BACKOFF_S
        assert min(waits) >= 0.75 * 32 * CONNECT_WITHIN_S
