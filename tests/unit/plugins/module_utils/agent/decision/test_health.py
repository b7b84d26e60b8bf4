# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of a primary: silence is what fails, and a late answer is one."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.health import Health, step
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.timing import Clock
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.values import Answer
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.wanted import ANSWER_WITHIN_S, Check

ADDRESS = "192.0.2.1"
EACH_SECOND = Check((ADDRESS,), interval=1.0)


class Rounds:
    """A check that is looked at, and answered or not."""

    def __init__(self, check: Check, first: float = 0.0) -> None:
        self.check = check
        self.health = Health(first)
        self.wake: float | None = None

    def look(self, now: float, *answered: int, address: str = ADDRESS, due: bool = False) -> bool:
        """Return whether a round was sent; look twice, as the agent does until nothing follows any more."""
        before = self.health.sequence
        answers = [Answer("g", sequence, address) for sequence in answered]
        self.health = step(self.check, self.health, answers, due=due, clock=Clock(now))
        clock = Clock(now)
        assert step(self.check, self.health, (), due=False, clock=clock) == self.health
        self.wake = clock.wake
        return self.health.sequence != before


def test_rounds_follow_each_other_by_the_interval() -> None:
    rounds = Rounds(EACH_SECOND, first=0.5)
    assert not rounds.look(0.4)
    assert rounds.wake == 0.5
    assert rounds.look(0.5)
    assert not rounds.look(0.6, 1)
    assert rounds.wake == 1.5
    assert rounds.look(1.5)
    assert rounds.health.streak == 1


def test_so_many_rounds_in_a_row_without_an_answer_are_a_failure() -> None:
    rounds = Rounds(EACH_SECOND)
    for now in (0.0, 1.0, 2.0):
        rounds.look(now)
        assert not rounds.health.failed
    rounds.look(2.999)
    assert not rounds.health.failed
    assert rounds.wake == 3.0
    rounds.look(3.0)
    assert (rounds.health.failed, rounds.health.streak) == (True, 0)


def test_an_answer_among_them_begins_the_row_anew() -> None:
    rounds = Rounds(EACH_SECOND)
    for now in (0.0, 1.0, 2.0):
        rounds.look(now)
    rounds.look(2.5, 3)
    for now in (3.0, 4.0, 5.0, 5.9):
        rounds.look(now)
        assert not rounds.health.failed
    rounds.look(6.0)
    assert rounds.health.failed


def test_a_way_that_is_slower_than_the_interval_is_not_broken_and_may_be_returned_to() -> None:
    rounds = Rounds(EACH_SECOND)
    for now in (0.0, 1.0, 2.0):
        rounds.look(now)
    for now in range(3, 12):
        rounds.look(now - 0.5, now - 2)
        assert not rounds.health.failed
        assert rounds.health.streak == now - 2
        assert rounds.health.trusted(EACH_SECOND, now - 0.5) is (now >= 5)
        rounds.look(float(now))


def test_a_round_that_is_lost_between_two_answers_ends_a_row_of_answers() -> None:
    rounds = Rounds(EACH_SECOND)
    rounds.look(0.0)
    rounds.look(0.1, 1)
    rounds.look(1.0)
    rounds.look(1.1, 2)
    assert rounds.health.streak == 2
    rounds.look(2.0)
    rounds.look(3.0)
    assert not rounds.health.trusted(EACH_SECOND, 3.0)
    rounds.look(3.1, 4)
    assert rounds.health.streak == 1


def test_a_row_of_answers_is_trusted_until_something_is_missing() -> None:
    check = Check((ADDRESS,), interval=60.0, rise=2)
    rounds = Rounds(check)
    rounds.look(0.0)
    rounds.look(0.1, 1)
    assert not rounds.health.trusted(check, 0.1)
    rounds.look(60.0)
    rounds.look(60.1, 2)
    for now in (60.1, 90.0, 119.9):
        assert rounds.health.trusted(check, now)
    rounds.look(120.0)
    assert rounds.health.trusted(check, 121.9)
    assert not rounds.health.trusted(check, 122.0)
    # A later one that still waits makes the missing one no better.
    rounds.look(180.0)
    assert not rounds.health.trusted(check, 180.1)


def test_the_first_answer_after_a_failure_ends_it_and_begins_a_row() -> None:
    rounds = Rounds(EACH_SECOND)
    for now in range(8):
        rounds.look(float(now))
    assert rounds.health.failed
    assert not rounds.health.trusted(EACH_SECOND, 7.0)
    rounds.look(7.1, 8)
    assert (rounds.health.failed, rounds.health.streak) == (False, 1)


def test_what_a_long_failure_leaves_behind_does_not_grow() -> None:
    rounds = Rounds(EACH_SECOND)
    for now in range(100):
        rounds.look(float(now))
    assert len(rounds.health.rounds) == EACH_SECOND.retries + 1


def test_after_a_round_without_an_answer_the_next_comes_sooner_until_it_is_a_failure() -> None:
    rounds = Rounds(Check((ADDRESS,), interval=60.0, retry_interval=5.0))
    assert rounds.look(0.0)
    assert rounds.wake == ANSWER_WITHIN_S
    assert not rounds.look(2.0)
    assert rounds.wake == 5.0
    assert rounds.look(5.0)
    assert rounds.look(10.0)
    assert not rounds.look(12.0)
    assert rounds.health.failed
    assert rounds.wake == 70.0


