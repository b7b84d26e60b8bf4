# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `allow` lets through: new connections out of tunnels by sets, and whatever belongs to connections that go through them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..desired.firewall import WITH_PORTS, Allow, ports_of, protocol_number
from ..desired.gateway import Gateway
from ..desired.selectors import selector_of
from .boxes import Box, Range, disjoint
from .marks import BEFORE, MARKING
from .nft import ADDRESS, IFNAME, PORT, PROTOCOL, NftChain, NftRule, NftSet, NftTable, rule

HOOKS = ("forward", "input")
_ALL = {4: (0, 0xFFFFFFFF), 6: (0, (1 << 128) - 1)}
_ANY_PROTOCOL = (0, 0xFF)
_LINKS = "links"
# States of conntrack as nft numbers them (1 << the number in nf_conntrack_common.h, plus one bit): established, related.
_KNOWN = (2, 4)
_COUNTED: Any = {"counter": None}


def allowing(gateway: Gateway) -> NftTable:
    """Return the part of our table that lets traffic out of tunnels pass."""
    boxes: dict[tuple[str, int], list[Box]] = {}
    links: set[str] = set()
    by_policy = False
    for name, interface in sorted(gateway.xfrm_interfaces.items()):
        for each in interface.allow:
            links.add(name)
            _add(boxes, _boxes(each, [], []), name)
    for _key, child in sorted(gateway.phase2.items()):
        link = gateway.phase1[child.phase1].xfrm_interface
        for each in child.allow:
            links |= {link} if link else set()
            by_policy = by_policy or not link
            _add(boxes, _boxes(each, _ranges(child.remote_networks), _ranges(child.local_networks)), link)
    sets = {f"allow_{kind}{family}": _set(kind, family, boxes[kind, family]) for kind, family in boxes}
    if links:
        sets[_LINKS] = NftSet((IFNAME,), disjoint((each,) for each in links))
    rules = [each for hook in HOOKS for each in _rules(hook, sets, by_policy=by_policy)] if sets else []
    chains = {hook: NftChain("filter", hook, BEFORE) for hook in HOOKS} if sets else {}
    return NftTable(sets, chains, tuple(rules))


def _ranges(selectors: Iterable[str]) -> list[tuple[int, Range]]:
    """Return families and addresses of selectors; of a dynamic one nobody knows them, so they are any."""
    found = [selector_of(each) for each in selectors]
    return [] if any(not each.family for each in found) else [(each.family, (each.low, each.high)) for each in found]


def _boxes(
    each: Allow, sources: list[tuple[int, Range]], destinations: list[tuple[int, Range]]
) -> Iterator[tuple[int, bool, Box]]:
    """Yield family, whether ports count, and addresses, protocol and perhaps ports of a rule."""
    number = protocol_number(each.protocol)
    protocol = (number, number) if number else _ANY_PROTOCOL
    sides = [_ranges(each.source) or sources, _ranges(each.destination) or destinations]
    ports = [ports_of(text) for text in each.ports]
    for family, everything in _ALL.items():
        origins, targets = ([found for of, found in side if of == family] if side else [everything] for side in sides)
        for origin in origins:
            for target in targets:
                if ports and number in WITH_PORTS:
                    yield from ((family, True, (origin, target, protocol, port)) for port in ports)
                else:
                    yield family, False, (origin, target, protocol)


def _add(boxes: dict[tuple[str, int], list[Box]], found: Iterable[tuple[int, bool, Box]], link: str | None) -> None:
    for family, with_ports, box in found:
        kind = ("link_" if link else "policy_") + ("port" if with_ports else "all")
        boxes.setdefault((kind, family), []).append((link, *box) if link else box)


def _set(kind: str, family: int, boxes: list[Box]) -> NftSet:
    fields = (ADDRESS[family], ADDRESS[family], PROTOCOL, *((PORT,) if kind.endswith("port") else ()))
    return NftSet(((IFNAME,) if kind.startswith("link") else ()) + fields, disjoint(boxes))


def _rules(hook: str, sets: dict[str, NftSet], *, by_policy: bool) -> Iterator[NftRule]:
    for name in sorted(sets.keys() - {_LINKS}):
        yield rule(hook, *_policy(name), _element_of(name), _COUNTED, MARKING)
    known = _match({"ct": {"key": "state"}}, list(_KNOWN), "in")
    ways = [({"meta": {"key": "iifname"}}, {"meta": {"key": "ipsec"}})]
    ways += [({"meta": {"key": "oifname"}}, {"rt": {"key": "ipsec"}})] if hook == "forward" else []
    for device, ipsec in ways:
        if _LINKS in sets:
            yield rule(hook, _match(device, f"@{_LINKS}"), known, _COUNTED, MARKING)
        if by_policy:
            yield rule(hook, _match(ipsec, True), known, _COUNTED, MARKING)


def _policy(name: str) -> list[Any]:
    return [_match({"meta": {"key": "ipsec"}}, True)] if name.startswith("allow_policy") else []


def _element_of(name: str) -> Any:
    ip = "ip" if name.endswith("4") else "ip6"
    fields: list[Any] = [{"meta": {"key": "iifname"}}] if name.startswith("allow_link") else []
    fields += ({"payload": {"protocol": ip, "field": side}} for side in ("saddr", "daddr"))
    fields.append({"meta": {"key": "l4proto"}})
    if "port" in name:
        fields.append({"payload": {"protocol": "th", "field": "dport"}})
    return _match({"concat": fields}, f"@{name}")


def _match(left: Any, right: Any, op: str = "==") -> Any:
    return {"match": {"op": op, "left": left, "right": right}}
