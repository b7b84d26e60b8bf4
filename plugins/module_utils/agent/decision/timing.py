# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time in a pure function: what is due now, when to look again, and how long to wait between attempts."""

from __future__ import annotations

import hashlib

# How long a tunnel may take to come up, charon's first repetition after 4 s included.
CONNECT_WITHIN_S = 10.0
LONGEST_BACKOFF_S = 300.0
_DOUBLINGS = 5


class Clock:
    """Answers whether a moment has come, and remembers the next one that has not."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.wake: float | None = None

    def past(self, moment: float) -> bool:
        """Say whether a moment has come; if not, it is one to wake up at."""
        if moment <= self.now:
            return True
        if self.wake is None or moment < self.wake:
            self.wake = moment
        return False


def fraction(seed: str, *of: object) -> float:
    """Return a number from 0 up to 1 that looks random, and is the same for the same words."""
    digest = hashlib.sha256("/".join(map(str, (seed, *of))).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def backoff(seed: str, of: str, count: int) -> float:
    """Return how long to wait after the attempt of this number (from 1 on): twice as long each time, and never quite the same.

    Gateways that lost the same peer at the same moment would otherwise all come back to it at once, again and again.
    """
    plain = CONNECT_WITHIN_S * 2.0 ** min(count - 1, _DOUBLINGS)
    return min(LONGEST_BACKOFF_S, plain * (0.75 + fraction(seed, of, count) / 2))
