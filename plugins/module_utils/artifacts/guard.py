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
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_interface

from ..desired.gateway import Gateway
from ..desired.guarding import Endpoints, guarded_networks
from ..desired.phase1 import ANYONE, address_family
from ..desired.selectors import Selector, selector_of
from ..desired.situation import Situation
from .values import Guard

Range = tuple[int, int]


@dataclass(frozen=True)
class Guarded:
    """What is guarded: networks of routes; and by whether they are reached by a route, and family, those of `true`.

    `own` are the local networks that lie in a remote one of their own phase 2, each with that one, by family; none where
    nothing is guarded by `true`.
    """

    routes: frozenset[str]
    strict: Mapping[bool, Mapping[int, list[Range]]]
    own: Mapping[int, set[tuple[Range, Range]]]


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
    own = {
        family: set(_own(gateway, family)) if strict[True][family] or strict[False][family] else set()
        for family in (4, 6)
    }
    return Guarded(frozenset(routes), strict, own)


def _own(gateway: Gateway, family: int) -> Iterator[tuple[Range, Range]]:
    for child in gateway.phase2.values():
        remote = list(_ranges(child.remote_networks, family))
        for part in _ranges(child.local_networks, family):
            yield from ((part, whole) for whole in remote if _holds(whole, part) and part != whole)


def guard(gateway: Gateway, situation: Situation) -> Guard:
    """Return the routes and policies of the guard."""
    found = guarded_by(gateway)
    if not any(found.strict[False].values()):
        return Guard(found.routes)
    blocks = frozenset(
        str(network)
        for family, ranges in found.strict[False].items()
        for low, high in Spared(gateway, situation, found, family).left_by_policies(ranges)
        for network in Selector(family, low, high).networks()
    )
    return Guard(found.routes, blocks)


def still_stopped(gateway: Gateway, situation: Situation) -> Callable[[Selector], list[Range]]:
    """Return what tells which addresses of a guarded network are really stopped."""
    found = guarded_by(gateway)
    spared = {family: Spared(gateway, situation, found, family) for family in (4, 6)}
    return lambda network: spared[network.family].left([(network.low, network.high)])


class Spared:
    """What is never stopped, of one family: endpoints of peers, and networks of this end within larger guarded ones.

    As for routes, the smaller network counts: one of this end that holds a guarded one is no exception to it. Networks of
    this end are those that the host is in, and the local ones of a phase 2 within a remote one of its own, where that is no
    larger than the guarded one. Any other local network may be what a site offers to another one through this end: what goes
    there goes into a tunnel.
    """

    def __init__(self, gateway: Gateway, situation: Situation, found: Guarded, family: int) -> None:
        endpoints = {each for phase1 in gateway.phase1.values() for each in phase1.remote_endpoints}.difference(ANYONE)
        names = {each for told in situation.names.values() for each in told}
        self._endpoints = list(_ranges((each for each in endpoints | names if address_family(each)), family))
        self._connected = _Ranges(_ranges(situation.connected, family))
        self._own: dict[Range, list[Range]] = {}
        for part, whole in sorted(found.own[family]):
            self._own.setdefault(whole, []).append(part)
        self._owners = _Ranges(self._own)
        self._routed = _Ranges(_routed(gateway, family) if found.strict[False][family] else ())
        self._beside = found.strict[True][family]

    def left(self, guarded: Iterable[Range]) -> list[Range]:
        """Return what is stopped of guarded networks."""
        return self._without(guarded, self._here, self._endpoints)

    def left_by_policies(self, guarded: Iterable[Range]) -> list[Range]:
        """Return what policies block of guarded networks: not what is routed into an XFRM interface, where it meets them too.

        A tunnel by a route for all that a policy-based one guards, and more, is only another way to it.
        """
        return self._without(guarded, self._here_or_routed, [*self._endpoints, *self._beside])

    def _without(
        self, guarded: Iterable[Range], within: Callable[[Range], list[Range]], others: list[Range]
    ) -> list[Range]:
        from .boxes import taken_out

        found: list[Range] = []
        for whole in sorted(set(guarded)):
            holes = within(whole)
            found += taken_out([whole], holes) if holes else [whole]
        return taken_out(found, others)

    def _here(self, whole: Range) -> list[Range]:
        connected = [each for each in self._connected.meeting(whole) if not _holds(each, whole)]
        owners = (each for each in self._owners.meeting(whole) if _holds(whole, each))
        return connected + [part for each in owners for part in self._own[each]]

    def _here_or_routed(self, whole: Range) -> list[Range]:
        routed = (each for each in self._routed.meeting(whole) if each == whole or not _holds(each, whole))
        return [*self._here(whole), *routed]


def _routed(gateway: Gateway, family: int) -> Iterator[Range]:
    """Yield what goes into XFRM interfaces, as far as it is told here, guarded or not."""
    tunnels = (each for each in gateway.phase2.values() if gateway.phase1[each.phase1].xfrm_interface is not None)
    texts = [network for each in tunnels for network in each.remote_networks]
    for link in gateway.xfrm_interfaces.values():
        texts += (route.destination for route in link.routes)
        texts += (str(ip_interface(address).network) for address in link.addresses)
    return _ranges(texts, family)


def _ranges(texts: Iterable[str], family: int) -> Iterator[Range]:
    return ((each.low, each.high) for each in map(selector_of, texts) if each.family == family)


def _holds(whole: Range, part: Range) -> bool:
    return whole[0] <= part[0] and part[1] <= whole[1]


class _Ranges:
    """Ranges, to be asked which of them have something in common with another one."""

    def __init__(self, ranges: Iterable[Range]) -> None:
        self._ordered = sorted(set(ranges))
        self._starts = [low for low, _high in self._ordered]
        # The farthest end of all that begin no later.
        self._reach = list(itertools.accumulate((high for _low, high in self._ordered), max))

    def meeting(self, other: Range) -> list[Range]:
        """Return those that have something in common with a range, sorted."""
        end = bisect_right(self._starts, other[1])
        begin = bisect_left(self._reach, other[0], 0, end)
        return [each for each in self._ordered[begin:end] if each[1] >= other[0]]
