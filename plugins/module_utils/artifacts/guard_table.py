# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's rules in our table of nftables: what leaves for a protected network without IPsec is dropped.

But for what a shunt lets pass in the clear, whose user has said so.
"""

from __future__ import annotations

import itertools
from typing import Any

from ..desired.firewall import WITH_PORTS
from ..desired.gateway import Gateway
from ..desired.selectors import ANY_PORT, Selector, selector_of
from ..desired.shunt import PASS
from ..desired.situation import Situation
from .boxes import Box, disjoint
from .guard import Spared, guarded_by
from .nft import ADDRESS, IFNAME, PORT, PROTOCOL, NftChain, NftRule, NftSet, NftTable, rule

# Behind the host's own translation ("srcnat", at 100), which may choose another policy.
AFTER_SOURCE_NAT = 110
_CHAIN = "guard"
_WIDTH = {4: 32, 6: 128}


def guard_table(gateway: Gateway, situation: Situation) -> NftTable:
    """Return the guard's part of our table."""
    found = guarded_by(gateway)
    strict = found.strict
    sets: dict[str, NftSet] = {}
    rules: list[NftRule] = []
    links = tuple((name,) for name in sorted(gateway.xfrm_interfaces))
    for family, ip in ((4, "ip"), (6, "ip6")):
        guarded = [*strict[True][family], *strict[False][family]]
        ranges = Spared(gateway, situation, found, family).left(guarded) if guarded else []
        if not ranges:
            continue
        sets[f"guard{family}"] = NftSet((ADDRESS[family],), tuple((each,) for each in ranges))
        rules.append(rule(_CHAIN, *_leaving(ip, f"@guard{family}", bool(links)), {"counter": None}, {"drop": None}))
    if rules and links:
        sets["guard_links"] = NftSet((IFNAME,), links)
    if rules:
        passing = _passing(gateway)
        sets.update(passing)
        rules = [*(rule(_CHAIN, _in_set(name), {"accept": None}) for name in sorted(passing)), *rules]
    return NftTable(sets, {_CHAIN: NftChain("filter", "postrouting", AFTER_SOURCE_NAT)} if rules else {}, tuple(rules))


def _passing(gateway: Gateway) -> dict[str, NftSet]:
    """Return sets of what shunts let pass: the ends and the protocol, and where there are ports of it, both."""
    boxes: dict[tuple[str, int], list[Box]] = {}
    for _name, shunt in sorted(gateway.shunts.items()):
        sides = (shunt.local_networks, shunt.remote_networks) if shunt.type == PASS and not shunt.marked else ((), ())
        for one, other in itertools.product(*(map(selector_of, side) for side in sides)):
            for family in (4, 6):
                box = _pair(one, other, family)
                if box is not None:
                    boxes.setdefault(("port" if len(box) > 3 else "all", family), []).append(box)
    fields = {"all": (PROTOCOL,), "port": (PROTOCOL, PORT, PORT)}
    return {
        f"guard_pass_{kind}{family}": NftSet((ADDRESS[family],) * 2 + fields[kind], disjoint(found))
        for (kind, family), found in boxes.items()
    }


def _pair(one: Selector, other: Selector, family: int) -> Box | None:
    """Return what two sides of a shunt let out, of one family; without an address they mean all that there are."""
    if not {one.family, other.family} <= {0, family} or not one.goes_with(other):
        return None
    everything = (0, (1 << _WIDTH[family]) - 1)
    ends = tuple((each.low, each.high) if each.family else everything for each in (one, other))
    number = one.protocol or other.protocol
    if number in WITH_PORTS and any(each.ports != ANY_PORT for each in (one, other)):
        ports = (each.ports if each.ports[0] <= each.ports[1] else ANY_PORT for each in (one, other))
        return (*ends, (number, number), *ports)
    return (*ends, (number, number) if number else (0, 0xFF))


def _in_set(name: str) -> Any:
    ip = "ip" if name.endswith("4") else "ip6"
    fields: list[Any] = [{"payload": {"protocol": ip, "field": side}} for side in ("saddr", "daddr")]
    fields.append({"meta": {"key": "l4proto"}})
    if "_port" in name:
        fields += ({"payload": {"protocol": "th", "field": side}} for side in ("sport", "dport"))
    return {"match": {"op": "==", "left": {"concat": fields}, "right": f"@{name}"}}


def _leaving(ip: str, name: str, by_links: bool) -> list[Any]:
    """Return what a packet is that leaves in the clear: one that goes into an XFRM interface has its policy there."""
    found = [{"match": {"op": "==", "left": {"payload": {"protocol": ip, "field": "daddr"}}, "right": name}}]
    if by_links:
        found.append({"match": {"op": "!=", "left": {"meta": {"key": "oifname"}}, "right": "@guard_links"}})
    return [*found, {"match": {"op": "==", "left": {"rt": {"key": "ipsec"}}, "right": False}}]
