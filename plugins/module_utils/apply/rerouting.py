# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Giving traffic to the tunnels in use as fast as that goes: by the routes of their links, which is all that it goes by.

What else a switch changes is a full run's (restore.py): how charon holds the tunnels, and all that is not there as it should be.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..artifacts.links import links
from ..artifacts.values import Link
from ..desired.gateway import Gateway
from ..desired.situation import Situation, allot_if_ids
from ..desired.xfrm_interface import ROUTE_PROTOCOL, UP
from ..drivers.host import Host
from ..observed.kernel import parse_routes
from ..observed.read import read_stored
from ..observed.roles import parse_roles
from ..observed.values import ObservedLink, Stored
from ..plan.kernel import plan_links
from ..plan.steps import Step
from .stranded import Addresses


@dataclass(frozen=True)
class Rerouted:
    """The fallbacks whose traffic goes by their routes as it is to go, and what was done for that."""

    fallbacks: frozenset[str] = frozenset()
    steps: tuple[Step, ...] = ()


def by_routes_alone(gateway: Gateway, fallbacks: Iterable[str]) -> frozenset[str]:
    """Return those of some fallbacks of which routes decide who gets the traffic: each member has a link that is simply up.

    A policy of one that has none catches packets whatever the routes say, until charon is told otherwise, and the routes of
    a link that follows its tunnels come with these.
    """

    def simply_up(fallback: str) -> bool:
        theirs = {gateway.phase1[name].xfrm_interface for name in _members(gateway, [fallback])}
        return all(name is not None and gateway.xfrm_interfaces[name].link_state == UP for name in theirs)

    return frozenset(each for each in fallbacks if simply_up(each))


def reroute(
    host: Host, fallbacks: Collection[str], *, program: str, known: Stored | None, addresses: Addresses
) -> Rerouted:
    """Make the routes of some fallbacks' links what the generation in force says, by the roles of now.

    Nothing is read but routes: links are taken to be there. `known` and `addresses` are those of `restore`. What routes do not
    decide alone is left to a full run, and so is all after a run that was stopped in its middle: that must look at everything.
    Raises `LockBusy` at once where somebody else is changing the host, and `KernelRefused` at the first command that does not go.
    """
    with host.files.lock(host.paths.lock, 0.0, program):
        stored = read_stored(host, known=known)
        decided = by_routes_alone(stored.gateway, fallbacks)
        # Routes of a link move with all that has to do with it, or not at all.
        decided -= _part(stored.gateway, set(fallbacks) - decided).fallbacks.keys()
        if stored.unfinished or not decided:
            return Rerouted()
        wanted = _wanted(host, dataclasses.replace(stored, gateway=_part(stored.gateway, decided)), addresses)
        build, remove = plan_links(wanted, _present(wanted, host.kernel.routes(ROUTE_PROTOCOL)))
        steps = tuple(step for step in (*build, *remove) if step.layer == "route")
        host.kernel.run([command for step in steps for command in step.commands])
        return Rerouted(decided, steps)


def _members(gateway: Gateway, fallbacks: Iterable[str]) -> set[str]:
    return {name for each in fallbacks if each in gateway.fallbacks for name in gateway.fallbacks[each].members}


def _part(gateway: Gateway, fallbacks: Iterable[str]) -> Gateway:
    """Return the part of a gateway that decides about the routes of some fallbacks: what has to do with the same links."""
    links_of = {name: each.xfrm_interface for name, each in gateway.phase1.items()}
    names: set[str] = set()
    theirs: set[str | None] = set()
    more = _members(gateway, fallbacks)
    while not more <= names:
        names |= more
        theirs = {links_of[name] for name in names} - {None}
        more = {name for name, link in links_of.items() if link in theirs}
        more |= _members(gateway, (name for name, each in gateway.fallbacks.items() if more.intersection(each.members)))
    return dataclasses.replace(
        gateway,
        phase1={name: each for name, each in gateway.phase1.items() if name in names},
        phase2={key: each for key, each in gateway.phase2.items() if each.phase1 in names},
        xfrm_interfaces={name: each for name, each in gateway.xfrm_interfaces.items() if name in theirs},
        fallbacks={name: each for name, each in gateway.fallbacks.items() if names.intersection(each.members)},
    )


def _wanted(host: Host, stored: Stored, addresses: Addresses) -> dict[str, Link]:
    """Return the links that are simply up, as they are to be."""
    situation = Situation(
        host_key=b"",
        if_ids=allot_if_ids(stored.gateway, stored.if_ids, frozenset()),
        present=addresses.counted(),
        in_use=parse_roles(host.files.read(host.paths.roles)),
    )
    found, _warnings = links(stored.gateway, situation.with_links_of(stored.gateway))
    return {name: link for name, link in found.items() if link.bound.state == UP}


def _present(wanted: Mapping[str, Link], routes: Sequence[Mapping[str, Any]]) -> dict[str, ObservedLink]:
    """Return the links as they are if nothing but their routes differs."""
    found = parse_routes(routes)
    return {
        name: ObservedLink(
            name, "xfrm", ours=True, if_id=link.if_id, parent=link.parent, up=True, addresses=link.addresses,
            routes=found.get(name, ()),
        )
        for name, link in wanted.items()
    }  # fmt: skip
