# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A group that is checked by a calendar has its turn once whenever that comes round."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.agenda import Agenda, Unreckoned
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.calendar import NEVER


class Every:
    """Takes the place of the calendar: an expression is a number of seconds, and comes round at multiples of it.

    `ahead` is how far the clock is ahead of the time since the boot; `unable` says that there are no answers, or not to whom.
    """

    def __init__(self) -> None:
        self.boot = 0.0
        self.ahead = 0.0
        self.unable: frozenset[str] = frozenset()
        self.asked = 0

    def next(self, expressions: Iterable[str]) -> dict[str, float]:
        self.asked += 1
        now = self.boot + self.ahead
        return {
            each: NEVER if each == "never" else (now // float(each) + 1) * float(each)
            for each in expressions
            if each not in self.unable
        }


class Host:
    """An agenda with its calendar, looked at as the agent does."""

    def __init__(self) -> None:
        self.calendar = Every()
        self.agenda = Agenda(self.calendar)
        self.told: list[str] = []

    def look(self, boot: float, **expressions: str) -> list[str]:
        """Return whose turn has come."""
        self.calendar.boot = boot
        due = self.agenda.due(expressions, boot + self.calendar.ahead, boot)
        try:
            self.agenda.reckon(boot)
        except Unreckoned as error:
            self.told.append(str(error))
        return sorted(due)

    def turns(self, until: int, since: int = 0, **expressions: str) -> list[tuple[int, str]]:
        """Return all turns while it is looked at each second."""
        return [(second, each) for second in range(since, until) for each in self.look(second + 0.4, **expressions)]


@pytest.fixture
def host() -> Host:
    return Host()


def test_each_has_its_turn_once(host: Host) -> None:
    turns = host.turns(200, a="60", b="90", c="never")
    assert turns == [(60, "a"), (90, "b"), (120, "a"), (180, "a"), (180, "b")]
    # Nobody is asked but when a turn has come.
    assert (host.calendar.asked, host.told) == (5, [])


def test_turns_that_were_missed_are_one(host: Host) -> None:
    host.look(0.0, a="60")
    assert host.look(1000.0, a="60") == ["a"]
    assert host.look(1000.0, a="60") == []


def test_another_calendar_counts_from_now_on(host: Host) -> None:
    host.look(0.0, a="60", b="60")
    assert host.look(59.0, a="100") == []
    assert host.look(70.0, a="100") == []
    assert host.look(100.0, a="100") == ["a"]


def test_one_without_an_answer_is_asked_for_again_each_minute_and_has_its_turns_then(host: Host) -> None:
    host.turns(50, a="60", b="61")
    host.calendar.unable = frozenset({"60"})
    # Its turn comes, and nobody says when the next one does; the other's go on.
    assert host.turns(200, 50, a="60", b="61") == [(60, "a"), (61, "b"), (122, "b"), (183, "b")]
    # When a turn of one of them had come, and each minute for that one.
    assert host.calendar.asked == 1 + 1 + 3 + 2
    assert len(set(host.told)) == 1
    assert "'60'" in host.told[0]
    host.calendar.unable = frozenset()
    host.told.clear()
    assert host.turns(320, 260, a="60", b="61") == [(260, "b"), (300, "a"), (305, "b")]
    assert host.told == []


@pytest.mark.parametrize("jump", [-1e9, -3600.0, 3600.0, 1e9])
def test_whoever_sets_the_clock_has_the_turns_counted_anew(host: Host, jump: float) -> None:
    host.calendar.ahead = 2e9
    host.turns(70, a="100")
    host.calendar.ahead += jump
    turns = [at + host.calendar.ahead for at, _name in host.turns(400, 70, a="100")]
    # At most one for all that a jump has passed over, and then each in time.
    passed = 1 if jump > 0 else 0
    assert [at % 100 for at in turns[passed:]] == [0.0] * len(turns[passed:])
    assert len(turns) - passed in (3, 4)


def test_a_clock_that_is_drawn_to_the_right_time_counts_nothing_anew(host: Host) -> None:
    for second in range(100):
        host.calendar.ahead += 0.05
        host.look(float(second), a="1000")
    assert host.calendar.asked == 1
