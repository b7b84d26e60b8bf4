# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the engine looks at the host again: every half minute, when something of it has changed, and after a failure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Callable

EVERY_S = 30.0
# What happens at once, as when a link comes with its addresses and routes, is looked at once.
_SETTLED_S = 0.1
# News that turned out to be about nothing of ours, or that mended nothing, make the next ones wait, twice as long each time.
_SPACING_S = 1.0
# Somebody else holds the lock: a run that changes the host.
_LOCKED_S = 0.2
# Looks that nobody waits for give way to what is more urgent: for so long together, and for so long at a time. After a switch
# they wait as long: what failed with the same line is about to be decided, and the news are mostly of the switch itself.
_GIVES_WAY_S = 5.0
_AGAIN_S = 0.2
# What a switch has left to the engine gives way for so long: what it is to end may be set up anew meanwhile.
_OWED_S = 1.0


@dataclass
class Mending:
    """The moments at which the engine is to look at the host. It looks at once where nothing was looked at yet."""

    due: float = 0.0
    _rested: float = 0.0
    _spacing: float = _SPACING_S
    _failures: int = 0
    _urgent: bool = True
    _latest: float | None = None
    _switched: float = -_GIVES_WAY_S
    _owes: bool = False
    _hastened: bool = False
    _changed: bool = False
    _told: Sequence[str] = field(default=())

    def wanted(self, now: float) -> None:
        """Have it look now: what a decision changes waits for nothing but its own failures."""
        self.due = min(self.due, now)
        self._urgent = True

    def heard(self, now: float, *, urgent: bool = False, ours: bool = False) -> None:
        """Have it look soon: something has changed, which may or may not be ours, or what has failed may go well now.

        What is known to be `ours` is in vain only where something fails all the time.
        """
        self._urgent |= urgent
        self._hastened |= not ours or self._failures > 0
        self.due = min(self.due, max(now + _SETTLED_S, self._rested + self._spacing))

    def switched(self, now: float) -> None:
        """Note that traffic was given to another tunnel just now."""
        self._switched = now

    def rerouted(self, now: float, *, owing: bool) -> None:
        """Note that a switch has moved routes by itself; `owing` says that more of it is to be put in place.

        That waits for nothing but a decision that is near, and not long. News of these routes are about something of ours.
        """
        self.due = min(self.due, now if owing else now + _GIVES_WAY_S)
        if owing:
            self._owes, self._latest = True, min(now + _OWED_S, self._latest or math.inf)
        self._spacing, self._changed = _SPACING_S, True

    def moved(self, now: float) -> None:
        """Have it look at once, and a second after the last look at most: a link is to be another one than it was."""
        self.due = min(self.due, max(now, self._rested + _SPACING_S))
        self._urgent = True

    def gives_way(self, now: float, *, near: Callable[[], bool]) -> bool:
        """Put off a look that is due and that nobody waits for; returns whether it is put off.

        It gives way to a decision that is `near`, and after a switch to the next one, of which nothing may be known yet.
        """
        if self._latest is None:
            self._latest = now + _GIVES_WAY_S
        if self._urgent or now >= self._latest:
            return False
        follows = now < self._switched + _GIVES_WAY_S and not self._owes
        if not (follows or near()):
            return False
        self.due = now + _AGAIN_S
        return True

    def locked(self, now: float) -> None:
        """Note that another run is changing the host just now."""
        self.due = now + _LOCKED_S

    def done(self, now: float, *, changed: bool, failures: Sequence[str]) -> tuple[list[str], bool]:
        """Note what a look has come to: did it change anything, and what failed?

        Returns failures that were not told of yet, and whether what had failed before is mended now.
        """
        new = [each for each in failures if each not in self._told]
        mended = bool(self._told) and not failures
        self._told = tuple(failures)
        self._rested = now
        # What could not be put in place is still waited for.
        self._urgent, self._owes, self._latest = self._urgent and bool(failures), False, None
        self._failures = self._failures + 1 if failures else 0
        changed, hastened = changed or self._changed, self._hastened
        self._changed = self._hastened = False
        if (changed and not failures) or not hastened:
            self._spacing = _SPACING_S
        else:
            self._spacing = min(2 * self._spacing, EVERY_S)
        pause = min(2.0 ** min(self._failures - 1, 9), EVERY_S) if failures else EVERY_S
        self.due = now + pause
        return new, mended
