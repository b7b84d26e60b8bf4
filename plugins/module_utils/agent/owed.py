# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that peers owe: when to look at a tunnel whose peer has been asked something and was not heard since."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

# A peer that is there answers within this time.
_ANSWERED_S = 1.0


@dataclass
class Owed:
    """The tunnels to look at, each with the moment."""

    _moments: dict[str, float] = field(default_factory=dict)

    @property
    def next(self) -> float:
        """Return the first of the moments."""
        return min(self._moments.values(), default=math.inf)

    def asked(self, tunnel: str, now: float) -> None:
        """Note that a peer was asked, for the first time or again."""
        self._moments.setdefault(tunnel, now + _ANSWERED_S)

    def heard(self, tunnel: str, now: float, *, again: bool) -> None:
        """Note that a peer was heard; one that had not been for long may have been asked the next thing by then."""
        self._moments.pop(tunnel, None)
        if again:
            self.asked(tunnel, now)

    def due(self, now: float) -> list[str]:
        """Return the tunnels whose moment has come, once."""
        found = [tunnel for tunnel, moment in self._moments.items() if moment <= now]
        for tunnel in found:
            del self._moments[tunnel]
        return found
