# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When addresses and ways are read again: at once, and seldom on a host whose links and routes change all the time."""

from __future__ import annotations

import math
from dataclasses import dataclass

# A read takes 3 ms on a small host, and 0.1 s where there are 1,000 links.
_SPACING_S = 1.0


@dataclass
class Survey:
    """The moment of the next read, which may be never."""

    due: float = math.inf
    _done: float = -math.inf

    def wanted(self, now: float) -> None:
        """Have it read now: an address has come or gone, which nothing else may wait for."""
        self.due = min(self.due, now)

    def heard(self, now: float) -> None:
        """Have it read when the last read is a second ago: a link or a route that changed may not be ours.

        An interface that goes down keeps its IPv4 addresses, and the kernel tells of the link alone, not of the routes by it.
        """
        self.due = min(self.due, max(now, self._done + _SPACING_S))

    def done(self, now: float) -> None:
        """Note that it was read."""
        self.due, self._done = math.inf, now
