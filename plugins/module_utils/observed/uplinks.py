# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From iproute2's JSON to the routes and rules of uplinks; all that is looked at carries our own number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from ..artifacts.links import MAIN_TABLE
from ..artifacts.values import SourceRule, UplinkRoute
from .kernel import is_unreachable, sendable, table_of


def is_uplink_route(route: Mapping[str, Any]) -> bool:
    """Say whether a route of ours is one of an uplink: a default route outside of the main table, to a gateway or nowhere."""
    if route.get("dst") != "default" or table_of(route) == MAIN_TABLE:
        return False
    return "gateway" in route or is_unreachable(route)


def parse_uplink_routes(routes: Iterable[Mapping[str, Any]]) -> frozenset[UplinkRoute]:
    """Return the routes of uplinks among our routes of all kinds."""
    return frozenset(_route(each) for each in routes if is_uplink_route(each))


def _route(route: Mapping[str, Any]) -> UplinkRoute:
    nowhere = is_unreachable(route)
    return UplinkRoute(
        family=int(route["family"]),
        table=table_of(route),
        metric=int(route.get("metric", 0)),
        gateway="" if nowhere else str(route["gateway"]),
        # An IPv6 route that leads nowhere has one for form's sake.
        interface="" if nowhere else str(route.get("dev", "")),
    )


def parse_source_rules(rules: Iterable[Mapping[str, Any]]) -> frozenset[SourceRule]:
    """Return our rules."""
    return frozenset(
        SourceRule(
            family=int(each["family"]),
            priority=int(each["priority"]),
            table=table_of(each),
            source=_source(each),
            interface=str(each.get("oif", "")),
            specific=each.get("suppress_prefixlen") == 0,
        )
        for each in rules
    )


def _source(rule: Mapping[str, Any]) -> str:
    source = str(rule.get("src", "all"))
    length = f"/{rule['srclen']}" if "srclen" in rule else ""
    return "" if source == "all" else source + length


def parse_sources(interfaces: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Return the addresses of each interface that the host can send from now, sorted; none of one link or host alone."""
    return {str(entry["ifname"]): tuple(sorted(_sources(entry))) for entry in interfaces if "ifname" in entry}


def _sources(entry: Mapping[str, Any]) -> Iterator[str]:
    for each in sendable(entry):
        address = ip_address(str(each["local"]))
        if not address.is_loopback and not (address.version == 6 and address.is_link_local):
            yield str(address)
