# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From iproute2's JSON to links, addresses and default routes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from ipaddress import ip_network
from typing import Any

from ..desired.xfrm_interface import GUARD_METRIC, LINK_ALIAS
from .values import ObservedLink, ObservedRoute

_MAIN = 254
_TABLE_NUMBERS = {"local": 255, "main": 254, "default": 253}
_ABSENT_FLAGS = ("tentative", "dadfailed")
# A temporary address (RFC 8981) comes first in the kernel's order, and is another one each day.
_UNUSABLE_FLAGS = (*_ABSENT_FLAGS, "deprecated", "temporary")


def parse_links(
    interfaces: Sequence[Mapping[str, Any]],
    routes: Sequence[Mapping[str, Any]],
    recorded: Set[tuple[str, int]] = frozenset(),
) -> dict[str, ObservedLink]:
    """Return every link by name; routes are those of our own protocol number.

    A link gets its mark after it was made, since the kernel takes no alias together with a new link. One without any
    that is `recorded`, by name and number, is ours too: the run that made it was stopped in between.
    """
    by_link = parse_routes(routes)
    return {
        str(entry["ifname"]): _link(entry, by_link.get(str(entry["ifname"]), ()), recorded)
        for entry in interfaces
        if "ifname" in entry
    }


def parse_routes(routes: Sequence[Mapping[str, Any]]) -> dict[str, tuple[ObservedRoute, ...]]:
    """Return the routes of each link that has any, by its name; those that lead nowhere belong to none."""
    found: dict[str, list[ObservedRoute]] = {}
    for route in routes:
        if not is_unreachable(route):
            found.setdefault(str(route.get("dev", "")), []).append(_route(route))
    return {
        name: tuple(sorted(many, key=lambda route: (route.table, route.destination, route.metric)))
        for name, many in found.items()
    }


def _link(entry: Mapping[str, Any], routes: tuple[ObservedRoute, ...], recorded: Set[tuple[str, int]]) -> ObservedLink:
    info = entry.get("linkinfo") or {}
    data = info.get("info_data") or {}
    name, kind, if_id = str(entry["ifname"]), str(info.get("info_kind", "")), _number(data.get("if_id", 0))
    unmarked = "ifalias" not in entry and kind == "xfrm" and (name, if_id) in recorded
    return ObservedLink(
        name=name,
        kind=kind,
        ours=entry.get("ifalias") == LINK_ALIAS or unmarked,
        unmarked=unmarked,
        if_id=if_id,
        parent=_parent(entry),
        mtu=int(entry.get("mtu", 0)),
        up="UP" in entry.get("flags", ()),
        alias=str(entry.get("ifalias", "")),
        addresses=tuple(sorted(f"{a['local']}/{a['prefixlen']}" for a in _addresses(entry))),
        routes=routes,
    )


def _parent(entry: Mapping[str, Any]) -> str | None:
    parent = entry.get("link")
    return None if parent in (None, "NONE", "none", "lo") else str(parent)


def _addresses(entry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [each for each in entry.get("addr_info", ()) if "local" in each]


def _number(value: Any) -> int:
    return int(value, 0) if isinstance(value, str) else int(value)


def _route(route: Mapping[str, Any]) -> ObservedRoute:
    destination = str(route["dst"])
    if destination == "default":
        destination = "::/0" if route["family"] == 6 else "0.0.0.0/0"
    elif "/" not in destination:
        destination += "/128" if route["family"] == 6 else "/32"
    return ObservedRoute(
        destination=destination, metric=int(route.get("metric", 0)), table=table_of(route), source=route.get("prefsrc")
    )


def table_of(entry: Mapping[str, Any]) -> int:
    """Return the number of the table that a route is in, or that a rule leads to."""
    table = entry.get("table", "main")
    number = _TABLE_NUMBERS.get(str(table))
    return number if number is not None else _number(table)


def parse_addresses(interfaces: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Return the addresses that the name of each interface stands for, none of one that is down.

    They are those of global scope that last: neither tentative, failed or deprecated (RFC 4862) nor temporary.
    """
    return {
        str(entry["ifname"]): tuple(
            str(address["local"]) for address in _present(entry, _UNUSABLE_FLAGS) if address.get("scope") == "global"
        )
        for entry in interfaces
        if "ifname" in entry
    }


def parse_own(interfaces: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Return every address that the host can send from if it is told to, such as a VIP, which keepalived may deprecate."""
    return frozenset(str(address["local"]) for entry in interfaces for address in sendable(entry))


def sendable(entry: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the addresses of an interface, as `ip -j` shows them, that the host can send from if it is told to."""
    return _present(entry, _ABSENT_FLAGS)


def _present(entry: Mapping[str, Any], without: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    if "UP" in entry.get("flags", ()):
        yield from (each for each in _addresses(entry) if not any(each.get(flag) for flag in without))


def is_unreachable(route: Mapping[str, Any]) -> bool:
    """Say whether a route is one that leads nowhere (RTN_UNREACHABLE, 7), by name or number."""
    return str(route.get("type", "")) in ("unreachable", "7")


def parse_guard_routes(routes: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Return the networks of our lasting routes that lead nowhere."""
    found = (_route(route) for route in routes if is_unreachable(route))
    return frozenset(each.destination for each in found if (each.table, each.metric) == (_MAIN, GUARD_METRIC))


def parse_connected(interfaces: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the networks that the host is in by addresses of links that are not ours, sorted."""
    found = {
        str(ip_network(f"{address['local']}/{address['prefixlen']}", strict=False))
        for entry in interfaces
        if entry.get("ifalias") != LINK_ALIAS
        for address in _addresses(entry)
    }
    return tuple(sorted(found))


def parse_mtus(interfaces: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return the MTU of every interface."""
    return {str(entry["ifname"]): int(entry.get("mtu", 0)) for entry in interfaces if "ifname" in entry}


def parse_default_interfaces(routes: Sequence[Mapping[str, Any]]) -> dict[int, str | None]:
    """Return the interface of the best default route by family."""
    best: dict[int, tuple[int, str]] = {}
    for route in routes:
        family, metric, device = int(route["family"]), int(route.get("metric", 0)), route.get("dev")
        if device and (family not in best or metric < best[family][0]):
            best[family] = (metric, str(device))
    return {family: device for family, (_metric, device) in best.items()}
