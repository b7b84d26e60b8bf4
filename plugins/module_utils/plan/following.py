# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether links are up: some go up and down with their tunnels, and their routes with them; pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ..artifacts.values import Bound, Link
from ..desired.xfrm_interface import DOWN, FOLLOW, UP
from ..observed.values import Carrying, ObservedLink


def is_up(bound: Bound, carrying: Carrying) -> bool:
    """Say whether a link is to be up, as its tunnels are."""
    if not bound.follows:
        return bound.state == UP
    if not carrying.sas.isdisjoint(bound.connections):
        return True
    return bound.state == FOLLOW and (bound.trapped or not carrying.traps.isdisjoint(bound.connections))


def followed(
    wanted: Mapping[str, Link], present: Mapping[str, ObservedLink], carrying: Carrying | None
) -> dict[str, Link]:
    """Return the links as they are to be on this host now: one that is to be down has no routes, as the kernel drops them.

    Where nobody knows what the tunnels do (`carrying` is None), a link that follows them stays as it is. One that has to
    be made meanwhile is up, unless its routes stand before those of another way (`sa`).
    """
    found = {}
    for name, link in wanted.items():
        up = is_up(link.bound, carrying) if carrying is not None else _meanwhile(link.bound, present.get(name))
        found[name] = link if up else dataclasses.replace(link, up=False, routes=())
    return found


def _meanwhile(bound: Bound, there: ObservedLink | None) -> bool:
    # What needs no look at charon is known all the same.
    if not bound.follows or is_up(bound, Carrying()):
        return is_up(bound, Carrying())
    return bound.state == FOLLOW if there is None else there.up


def silenced(wanted: Mapping[str, Link], present: Mapping[str, ObservedLink]) -> dict[str, str]:
    """Return the links that are up and shall never be, by the connections that go by them."""
    return {
        connection: name
        for name, link in wanted.items()
        if link.bound.state == DOWN and name in present and present[name].up
        for connection in link.bound.connections
    }
