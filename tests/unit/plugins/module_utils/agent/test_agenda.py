# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A group that is checked by a calendar has its turn once whenever that comes round."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.agenda import Agenda


class Every:
    """Takes the place of the calendar: an expression is a number of seconds, and comes round at multiples of it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked = 0

    def next(self, expressions: Iterable[str]) -> dict[str, float]:
        self.asked += 1
        return {each: (self.now // float(each) + 1) * float(each) for each in expressions if each != "never"}


def test_each_has_its_turn_once() -> None:
    calendar = Every()
    agenda, turns = Agenda(calendar), []
    expressions = {"a": "60", "b": "90", "c": "never"}
    for second in range(200):
        calendar.now = second + 0.4
        turns += [(second, each) for each in sorted(agenda.due(expressions, calendar.now))]
    assert turns == [(60, "a"), (90, "b"), (120, "a"), (180, "a"), (180, "b")]
    # Nobody is asked but when a turn has come.
    assert calendar.asked == 5


def test_turns_that_were_missed_are_one() -> None:
    calendar = Every()
    agenda = Agenda(calendar)
    agenda.due({"a": "60"}, 0.0)
    calendar.now = 1000.0
    assert agenda.due({"a": "60"}, calendar.now) == {"a"}
    assert agenda.due({"a": "60"}, calendar.now) == frozenset()


def test_another_calendar_counts_from_now_on() -> None:
    calendar = Every()
    agenda = Agenda(calendar)
    agenda.due({"a": "60", "b": "60"}, 0.0)
    calendar.now = 59.0
    assert agenda.due({"a": "100"}, 59.0) == frozenset()
    calendar.now = 70.0
    assert agenda.due({"a": "100"}, 70.0) == frozenset()
    calendar.now = 100.0
    assert agenda.due({"a": "100"}, 100.0) == {"a"}
