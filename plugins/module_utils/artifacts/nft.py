# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table of nftables as a value, the commands that make it so, and the value again from what nft lists.

Commands are libnftables-json(5), made of numbers, addresses and checked names: no text of a user is ever parsed by nft.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .boxes import Box, Part, disjoint, in_order

FAMILY, TABLE = "inet", "swanfleet"
ADDRESS = {4: "ipv4_addr", 6: "ipv6_addr"}
IFNAME, PROTOCOL, PORT = "ifname", "inet_proto", "inet_service"
_WIDTH = {"ipv4_addr": 32, "ipv6_addr": 128}
_OWN: Mapping[str, str] = {"family": FAMILY, "table": TABLE}

Command = Mapping[str, Any]


@dataclass(frozen=True)
class NftSet:
    """A set: the types of its fields, and its elements, none of which overlap.

    What a `followed` set holds follows something else, such as a name service: it may hold more than was written,
    unless what was written is known to be `complete`.
    """

    fields: tuple[str, ...]
    boxes: tuple[Box, ...]
    followed: bool = field(default=False, compare=False)
    complete: bool = field(default=False, compare=False)

    @property
    def intervals(self) -> bool:
        """Say whether elements may be ranges."""
        return self.fields != (IFNAME,) and not self.followed


@dataclass(frozen=True)
class NftChain:
    """A base chain: what it may do ("filter", "nat"), where it hangs, and when it comes there. It drops nothing by itself."""

    kind: str
    hook: str
    priority: int


@dataclass(frozen=True)
class NftRule:
    """A rule: its chain, and its statements as canonical JSON."""

    chain: str
    body: str


@dataclass(frozen=True)
class NftTable:
    """Our table: sets and chains by name, rules in order. An empty one is none at all."""

    sets: Mapping[str, NftSet] = field(default_factory=dict)
    chains: Mapping[str, NftChain] = field(default_factory=dict)
    rules: tuple[NftRule, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.chains)

    def merged(self, other: NftTable) -> NftTable:
        """Return a table that lets through and stops what this one or another does: what they have in common stands once."""
        sets = {**other.sets, **self.sets}
        for name, mine in self.sets.items():
            theirs = other.sets.get(name)
            if theirs is not None and theirs.fields == mine.fields:
                sets[name] = NftSet(mine.fields, _boxes(mine.boxes + theirs.boxes, mine.intervals), mine.followed)
        rules = self.rules + tuple(rule for rule in other.rules if rule not in self.rules)
        return table_in_order(sets, {**other.chains, **self.chains}, rules)

    def with_followed(self, found: NftTable) -> NftTable:
        """Return this table with what a table that was read knows of what nobody could tell now, such as addresses of names."""
        known = {
            name: found.sets[name]
            for name, mine in self.sets.items()
            if mine.followed and not mine.boxes and name in found.sets and found.sets[name].fields == mine.fields
        }
        sets = {**self.sets, **{name: NftSet(each.fields, each.boxes, followed=True) for name, each in known.items()}}
        return NftTable(sets, self.chains, self.rules)

    def is_like(self, found: NftTable) -> bool:
        """Say whether a table that was read is this one."""
        return (
            self.chains == found.chains
            and self.rules == found.rules
            and self.sets.keys() == found.sets.keys()
            and all(_holds(wanted, found.sets[name]) for name, wanted in self.sets.items())
        )


def table_in_order(sets: Mapping[str, NftSet], chains: Mapping[str, NftChain], rules: Iterable[NftRule]) -> NftTable:
    """Return a table whose parts stand in the order of their names, and the rules of each chain together, as nft lists them."""
    ordered = sorted(rules, key=lambda each: each.chain)
    return NftTable(dict(sorted(sets.items())), dict(sorted(chains.items())), tuple(ordered))


def _boxes(boxes: Iterable[Box], intervals: bool) -> tuple[Box, ...]:
    # Without intervals two neighbours are two elements.
    return disjoint(boxes) if intervals else in_order(boxes)


def _holds(wanted: NftSet, found: NftSet) -> bool:
    if wanted.followed and not wanted.complete and wanted.fields == found.fields:
        return set(wanted.boxes) <= set(found.boxes)
    return wanted == found


def rule(chain: str, *statements: Any) -> NftRule:
    """Return a rule of statements in nft's JSON, as nft lists them."""
    return NftRule(chain, json.dumps(statements, sort_keys=True))


