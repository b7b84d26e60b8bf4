# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps packets for protected networks from leaving in the clear, whatever becomes of charon, links and nftables.

Three layers, each for what the others cannot do. Lasting routes of the highest metric say "unreachable" where the route
through an XFRM interface is gone, and lose to any other route for the network. For policy-based tunnels a policy of the
kernel of the lowest priority blocks what no policy of charon takes; it outlives charon and a flush of nftables. A rule
of nftables drops what another route would carry away, or the host has given another source.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..desired.gateway import Gateway
from ..desired.guarding import Endpoints, guarded_networks
from ..desired.phase1 import address_family
from ..desired.selectors import Selector, selector_of
from ..desired.situation import Situation
from .boxes import Range, taken_out
from .nft import ADDRESS, IFNAME, NftChain, NftRule, NftSet, NftTable, rule
from .values import Guard

# Behind the host's own translation ("srcnat", at 100), which may choose another policy.
AFTER_SOURCE_NAT = 110
_CHAIN = "guard"


@dataclass(frozen=True)
class _Networks:
    """What is guarded: networks of routes; and by whether they are reached by a route, and family, those of `true`."""

    routes: frozenset[str]
    strict: Mapping[bool, Mapping[int, list[Range]]]


def _networks(gateway: Gateway) -> _Networks:
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
    return _Networks(frozenset(routes), strict)


def guard(gateway: Gateway, situation: Situation) -> Guard:
    """Return the routes and policies of the guard."""
    found = _networks(gateway)
    blocks = frozenset(
        str(network)
        for family, ranges in found.strict[False].items()
        for low, high in taken_out(ranges, [*_spared(gateway, situation, family), *found.strict[True][family]])
        for network in Selector(family, low, high).networks()
    )
    return Guard(found.routes, blocks)


def _spared(gateway: Gateway, situation: Situation, family: int) -> Iterator[Range]:
    """Yield what is never stopped: endpoints, networks that the host is in, and those that it protects for others."""
    endpoints = (each for phase1 in gateway.phase1.values() for each in phase1.remote_endpoints)
    fixed = (each for each in endpoints if address_family(each) == family)
    here = (each for child in gateway.phase2.values() for each in child.local_networks)
    names = (each for found in situation.names.values() for each in found)
    for each in (*fixed, *here, *situation.connected, *names):
        selector = selector_of(each)
        if selector.family == family:
            yield selector.low, selector.high


def guard_table(gateway: Gateway, situation: Situation) -> NftTable:
    """Return the guard's part of our table."""
    strict = _networks(gateway).strict
    sets: dict[str, NftSet] = {}
    rules: list[NftRule] = []
    links = tuple((name,) for name in sorted(gateway.xfrm_interfaces))
    for family, ip in ((4, "ip"), (6, "ip6")):
        ranges = taken_out([*strict[True][family], *strict[False][family]], _spared(gateway, situation, family))
        if not ranges:
            continue
        sets[f"guard{family}"] = NftSet((ADDRESS[family],), tuple((each,) for each in ranges))
        rules.append(rule(_CHAIN, *_leaving(ip, f"@guard{family}", bool(links)), {"counter": None}, {"drop": None}))
    if rules and links:
        sets["guard_links"] = NftSet((IFNAME,), links)
    return NftTable(sets, {_CHAIN: NftChain("filter", "postrouting", AFTER_SOURCE_NAT)} if rules else {}, tuple(rules))


def _leaving(ip: str, name: str, by_links: bool) -> list[Any]:
    """Return what a packet is that leaves in the clear: one that goes into an XFRM interface has its policy there."""
    found = [{"match": {"op": "==", "left": {"payload": {"protocol": ip, "field": "daddr"}}, "right": name}}]
    if by_links:
        found.append({"match": {"op": "!=", "left": {"meta": {"key": "oifname"}}, "right": "@guard_links"}})
    return [*found, {"match": {"op": "==", "left": {"rt": {"key": "ipsec"}}, "right": False}}]
