# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""XFRM interfaces as they must exist, with the routes that phase 2s add to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..desired.gateway import Gateway
from ..desired.phase1 import Phase1, address_family
from ..desired.phase2 import Phase2
from ..desired.selectors import Selector, selector_of
from ..desired.situation import Situation
from ..desired.xfrm_interface import Route, XfrmInterface
from .values import Link, LinkRoute

MAIN_TABLE = 254
# The kernel gives an IPv6 route without a metric this one (include/net/ip6_fib.h, IP6_RT_PRIO_USER).
DEFAULT_METRIC = {4: 0, 6: 1024}


def links(gateway: Gateway, situation: Situation) -> tuple[dict[str, Link], list[str]]:
    """Return every XFRM interface by name, and warnings about routes that are not installed."""
    warnings: list[str] = []
    extra: dict[str, list[LinkRoute]] = {name: [] for name in gateway.xfrm_interfaces}
    for _key, child in sorted(gateway.phase2.items()):
        parent = gateway.phase1[child.phase1]
        if parent.xfrm_interface is not None and child.install_routes:
            extra[parent.xfrm_interface].extend(_child_routes(child, parent, warnings))
    found = {
        name: _link(interface, extra[name], situation.if_ids[name])
        for name, interface in sorted(gateway.xfrm_interfaces.items())
    }
    return found, warnings


def _link(interface: XfrmInterface, extra: list[LinkRoute], if_id: int) -> Link:
    routes = {_route_key(route): route for route in extra}
    routes.update((_route_key(route), route) for route in map(_written_route, interface.routes))
    return Link(
        name=interface.name,
        if_id=if_id,
        parent=interface.parent,
        mtu=interface.mtu,
        addresses=tuple(sorted(interface.addresses)),
        routes=tuple(routes[key] for key in sorted(routes)),
    )


def _route_key(route: LinkRoute) -> tuple[int, str, int]:
    return route.table, route.destination, route.metric


def _written_route(route: Route) -> LinkRoute:
    metric = route.metric if route.metric is not None else DEFAULT_METRIC[address_family(route.destination) or 4]
    return LinkRoute(route.destination, metric, route.table or MAIN_TABLE, route.source)


def _child_routes(child: Phase2, parent: Phase1, warnings: list[str]) -> Iterator[LinkRoute]:
    endpoints = [each for each in parent.remote_endpoints if _is_address(each)]
    for remote in child.remote_networks:
        selector = selector_of(remote)
        why = _unroutable(selector, endpoints)
        if why:
            warnings.append(f"{child.where}: no route is installed for {remote}, since {why}")
            continue
        for network in selector.networks():
            if network.prefixlen:
                yield LinkRoute(str(network), DEFAULT_METRIC[network.version], MAIN_TABLE)


def _unroutable(selector: Selector, endpoints: Sequence[str]) -> str:
    """Return why the addresses of a selector get no route, or nothing; a default route never gets one, and so needs no word."""
    whole = any(not network.prefixlen for network in selector.networks())
    if not selector.family or whole:
        return ""
    if selector.limited:
        return (
            "a route knows no protocols and ports: what the tunnel does not take would be lost in it; "
            "set install_routes: false, and add the routes that are meant to the interface"
        )
    inside = [each for each in endpoints if selector.overlaps(selector_of(each))]
    if inside:
        return f"the peer's endpoint {inside[0]} lies in it: the tunnel's own packets would enter the tunnel"
    return ""


def _is_address(endpoint: str) -> bool:
    return address_family(endpoint) is not None and "/" not in endpoint and "-" not in endpoint
