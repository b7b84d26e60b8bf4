# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When calendar expressions come round next, by systemd's own reckoning. Source: systemd.time(7), systemd-analyze(1)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from typing import Protocol

from .programs import ask

_TIMEOUT_S = 10.0
# The second line is there where the first is not in UTC.
_MOMENT = re.compile(r"(?:Next elapse|\(in UTC\)): \w+ (\d+-\d+-\d+ \d+:\d+:\d+) UTC")


class Calendar(Protocol):
    """The calendar of the host."""

    def next(self, expressions: Iterable[str]) -> dict[str, float]:
        """Return when each expression comes round next, in seconds since 1970; without those that never do again."""


class SystemdCalendar:
    """The calendar as systemd-analyze(1) reads it, in the zone of this host."""

    def next(self, expressions: Iterable[str]) -> dict[str, float]:
        asked = sorted(set(expressions))
        if not asked:
            return {}
        done = ask(["systemd-analyze", "calendar", "--", *asked], timeout=_TIMEOUT_S)
        if done is None:
            return {}
        return dict(_moments(done.stdout, asked))


def _moments(said: str, asked: list[str]) -> Iterator[tuple[str, float]]:
    """Yield expressions with their moments."""
    for block, expression in zip(said.strip().split("\n\n"), asked):
        found = _MOMENT.findall(block)
        if found:
            moment = dt.datetime.strptime(found[-1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=dt.timezone.utc)
            yield expression, moment.timestamp()
