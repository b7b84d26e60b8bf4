# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps packets for protected networks from leaving in the clear, whatever becomes of charon, links and nftables.

Three layers, each for what the others cannot do. Lasting routes of the highest metric say "unreachable" where the route
through an XFRM interface is gone, and lose to any other route for the network. For policy-based tunnels a policy of the
kernel of the lowest priority blocks what no policy of charon takes; it outlives charon and a flush of nftables. A rule
of nftables (artifacts/guard_table.py) drops what another route would carry away, or the host has given another source.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..desired.gateway import Gateway
from ..desired.guarding import Endpoints, guarded_networks
from ..desired.phase1 import ANYONE, address_family
from ..desired.selectors import Selector, selector_of
from ..desired.situation import Situation
from .values import Guard

Range = tuple[int, int]


@dataclass(frozen=True)
class Guarded:
    """What is guarded: networks of routes; and by whether they are reached by a route, and family, those of `true`."""

    routes: frozenset[str]
    strict: Mapping[bool, Mapping[int, list[Range]]]


def guarded_by(gateway: Gateway) -> Guarded:
    """Return what a gateway guards."""
    routes: set[str] = set()
    strict: dict[bool, dict[int, list[Range]]] = {True: {4: [], 6: []}, False: {4: [], 6: []}}
    endpoints = Endpoints(gateway.phase1)
    for _key, child in sorted(gateway.phase2.items()):
        parent = gateway.phase1[child.phase1]
        by_route = parent.xfrm_interface is not None
        for each in guarded_networks(child, parent, endpoints):
            if by_route:
                routes.update(str(network) for network in each.networks())
            if child.plaintext_guard:
                strict[by_route][each.family].append((each.low, each.high))
    return Guarded(frozenset(routes), strict)


def guard(gateway: Gateway, situation: Situation) -> Guard:
    """Return the routes and policies of the guard."""
    found = guarded_by(gateway)
    if not any(found.strict[False].values()):
        return Guard(found.routes)
    from .boxes import taken_out

    blocks = frozenset(
        str(network)
        for family, ranges in found.strict[False].items()
        for low, high in taken_out(ranges, [*spared(gateway, situation, family), *found.strict[True][family]])
        for network in Selector(family, low, high).networks()
    )
    return Guard(found.routes, blocks)


def spared(gateway: Gateway, situation: Situation, family: int) -> list[Range]:
    """Return what is never stopped: endpoints of peers, and networks of this end within larger guarded ones.

    As for routes, the smaller network counts: one of this end that holds a guarded one is no exception to it.
    """
    strict = guarded_by(gateway).strict
    guarded = _Held((*strict[True][family], *strict[False][family]))
    endpoints = {each for phase1 in gateway.phase1.values() for each in phase1.remote_endpoints}.difference(ANYONE)
    names = {each for found in situation.names.values() for each in found}
    here = {each for child in gateway.phase2.values() for each in child.local_networks}.union(situation.connected)
    fixed = _ranges((each for each in endpoints | names if address_family(each)), family)
    return [*fixed, *(each for each in _ranges(here, family) if not guarded.by(each))]


def _ranges(texts: Iterable[str], family: int) -> Iterator[Range]:
    return ((each.low, each.high) for each in map(selector_of, texts) if each.family == family)


class _Held:
    """Ranges, to be asked whether any of them lies in another one."""

    def __init__(self, ranges: Iterable[Range]) -> None:
        ordered = sorted(ranges)
        self._starts = [low for low, _high in ordered]
        # The nearest end of all that begin no earlier.
        self._ends = list(itertools.accumulate((high for _low, high in reversed(ordered)), min))[::-1]

    def by(self, whole: Range) -> bool:
        """Say whether a range holds any of these."""
        at = bisect_left(self._starts, whole[0])
        return at < len(self._ends) and self._ends[at] <= whole[1]
