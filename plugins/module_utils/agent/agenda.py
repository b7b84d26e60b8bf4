# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks by the calendar (S36): whose turn has come."""

from __future__ import annotations

from collections.abc import Mapping

from ..drivers.calendar import Calendar


class Agenda:
    """The groups that a calendar has checked, each with the moment of its next check, by the time of day."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._expressions: Mapping[str, str] = {}
        self._next: dict[str, float] = {}

    def due(self, expressions: Mapping[str, str], epoch: float) -> frozenset[str]:
        """Return the groups whose turn has come since the last call; each has one turn, however many were missed."""
        if expressions != self._expressions:
            self._expressions = dict(expressions)
            self._set(expressions)
            return frozenset()
        due = frozenset(name for name, moment in self._next.items() if moment <= epoch)
        if due:
            self._set({name: expressions[name] for name in due})
        return due

    def _set(self, expressions: Mapping[str, str]) -> None:
        moments = self._calendar.next(expressions.values())
        for name in [*self._next]:
            if name not in self._expressions or name in expressions:
                del self._next[name]
        self._next.update({name: moments[each] for name, each in expressions.items() if each in moments})
