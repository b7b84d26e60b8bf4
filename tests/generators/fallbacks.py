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
    return {option: value for option, value in drawn.items() if chance.random() < 0.5}


def _asked(primary: Mapping[str, Any]) -> list[str]:
    """Return the addresses among a phase 1's endpoints that an echo request can go to, of one family."""
    found = []
    for each in primary.get("remote_endpoints") or ():
        try:
            address = ipaddress.ip_address(str(each))
        except ValueError:
            continue
        if not address.is_unspecified:
            found.append(str(address))
    return list(dict.fromkeys(found))
