# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's rules in our table of nftables: what leaves for a protected network without IPsec is dropped."""

from __future__ import annotations

from typing import Any

from ..desired.gateway import Gateway
from ..desired.situation import Situation
from .boxes import taken_out
from .guard import guarded_by, spared
from .nft import ADDRESS, IFNAME, NftChain, NftRule, NftSet, NftTable, rule

# Behind the host's own translation ("srcnat", at 100), which may choose another policy.
AFTER_SOURCE_NAT = 110
_CHAIN = "guard"


def guard_table(gateway: Gateway, situation: Situation) -> NftTable:
    """Return the guard's part of our table."""
    strict = guarded_by(gateway).strict
    sets: dict[str, NftSet] = {}
    rules: list[NftRule] = []
    links = tuple((name,) for name in sorted(gateway.xfrm_interfaces))
    for family, ip in ((4, "ip"), (6, "ip6")):
        ranges = taken_out([*strict[True][family], *strict[False][family]], spared(gateway, situation, family))
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
