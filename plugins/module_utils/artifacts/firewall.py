# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our table of nftables for what is wanted in this situation: it marks what may pass, and a rule in the host's chain accepts that.

A packet meets some rules for each uplink and each port that charon listens on, and sets for all that comes with peers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..desired.firewall import HostTable
from ..desired.gateway import Gateway
from ..desired.phase1 import ANYONE, Phase1, address_family
from ..desired.selectors import selector_of
from ..desired.situation import Situation
from .allowing import allowing
from .boxes import Box, disjoint
from .guard_table import guard_table
from .marks import AFTER, BEFORE, MARKING, unmark
from .nft import ADDRESS, NftChain, NftRule, NftSet, NftTable, rule, table_in_order
from .translation import clamping, exempting
from .values import FirewallArtifact

IKE_PORT, NAT_PORT = 500, 4500
_PROTOCOL_NUMBER = {"esp": 50, "ah": 51}


@dataclass(frozen=True, order=True)
class _Door:
    """Where packets of peers come in: an interface, an address of this host, or anywhere (""), of one family."""

    family: int
    place: str
    ports: tuple[int, ...]
    protocol: str
    anyone: bool = False

    @property
    def name(self) -> str:
        told = f"{self.place} {self.ports} {self.protocol}"
        return f"{self.family}_{hashlib.sha256(told.encode()).hexdigest()[:8]}"


def firewall(gateway: Gateway, situation: Situation) -> tuple[FirewallArtifact, list[str]]:
    """Return what must be of the firewall, and warnings about what is open to anyone."""
    opened, warnings = _openings(gateway, situation)
    allowed = allowing(gateway)
    parts = [opened, allowed, exempting(gateway), clamping(gateway, situation), guard_table(gateway, situation)]
    hooks = [hook for hook, there in (("input", opened or allowed), ("forward", allowed)) if there]
    chains = {f"{hook}_after": NftChain("filter", hook, AFTER) for hook in hooks}
    table = NftTable(chains=chains, rules=tuple(unmark(f"{hook}_after") for hook in hooks))
    for part in parts:
        table = part.merged(table) if part else table
    return FirewallArtifact(
        table_in_order(table.sets, table.chains, table.rules), tuple(hooks), _named(gateway)
    ), warnings


def _named(gateway: Gateway) -> tuple[HostTable, ...]:
    return tuple(each for _key, each in sorted(gateway.firewall.items()))


def _openings(gateway: Gateway, situation: Situation) -> tuple[NftTable, list[str]]:
    """Return the part of the table that lets IKE, ESP and AH of peers in, and warnings about what is open to anyone."""
    peers: dict[_Door, set[Box]] = {}
    names: dict[_Door, set[Box]] = {}
    warnings = []
    for _name, each in sorted(gateway.phase1.items()):
        if not each.firewall_rule:
            continue
        if any(endpoint in ANYONE for endpoint in each.remote_endpoints):
            told = (
                f"its ports {', '.join(map(str, _ports(each)))} and {each.encryption_type.upper()} are open to anyone"
            )
            warnings.append(f"{each.where}: firewall_rule: {told}, as remote_endpoints say")
        for door, box in _peers(each):
            peers.setdefault(door, set()).add(box)
        for door, found in _resolved(each, situation):
            names.setdefault(door, set()).update(found)
    return _doors_table(peers, names, complete=situation.names_complete), warnings


def _doors_table(peers: Mapping[_Door, set[Box]], names: Mapping[_Door, set[Box]], *, complete: bool) -> NftTable:
    """Return rules for each door, with the peers that may come in there in sets, those that have names in sets of their own."""
    sets: dict[str, NftSet] = {}
    rules: list[NftRule] = []
    for door in sorted(peers.keys() | names.keys()):
        fields = (ADDRESS[door.family],)
        if door.anyone:
            rules += _door_rules(door, "")
            continue
        if door in peers:
            sets[f"peers{door.name}"] = NftSet(fields, disjoint(peers[door]))
            rules += _door_rules(door, f"@peers{door.name}")
        if door in names:
            sets[f"names{door.name}"] = NftSet(fields, tuple(sorted(names[door])), followed=True, complete=complete)
            rules += _door_rules(door, f"@names{door.name}")
    return NftTable(sets, {"input": NftChain("filter", "input", BEFORE)} if rules else {}, tuple(rules))


def _ports(connection: Phase1) -> tuple[int, ...]:
    return tuple(sorted({connection.local_port or IKE_PORT, NAT_PORT}))


def _doors(connection: Phase1, family: int, *, anyone: bool = False) -> Iterator[_Door]:
    places = [""] if "any" in connection.interfaces else connection.interfaces
    for place in places:
        if address_family(place) in (None, family):
            yield _Door(family, place, _ports(connection), connection.encryption_type, anyone)


def _peers(connection: Phase1) -> Iterator[tuple[_Door, Box]]:
    for endpoint in connection.remote_endpoints:
        family = address_family(endpoint)
        if family is None:
            continue
        anyone = endpoint in ANYONE
        # Of one with any family "0.0.0.0" is the page's word for both.
        families = connection.families if anyone else (family,)
        selector = selector_of(endpoint)
        for each in families:
            for door in _doors(connection, each, anyone=anyone):
                yield door, ((selector.low, selector.high),)


def _resolved(connection: Phase1, situation: Situation) -> Iterator[tuple[_Door, set[Box]]]:
    for endpoint in connection.remote_endpoints:
        if address_family(endpoint) is not None:
            continue
        addresses = situation.names.get(endpoint, ())
        for family in connection.families:
            found: set[Box] = {((number, number),) for number in _numbers(addresses, family)}
            for door in _doors(connection, family):
                yield door, found


def _numbers(addresses: tuple[str, ...], family: int) -> Iterator[int]:
    return (selector_of(each).low for each in addresses if address_family(each) == family)


def _door_rules(door: _Door, peers: str) -> list[NftRule]:
    """Return the rules of a door: one for UDP, one for ESP or AH."""
    ip = "ip" if door.family == 4 else "ip6"
    matches: list[object] = []
    if door.place:
        at_address = address_family(door.place) is not None
        left: object = {"payload": {"protocol": ip, "field": "daddr"}} if at_address else {"meta": {"key": "iifname"}}
        matches.append({"match": {"op": "==", "left": left, "right": door.place}})
    if peers:
        left = {"payload": {"protocol": ip, "field": "saddr"}}
        matches.append({"match": {"op": "==", "left": left, "right": peers}})
    elif not (door.place and address_family(door.place)):
        matches.append({"match": {"op": "==", "left": {"meta": {"key": "nfproto"}}, "right": 2 if ip == "ip" else 10}})
    ports = {"set": list(door.ports)} if len(door.ports) > 1 else door.ports[0]
    udp = {"match": {"op": "==", "left": {"payload": {"protocol": "udp", "field": "dport"}}, "right": ports}}
    number = _PROTOCOL_NUMBER[door.protocol]
    esp = {"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": number}}
    return [rule("input", *matches, last, {"counter": None}, MARKING) for last in (udp, esp)]
