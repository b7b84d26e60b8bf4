# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role of each connection: which carries its traffic, which is only kept up, and which is on standby, with why."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from .fallback import Fallback, checked_inside, children_of
from .gateway import Gateway
from .phase1 import Phase1, address_family
from .situation import Situation

# Written into `Situation.in_use` by the agent, and read from there alone: everybody else goes by this.
InUse = Mapping[str, str]


@dataclass(frozen=True)
class Resting:
    """The role of a connection that carries no traffic.

    On `standby` it is loaded without anything that would initiate, and has no routes; its peer is answered. Otherwise it is
    ready: up like any other, with routes that are worse than those of the tunnel in use, by `place`, its own in the fallback
    counted from 1. `fallback` and `in_use` say which tunnel of which fallback has the traffic. `absent` are its addresses
    of which this host has none now.
    """

    standby: bool
    fallback: str = ""
    in_use: str = ""
    place: int = 0
    absent: tuple[str, ...] = ()

    @property
    def why(self) -> str:
        """Return the reason, in a sentence's part."""
        if self.absent:
            return f"no interface of this host that is up has {' or '.join(self.absent)}"
        return f"fallback {self.fallback} uses {self.in_use}"


def resting(gateway: Gateway, situation: Situation) -> dict[str, Resting]:
    """Return the role of every connection that is not active, by name."""
    found = _in_fallbacks(gateway, situation.in_use)
    for name, absent in absent_addresses(gateway, situation.present).items():
        found[name] = Resting(standby=True, absent=absent)
    return found


def tunnel_in_use(fallback: Fallback, in_use: InUse) -> str:
    """Return the phase 1 that carries a fallback's traffic: the primary, unless the agent has chosen another of its own."""
    chosen = in_use.get(fallback.name)
    return chosen if chosen in fallback.members else fallback.primary


def absent_addresses(gateway: Gateway, present: Set[str] | None) -> dict[str, tuple[str, ...]]:
    """Return the connections of whose written addresses this host has none now, each with these (the page's VRRP address)."""
    if present is None:
        return {}
    found = {}
    for name, connection in gateway.phase1.items():
        written = written_addresses(connection)
        if written and present.isdisjoint(written):
            found[name] = written
    return found


def written_addresses(connection: Phase1) -> tuple[str, ...]:
    """Return the entries of `interfaces` that are addresses."""
    return tuple(entry for entry in connection.interfaces if address_family(entry) is not None)


def _in_fallbacks(gateway: Gateway, in_use: InUse) -> dict[str, Resting]:
    found: dict[str, Resting] = {}
    left = {name for name, each in gateway.fallbacks.items() if tunnel_in_use(each, in_use) != each.primary}
    inside = _checked_from_inside(gateway, left)
    for name, each in sorted(gateway.fallbacks.items()):
        active = tunnel_in_use(each, in_use)
        for place, member in enumerate(each.members, start=1):
            if member != active:
                ready = each.mode == "hot" or (member == each.primary and name in inside)
                found[member] = Resting(standby=not ready, fallback=name, in_use=active, place=place)
    return found


def _checked_from_inside(gateway: Gateway, names: Set[str]) -> Set[str]:
    """Return the fallbacks whose primary must be up, though another is in use, to be found well again."""
    asked = [
        gateway.fallbacks[name]
        for name in names
        if gateway.fallbacks[name].checked and gateway.fallbacks[name].ping_fallback
    ]
    children = children_of({each.primary for each in asked}, gateway.phase2)
    return {each.name for each in asked if checked_inside(each, gateway.phase1[each.primary], children[each.primary])}
