# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps the host's own translation away from protected traffic, and what makes its TCP segments fit into tunnels."""

from __future__ import annotations

from typing import Any

from ..desired.gateway import Gateway
from ..desired.phase1 import Phase1
from ..desired.phase2 import AUTO, Phase2
from ..desired.selectors import selector_of
from ..desired.situation import Situation
from .boxes import Box, disjoint
from .nft import ADDRESS, NftChain, NftRule, NftSet, NftTable, rule

# The host's own chains are at 100 ("srcnat"). A connection that is translated to what it is already is left alone there.
BEFORE_SOURCE_NAT = 90
# After the host's own ("mangle", at -150), so that the smaller of both stands.
AFTER_MANGLE = -140
_COUNTED: Any = {"counter": None}
# An outer header, UDP, ESP with the longest IV and padding, and the longest check value (RFC 4303, 3948 and 4868).
_OVERHEAD = {4: 20 + 8 + 8 + 16 + 17 + 32, 6: 40 + 8 + 8 + 16 + 17 + 32}
_HEADERS = {4: 40, 6: 60}
_ETHERNET = 1500
# Where a packet has the address of this end and that of the other, by the way that it goes.
_OUT, _IN = ("saddr", "daddr"), ("daddr", "saddr")


def exempting(gateway: Gateway) -> NftTable:
    """Return the part of our table by which protected traffic keeps its addresses."""
    sets: dict[str, NftSet] = {}
    rules: list[NftRule] = []
    for family, ip in ((4, "ip"), (6, "ip6")):
        pairs = [
            each
            for _key, child in sorted(gateway.phase2.items())
            if child.nat_exemption
            for each in _pairs(child, family)
        ]
        if pairs:
            name = f"exempt{family}"
            sets[name] = NftSet((ADDRESS[family],) * 2, disjoint(pairs))
            same = {"snat": {"family": ip, "addr": {"payload": {"protocol": ip, "field": "saddr"}}}}
            rules.append(rule("exempt", _pair_in(ip, name), _COUNTED, same))
    chains = {"exempt": NftChain("nat", "postrouting", BEFORE_SOURCE_NAT)} if rules else {}
    return NftTable(sets, chains, tuple(rules))


def _pairs(child: Phase2, family: int) -> list[Box]:
    """Return the pairs of addresses of this end and of the other that a phase 2 protects."""
    sides = (child.local_networks, child.remote_networks)
    mine, theirs = ([each for each in map(selector_of, side) if each.family == family] for side in sides)
    return [((one.low, one.high), (other.low, other.high)) for one in mine for other in theirs]


def _pair_in(ip: str, name: str, sides: tuple[str, str] = _OUT) -> Any:
    fields = [{"payload": {"protocol": ip, "field": side}} for side in sides]
    return {"match": {"op": "==", "left": {"concat": fields}, "right": f"@{name}"}}


def clamping(gateway: Gateway, situation: Situation) -> NftTable:
    """Return the part of our table that makes TCP through tunnels agree on segments that fit."""
    pairs: dict[tuple[int, int], list[Box]] = {}
    for _key, child in sorted(gateway.phase2.items()):
        if child.mss is None:
            continue
        for family in (4, 6):
            found = _pairs(child, family)
            if found:
                size = _size(child, gateway.phase1[child.phase1], family, gateway, situation)
                pairs.setdefault((family, size), []).extend(found)
    sets: dict[str, NftSet] = {}
    rules: list[NftRule] = []
    for (family, size), found in sorted(pairs.items()):
        name, ip = f"mss{family}_{size}", "ip" if family == 4 else "ip6"
        sets[name] = NftSet((ADDRESS[family],) * 2, disjoint(found))
        key = {"tcp option": {"name": "maxseg", "field": "size"}}
        # Only what opens a connection has this option, and the kernel never makes it larger. A rule for each way, and not
        # each pair in the set both ways: where one end holds the other, these would cross all of each other.
        rules += (rule("mss", _pair_in(ip, name, way), {"mangle": {"key": key, "value": size}}) for way in (_OUT, _IN))
    chains = {"mss": NftChain("filter", "forward", AFTER_MANGLE)} if rules else {}
    return NftTable(sets, chains, tuple(rules))


def _size(child: Phase2, parent: Phase1, family: int, gateway: Gateway, situation: Situation) -> int:
    if child.mss != AUTO:
        return int(child.mss or 0)
    link = gateway.xfrm_interfaces.get(parent.xfrm_interface or "")
    if link is not None and link.mtu is not None:
        return link.mtu - _HEADERS[family]
    uplinks = [situation.mtus[each] for each in parent.interfaces if each in situation.mtus]
    others = (situation.default_interface.get(each) or "" for each in (4, 6))
    uplinks = uplinks or [situation.mtus[each] for each in others if each in situation.mtus]
    outer = 6 if parent.ip_type != "ipv4" else 4
    return min(uplinks or [_ETHERNET]) - _OVERHEAD[outer] - _HEADERS[family]
