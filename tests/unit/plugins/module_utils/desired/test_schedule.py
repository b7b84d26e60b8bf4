# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calendar expressions: what is taken, and what is not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import check_gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.schedule import is_calendar, parse_calendar
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError

TAKEN = (
    "daily", "Hourly", "daily UTC", "Mon..Fri 03:00", "Mon,Wed *:0/15", "*-*-1/7 04:00:30 UTC", "*-02~03", "*-*-*", "sat",
    "Sat,Sun 12-05 08:05:40", "*-1,5~* *:*", "2026-*-* 1..5:00", "12,13:20", "mon *-*-* *:*:*", "Mon..Wednesday,Sun 1:02",
    "*-*~28", "10-*", "3:00:00 utc", "2024..2026-1-1", "*:5..10/5", "5..6:00",
)  # fmt: skip
REFUSED: tuple[Any, ...] = (
    "", " ", "UTC", "*-*~7/1", "*-*~1,2", "*-*~29", "24:00", "*:0:60", "5..1:00", "5:00/0", "*-*~1..7",
    "*-13-1", "*-*-0", "*-*-32", "*-*~0", "*-*~31", "1969-1-1",
    "2200-1-1", "26-1-1", "Fri..Mon", "Mon,,Tue", "Mon,", "monda", "*:*/15", "*-*-*/2 3:00", "03:00 Europe/Berlin", "03:00 Mon",
    "daily 03:00", "daily\n[Service]\nExecStart=/bin/sh", "3:00;", "3:00 %i", "$(x)", "3:00\t", "*:0:1.5", "1:2:3:4", "3", 7,
    None, True, ["daily"], "*:" + "0," * 60 + "1", "*:5..10/6", "5..5:00",
)  # fmt: skip


@pytest.mark.parametrize("text", TAKEN)
def test_taken(text: str) -> None:
    assert parse_calendar(f"  {text.replace(' ', '   ')} ") == text


@pytest.mark.parametrize("value", REFUSED)
def test_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="a calendar expression of systemd"):
        parse_calendar(value)


PARIS = {"remote_endpoints": ["198.51.100.2"], "psk": "x"}


def problems(when: Any, **more: Any) -> list[str]:
    fallback = {
        "name": "wan", "primary": "paris", "fallbacks": ["lte"], "ping_check": True, "ping_address": ["198.51.100.2"],
        "ping_schedule": when, **more,
    }  # fmt: skip
    try:
        check_gateway(
            parse_gateway(
                {
                    "phase1": [{"name": name, **PARIS} for name in ("paris", "lte")],
                    "fallbacks": [fallback],
                    "schedules": [{"name": "nightly", "calendar": "03:00"}],
                }
            )
        )
    except ValidationError as error:
        return str(error).splitlines()
    return []


@pytest.mark.parametrize("when", ["nightly", "hourly", "*:0/5"])
def test_a_fallback_is_checked_by_a_schedule_or_a_calendar(when: str) -> None:
    assert problems(when) == []


@pytest.mark.parametrize(
    ("when", "more", "message"),
    [
        ("nigtly", {}, "there is no schedule of this name; did you mean nightly? Nor is it a calendar expression"),
        ("25:00", {}, "a calendar expression of systemd.time(7) is needed"),
        ("nightly", {"ping_interval": 5}, "ping_schedule is 'nightly': either it, or ping_interval, which is 5m"),
        (
            "nightly",
            {"ping_check": False, "ping_address": []},
            "it belongs to ping_check: true; leave it out, or set that",
        ),
    ],
)
def test_what_cannot_say_when_is_told(when: str, more: dict[str, Any], message: str) -> None:
    [told] = problems(when, **more)
    assert told.startswith("fallback wan: ping_schedule")
    assert message in told


def test_a_name_may_look_like_a_calendar() -> None:
    assert is_calendar("daily")
    assert not is_calendar("nightly")
