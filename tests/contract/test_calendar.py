# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calendar expressions: systemd understands each that we take."""

from __future__ import annotations

import random
import subprocess

from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.schedule import parse_calendar
from ansible_collections.swanfleet.ipsec.tests.generators.fallbacks import calendar

# So many go with one call.
_TOGETHER = 100
_CHARACTERS = "0123456789*.,/:~- monTueUTC"


def understood(calendars: list[str]) -> str:
    """Return what systemd says of those that it does not understand."""
    for start in range(0, len(calendars), _TOGETHER):
        done = subprocess.run(
            ["systemd-analyze", "calendar", "--", *calendars[start : start + _TOGETHER]],
            capture_output=True, text=True, timeout=60, check=False, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        if done.returncode:
            return done.stderr
    return ""


def test_what_is_generated_is_taken_by_both() -> None:
    chance = random.Random(7)  # noqa: S311  # the same in every run
    made = [calendar(chance) for _number in range(1000)]
    assert understood([parse_calendar(each) for each in made]) == ""


def test_what_we_take_of_damaged_ones_systemd_takes_too() -> None:
    chance = random.Random(8)  # noqa: S311  # the same in every run
    taken = []
    for _number in range(20_000):
        text = list(calendar(chance))
        for _change in range(chance.randint(1, 2)):
            text[chance.randrange(len(text))] = chance.choice(("", *_CHARACTERS))
        try:
            taken.append(parse_calendar("".join(text)))
        except ValueError:
            continue
    assert len(taken) > 1000
    assert understood(sorted(set(taken))[:: max(1, len(taken) // 2000)]) == ""
