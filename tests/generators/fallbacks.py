# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fallbacks as people might write them, made as a whole, so that members and checks fit each other."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.swanfleet.ipsec.tests.generators.values import Chance

Made = dict[str, Any]

SCHEDULE = "nightly"
_WORDS = ("minutely", "hourly", "daily", "weekly", "Monthly", "quarterly", "semiannually", "annually", "YEARLY")
_TIMES = (5, "1s", "500ms", "90s", "2h")


def fallback(chance: Chance, members: Sequence[Mapping[str, Any]] = (), name: str = "wan") -> Made:
    """Return a fallback for phase 1s, the first of them its primary."""
    names = [each.get("name") for each in members] or ["paris", "rome"]
    links = [each.get("xfrm_interface") for each in members]
    made: Made = {"name": name, "primary": names[0], "fallbacks": names[1:]}
    if chance.random() < 0.5:
        made["mode"] = "hot" if None not in links and len(set(links)) == len(links) else "cold"
    asked = _asked(members[0] if members else {"remote_endpoints": ["198.51.100.2"]})
    if asked and chance.random() < 0.7:
        made.update(ping_check=True, ping_address=asked)
        made.update(_checked(chance, asked))
    if chance.random() < 0.4:
        made.update(hold_down=chance.choice((0, 60, "5m")), hold_down_max=chance.choice((3600, "2h", "1d")))
    return made


def _checked(chance: Chance, asked: Sequence[str]) -> Made:
    """Return options of a check, each of them now and then."""
    source = "192.0.2.1" if ipaddress.ip_address(asked[0]).version == 4 else "2001:db8::1"
    drawn: Made = {
        "ping_quorum": chance.randint(1, len(asked)),
        "ping_source": source,
        "ping_interval": chance.choice(_TIMES),
        "ping_retries": chance.choice((0, 1, 3, 100)),
        "retry_interval": chance.choice(_TIMES),
        "ping_fallback": chance.random() < 0.5,
        "rise": chance.randint(1, 100),
    }
    found = {option: value for option, value in drawn.items() if chance.random() < 0.5}
    if chance.random() < 0.3:
        found.pop("ping_interval", None)
        found["ping_schedule"] = chance.choice((SCHEDULE, calendar(chance)))
    return found


def schedule(chance: Chance) -> Made:
    """Return a schedule, whose name a fallback may use."""
    return {"name": SCHEDULE, "calendar": calendar(chance)}


def calendar(chance: Chance) -> str:
    """Return a calendar expression, of all parts that there are."""
    if chance.random() < 0.2:
        return chance.choice(_WORDS)
    days = ",".join(chance.choice(("mon", "Tue..Fri", "SATURDAY", "sun")) for _number in range(chance.randint(1, 2)))
    end = chance.choice("-~")
    day = chance.choice(("*", "1", "07", "28")) if end == "~" else _part(chance, 1, 31)
    date = f"{_part(chance, 1, 12)}{end}{day}"
    if chance.random() < 0.3:
        date = f"{_part(chance, 1970, 2199)}-{date}"
    time = ":".join((_part(chance, 0, 23), *(_part(chance, 0, 59) for _number in range(chance.randint(1, 2)))))
    found = [part for part in (days, date, time) if chance.random() < 0.7] or [time]
    return " ".join([*found, "UTC"] if chance.random() < 0.2 else found)


def _part(chance: Chance, low: int, high: int) -> str:
    """Return a part of a date or a time: anything, or numbers, ranges and repetitions."""
    if chance.random() < 0.3:
        return "*"
    found = []
    for _number in range(chance.randint(1, 2)):
        first = chance.randint(low + 1, high - 1)
        if chance.random() < 0.4:
            last = chance.randint(first + 1, high)
            text, room = f"{first}..{last}", last - first
        else:
            text, room = f"{first}", high - first
        found.append(f"{text}/{chance.randint(1, room)}" if chance.random() < 0.3 else text)
    return ",".join(found)


def _asked(primary: Mapping[str, Any]) -> list[str]:
    """Return the addresses among a phase 1's endpoints that an echo request can go to, of one family."""
    found = []
    given = primary.get("remote_endpoints")
    # It may be any wild value.
    for each in given if isinstance(given, list) else ():
        try:
            address = ipaddress.ip_address(str(each))
        except ValueError:
            continue
        if not address.is_unspecified:
            found.append(str(address))
    return list(dict.fromkeys(found))
