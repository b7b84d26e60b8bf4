# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time: how long something has taken, and waiting before looking again."""

from __future__ import annotations

import datetime as dt
import time
from typing import Protocol


class Clock(Protocol):
    """What the engine needs of time, in seconds."""

    def epoch(self) -> float:
        """Return the time of day, since 1970 in UTC, for people to read; it may jump."""

    def elapsed(self) -> float:
        """Return a time that only ever grows; differences count."""

    def since_boot(self) -> float:
        """Return the time since the host was started, which goes on while it sleeps."""

    def pause(self, seconds: float) -> None:
        """Let time pass."""

    def time_of_day(self) -> dt.datetime:
        """Return the time of day, in UTC."""


class SystemClock:
    """The clock of this host."""

    def epoch(self) -> float:
        """Return the time of day."""
        return time.time()

    def elapsed(self) -> float:
        """Return a time that only ever grows."""
        return time.monotonic()

    def since_boot(self) -> float:
        """Return the time since the host was started."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)

    def time_of_day(self) -> dt.datetime:
        """Return the time of day, in UTC."""
        return dt.datetime.now(dt.timezone.utc)