@pytest.mark.parametrize(
    ("sent", "known"),
    [
        pytest.param((0.0, 1.05, 2.1), 3.0, id="a little late each time"),
        pytest.param((0.0, 1.3, 2.7), 3.2, id="so late that the last one has hardly waited"),
        pytest.param((0.0, 2.0, 4.5), 5.0, id="much too late"),
        pytest.param((0.08, 1.08, 2.08), 3.08, id="late at first"),
    ],
)
def test_being_late_to_each_round_makes_a_failure_known_little_later(sent: tuple[float, ...], known: float) -> None:
    rounds = Rounds(EACH_SECOND)
    for now in sent:
        assert rounds.look(now)
    assert rounds.wake == pytest.approx(known)
    rounds.look(known - 0.001)
    assert not rounds.health.failed
    rounds.look(known)
    assert rounds.health.failed


def test_an_answer_within_the_time_of_all_rounds_shows_that_there_is_a_way_however_late_they_were() -> None:
    rounds = Rounds(Check((ADDRESS,), interval=0.1))
    for now in (0.05, 0.16, 0.27):
        assert rounds.look(now)
    rounds.look(0.34)
    assert not rounds.look(0.345, 1)
    assert not rounds.health.failed


def test_a_calendar_that_begins_rounds_between_others_makes_no_failure_known_later() -> None:
    rounds = Rounds(Check((ADDRESS,), interval=None, retry_interval=10.0))
    for now in (0.0, 3.0, 6.0):
        assert rounds.look(now, due=True)
    rounds.look(7.999)
    assert not rounds.health.failed
    rounds.look(8.0)
    assert rounds.health.failed


@pytest.mark.parametrize(
    ("check", "seconds"),
    [
        pytest.param(Check((ADDRESS,)), 15 * 60 + 2, id="the page's defaults"),
        pytest.param(EACH_SECOND, 4.0, id="1 s x 3"),
        pytest.param(Check((ADDRESS,), interval=0.1), 0.4, id="100 ms x 3"),
        pytest.param(Check((ADDRESS,), interval=60.0, retry_interval=1.0, retries=5), 65.0, id="quick retries"),
        pytest.param(Check((ADDRESS,), interval=None), None, id="calendar"),
    ],
)
def test_the_budget_is_what_a_failure_right_after_an_answered_round_takes(check: Check, seconds: float | None) -> None:
    if seconds is None:
        assert check.budget is None
        return
    assert check.budget == pytest.approx(seconds)
    rounds = Rounds(check)
    rounds.look(0.0)
    rounds.look(0.001, 1)
    now = 0.001
    while not rounds.health.failed:
        assert rounds.wake is not None
        now = rounds.wake
        rounds.look(now)
    assert now == pytest.approx(check.budget)


def test_with_a_quorum_so_many_addresses_must_answer() -> None:
    rounds = Rounds(Check(("192.0.2.1", "192.0.2.2", "192.0.2.3"), quorum=2, interval=1.0))
    rounds.look(0.0)
    rounds.look(0.1, 1, address="192.0.2.1")
    rounds.look(0.2, 1, address="192.0.2.1")
    assert rounds.health.streak == 0
    rounds.look(0.3, 1, address="192.0.2.9")
    assert rounds.health.streak == 0
    rounds.look(0.4, 1, address="192.0.2.3")
    assert rounds.health.streak == 1


def test_rounds_that_wait_at_the_same_time_keep_their_answers_apart() -> None:
    rounds = Rounds(Check(("192.0.2.1", "192.0.2.2"), quorum=2, interval=1.0, retries=5))
    for now in (0.0, 1.0, 2.0, 3.0):
        rounds.look(now)
    rounds.look(3.1, 2, address="192.0.2.1")
    assert [(each.sequence, sorted(each.answered)) for each in rounds.health.rounds] == [
        (1, []), (2, ["192.0.2.1"]), (3, []), (4, []),
    ]  # fmt: skip
    rounds.look(3.2, 2, address="192.0.2.2")
    assert [each.sequence for each in rounds.health.rounds] == [3, 4]
    assert rounds.health.streak == 1
    rounds.look(3.3, 3, address="192.0.2.2")
    rounds.look(3.4, 3, address="192.0.2.1")
    assert rounds.health.streak == 2


def test_an_answer_that_nobody_asked_for_changes_nothing() -> None:
    rounds = Rounds(EACH_SECOND)
    rounds.look(0.0)
    before = dataclasses.replace(rounds.health)
    rounds.look(0.1, 7)
    assert rounds.health == before


def test_without_an_interval_the_calendar_begins_each_round() -> None:
    rounds = Rounds(Check((ADDRESS,), interval=None, retries=2))
    assert not rounds.look(5.0)
    assert not rounds.wake
    assert rounds.look(10.0, due=True)
    assert rounds.wake == 12.0
    assert not rounds.look(11.0, due=True)
    assert not rounds.look(12.0)
    assert rounds.look(20.0, due=True)
    rounds.look(22.0)
    assert rounds.health.failed


def test_a_calendar_can_have_quick_retries() -> None:
    rounds = Rounds(Check((ADDRESS,), interval=None, retry_interval=10.0, retries=2))
    assert rounds.look(100.0, due=True)
    rounds.look(102.0)
    assert rounds.wake == 110.0
    assert rounds.look(110.0)
    rounds.look(112.0)
    assert rounds.health.failed
    assert rounds.wake is None