def commands(table: NftTable) -> list[Command]:
    """Return the commands of one transaction, after which our table is this one, whatever was there."""
    own = {"family": FAMILY, "name": TABLE}
    found: list[Command] = [{"add": {"table": own}}, {"delete": {"table": own}}]
    if not table:
        return found
    found.append({"add": {"table": own}})
    for name, chain in table.chains.items():
        told = {"type": chain.kind, "hook": chain.hook, "prio": chain.priority, "policy": "accept"}
        found.append({"add": {"chain": {**_OWN, "name": name, **told}}})
    for name, each in table.sets.items():
        kind = each.fields[0] if len(each.fields) == 1 else list(each.fields)
        flags = {"flags": ["interval"]} if each.intervals else {}
        elements = {"elem": [_element(each.fields, box) for box in each.boxes]} if each.boxes else {}
        found.append({"add": {"set": {**_OWN, "name": name, "type": kind, **flags, **elements}}})
    found += ({"add": {"rule": {**_OWN, "chain": each.chain, "expr": json.loads(each.body)}}} for each in table.rules)
    return found


def _element(fields: tuple[str, ...], box: Box) -> Any:
    parts = [_part(kind, part) for kind, part in zip(fields, box)]
    return parts[0] if len(parts) == 1 else {"concat": parts}


def _part(kind: str, part: Part) -> Any:
    if isinstance(part, str):
        return part
    low, high = part
    width = _WIDTH.get(kind)
    if width is None:
        return low if low == high else {"range": [low, high]}
    first, last = (_address(kind, number) for number in part)
    if low == high:
        return first
    size = high - low + 1
    if size & (size - 1) == 0 and low % size == 0:
        return {"prefix": {"addr": first, "len": width - size.bit_length() + 1}}
    return {"range": [first, last]}


def _address(kind: str, number: int) -> str:
    return str(ipaddress.IPv4Address(number) if kind == "ipv4_addr" else ipaddress.IPv6Address(number))


def parse_table(ruleset: Iterable[Mapping[str, Any]]) -> NftTable:
    """Return our table from nft's list of a whole ruleset; what is not as we write it reads as something else."""
    sets, chains, rules = {}, {}, []
    for entry in ruleset:
        for what, told in entry.items():
            if (told.get("family"), told.get("table")) != (FAMILY, TABLE):
                continue
            if what == "set":
                sets[str(told["name"])] = _parse_set(told)
            elif what == "chain":
                chains[str(told["name"])] = _parse_chain(told)
            elif what == "rule":
                rules.append(NftRule(str(told["chain"]), canonical(told.get("expr", []))))
            else:
                # A map, a counter or whatever else there may be is none of ours.
                chains[f"{what} {told.get('name')}"] = NftChain("", "", 0)
    return table_in_order(sets, chains, rules)


def _parse_chain(told: Mapping[str, Any]) -> NftChain:
    kind = str(told.get("type", "")) if told.get("policy") == "accept" else "dropping"
    return NftChain(kind, str(told.get("hook", "")), int(told.get("prio", 0)))


def _parse_set(told: Mapping[str, Any]) -> NftSet:
    kind = told.get("type")
    fields = tuple(map(str, kind)) if isinstance(kind, list) else (str(kind),)
    flags = set(told.get("flags", ())) - {"interval"}
    boxes = (_parse_element(fields, element) for element in told.get("elem", ()))
    # Of several fields the kernel lists what it was given, of which nothing overlaps.
    touching = len(fields) == 1 and "interval" in told.get("flags", ())
    return NftSet((*fields, *sorted(flags)), disjoint(boxes) if touching else in_order(boxes))


def _parse_element(fields: tuple[str, ...], element: Any) -> Box:
    if isinstance(element, Mapping) and "elem" in element:
        element = element["elem"]["val"]
    parts = element["concat"] if isinstance(element, Mapping) and "concat" in element else [element]
    return tuple(_parse_part(kind, part) for kind, part in zip(fields, parts))


def _parse_part(kind: str, part: Any) -> Part:
    if kind == IFNAME:
        return str(part)
    if isinstance(part, Mapping) and "prefix" in part:
        network = ipaddress.ip_network(f"{part['prefix']['addr']}/{part['prefix']['len']}", strict=False)
        return int(network.network_address), int(network.broadcast_address)
    low, high = part["range"] if isinstance(part, Mapping) else (part, part)
    return _parse_number(kind, low), _parse_number(kind, high)


def _parse_number(kind: str, value: Any) -> int:
    return int(ipaddress.ip_address(value)) if kind in _WIDTH else int(value)


def canonical(statements: Any) -> str:
    """Return statements of a rule as one text, the same whatever their counters say."""
    return json.dumps([_uncounted(each) for each in statements], sort_keys=True)


def _uncounted(statement: Any) -> Any:
    return {"counter": None} if isinstance(statement, Mapping) and "counter" in statement else statement
