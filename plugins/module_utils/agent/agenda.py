# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks by the calendar (S36): whose turn has come."""

from __future__ import annotations

from collections.abc import Mapping

from ..drivers.calendar import Calendar
from ..errors import IpsecError

# An expression without an answer is asked for again after this time.
_AGAIN_S = 60.0
# The time of day goes as the time since the boot does. By more than this only somebody who sets the clock moves it.
_JUMP_S = 1.0


class Unreckoned(IpsecError):
    """Nobody says when an expression comes round next; the message says which."""


class Agenda:
    """The groups that a calendar has checked, each with the moment of its next check, by the time of day."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._expressions: Mapping[str, str] = {}
        self._next: dict[str, float] = {}
        self._ahead = 0.0
        self._unanswered: set[str] = set()
        self._again = 0.0

    def due(self, expressions: Mapping[str, str], epoch: float, since_boot: float) -> frozenset[str]:
        """Return the groups whose turn has come since the last call; each has one turn, however many were missed.

        When theirs comes next is for `reckon`.
        """
        ahead, before = epoch - since_boot, self._ahead
        self._ahead = ahead
        if expressions != self._expressions:
            self._expressions = dict(expressions)
            self._next = {}
            return frozenset()
        due = frozenset(name for name, moment in self._next.items() if moment <= epoch)
        # After a jump the moments of the others may be years away.
        for name in due if abs(ahead - before) <= _JUMP_S else [*self._next]:
            del self._next[name]
        return due

    def reckon(self, since_boot: float) -> None:
        """Find out when those come round next of which that is not known; raises `Unreckoned` while there is no answer."""
        unknown = {each for name, each in self._expressions.items() if name not in self._next}
        if since_boot >= self._again:
            self._unanswered = set()
        asked = unknown - self._unanswered
        if asked:
            moments = self._calendar.next(asked)
            self._next.update({name: moments[each] for name, each in self._expressions.items() if each in moments})
            if asked - moments.keys():
                self._unanswered |= asked - moments.keys()
                self._again = since_boot + _AGAIN_S
        self._unanswered &= unknown
        if self._unanswered:
            raise Unreckoned(
                f"systemd-analyze calendar does not say when {', '.join(map(repr, sorted(self._unanswered)))} comes round next: "
                "what is checked by it is checked when it does, and it is asked again each minute"
            )
