# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calendar expressions as systemd.time(7) has them, and the value of one with a name, for several to use (the page's "Cron")."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import Problem
from . import kinds
from .options import Kind, option

_WORDS = frozenset("minutely hourly daily weekly monthly quarterly semiannually annually yearly".split())
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONG_DAYS = {day: day[:3] for day in "monday tuesday wednesday thursday friday saturday sunday".split()}
_YEARS, _MONTHS, _DAYS_OF_MONTH = (1970, 2199), (1, 12), (1, 31)
_HOURS, _SIXTIETHS = (0, 23), (0, 59)
# Behind "~" stands a day counted from the last one of a month, which is 1. Of a list systemd takes away three days more
# for each entry (chain_valid() in calendarspec.c of 252), so that there is none here.
_FROM_THE_END = re.compile(r"[01]?[0-9]|2[0-8]|\*")
_PART = re.compile(r"([0-9]{1,4})(?:\.\.([0-9]{1,4}))?(?:/([0-9]{1,4}))?")
_DATE = re.compile(r"(?:([0-9*.,/]+)-)?([0-9*.,/]+)([-~])([0-9*.,/]+)")
_LONGEST = 100
_WANTED = "a calendar expression of systemd.time(7) is needed, such as 'daily', '*:0/15' or 'Mon..Fri 03:00'"


def parse_calendar(value: Any) -> str:
    """Accept a calendar expression: a word such as daily, or days of the week, a date and a time, or some of these.

    Of what systemd takes, this leaves out fractions of a second, years of two digits, more than one day that counts
    from the end of a month, and zones of time other than UTC, which a host may not know. Of several blanks one is left.
    """
    if not isinstance(value, str) or len(value) > _LONGEST or not re.fullmatch(r"[A-Za-z0-9*.,:/~ -]+", value):
        raise ValueError(_WANTED)
    parts = value.split()
    if not _is_calendar(parts):
        raise ValueError(_WANTED)
    return " ".join(parts)


def _is_calendar(parts: list[str]) -> bool:
    parts = list(parts)
    if len(parts) > 1 and parts[-1].lower() == "utc":
        del parts[-1]
    if len(parts) == 1 and parts[0].lower() in _WORDS:
        return True
    if not parts:
        return False
    for form in (_is_days, _is_date, _is_time):
        if parts and form(parts[0]):
            del parts[0]
    return not parts


def _is_days(text: str) -> bool:
    for each in text.lower().split(","):
        low, dots, high = each.partition("..")
        known = [_LONG_DAYS.get(day, day) for day in ((low, high) if dots else (low,))]
        if any(day not in _DAYS for day in known) or _DAYS.index(known[0]) > _DAYS.index(known[-1]):
            return False
    return True


def _is_date(text: str) -> bool:
    match = _DATE.fullmatch(text)
    if match is None:
        return False
    year, month, end, day = match.groups()
    if not _within(day, _DAYS_OF_MONTH) or (end == "~" and not _FROM_THE_END.fullmatch(day)):
        return False
    return (year is None or _within(year, _YEARS)) and _within(month, _MONTHS)


def _is_time(text: str) -> bool:
    parts = text.split(":")
    if not 2 <= len(parts) <= 3:
        return False
    return _within(parts[0], _HOURS) and all(_within(part, _SIXTIETHS) for part in parts[1:])


def _within(text: str, limits: tuple[int, int]) -> bool:
    """Say whether a part is "*", or numbers, ranges and repetitions within limits."""
    return text == "*" or all(_has_place(each, limits) for each in text.split(","))


def _has_place(text: str, limits: tuple[int, int]) -> bool:
    """Say whether a number, or a range or repetition of at least two, is within limits (chain_valid() in calendarspec.c)."""
    match = _PART.fullmatch(text)
    if match is None:
        return False
    low, high, step = (None if number is None else int(number) for number in match.groups())
    first, last = limits
    if low is None or not first <= low <= last or (high is not None and not first <= high <= last):
        return False
    if limits is _YEARS and any(number is not None and len(number) != 4 for number in match.groups()[:2]):
        return False
    if high is not None:
        return low + (1 if step is None else step) <= high and step != 0
    if step is None:
        return True
    return step > 0 and low + step <= last


def is_calendar(text: str) -> bool:
    """Say whether a text is a calendar expression."""
    try:
        parse_calendar(text)
    except ValueError:
        return False
    return True


CALENDAR = Kind("str", parse_calendar)


def parse_calendar_or_name(value: Any) -> str:
    """Accept a calendar expression, or what may be the name of a schedule; which it is depends on the schedules."""
    try:
        return parse_calendar(value)
    except ValueError:
        try:
            return kinds.parse_name(value)
        except ValueError:
            raise ValueError(f"{_WANTED}, or the name of one of schedules") from None


CALENDAR_OR_NAME = Kind("str", parse_calendar_or_name)


@dataclass(frozen=True)
class Schedule:
    """A calendar expression with a name."""

    name: str = option(
        kinds.NAME, "Name of the schedule; C(ping_schedule) of a fallback refers to it.", identifies=True
    )
    calendar: str = option(
        CALENDAR,
        "When, as C(OnCalendar=) of systemd's timers has it, such as V(Mon..Fri 03:00): in the host's time, or with C(UTC)"
        " behind it.",
        required=True,
    )

    @property
    def where(self) -> str:
        """Return how messages name this object."""
        return f"schedule {self.name}"

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong about this object by itself."""
        yield from ()
