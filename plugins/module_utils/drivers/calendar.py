# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When calendar expressions come round next, by systemd's own reckoning. Source: systemd.time(7), systemd-analyze(1)."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable, Iterator
from typing import Protocol

from .programs import ask

_TIMEOUT_S = 10.0
NEVER = math.inf
# Each expression as it was asked for, which is told once where it is normal already.
_ASKED = re.compile(r"(?:Original|Normalized) form: (.+)")
# The second line is there where the first is not in UTC.
_MOMENT = re.compile(r"(?:Next elapse|\(in UTC\)): \w+ (\d+-\d+-\d+ \d+:\d+:\d+) UTC")
_NEVER = "Next elapse: never"


class Calendar(Protocol):
    """The calendar of the host."""

    def next(self, expressions: Iterable[str]) -> dict[str, float]:
        """Return when each expression comes round next, in seconds since 1970, or `NEVER`.

        One that is not there has no answer now, and may have one later.
        """


class SystemdCalendar:
    """The calendar as systemd-analyze(1) reads it, in the zone of this host."""

    def next(self, expressions: Iterable[str]) -> dict[str, float]:
        asked = sorted(set(expressions))
        if not asked:
            return {}
        done = ask(["systemd-analyze", "calendar", "--", *asked], timeout=_TIMEOUT_S)
        if done is None:
            return {}
        return {each: moment for each, moment in _moments(done.stdout) if each in asked}


def _moments(said: str) -> Iterator[tuple[str, float]]:
    """Yield expressions with their moments; one that systemd does not understand has no paragraph of its own."""
    for block in said.split("\n\n"):
        asked, found = _ASKED.search(block), _MOMENT.findall(block)
        if asked is None:
            continue
        if found:
            moment = dt.datetime.strptime(found[-1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=dt.timezone.utc)
            yield asked.group(1), moment.timestamp()
        elif _NEVER in block:
            yield asked.group(1), NEVER
