# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""XFRM interfaces as they must exist, with the routes that phase 2s add to them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..desired.gateway import Gateway
from ..desired.phase1 import Phase1, address_family
from ..desired.phase2 import Phase2
from ..desired.roles import Resting, resting
from ..desired.selectors import Selector, selector_of
from ..desired.situation import Situation
from ..desired.xfrm_interface import GUARD_METRIC, UP, Route, XfrmInterface
from .values import Bound, Link, LinkRoute

MAIN_TABLE = 254
# What each place in a fallback adds to the metrics of a tunnel that is only kept ready: more than people write by hand.
READY_METRIC = 1_000_000
# The kernel gives an IPv6 route without a metric this one (include/net/ip6_fib.h, IP6_RT_PRIO_USER).
DEFAULT_METRIC = {4: 0, 6: 1024}
_ALWAYS = Bound()


def links(
    gateway: Gateway, situation: Situation, roles: Mapping[str, Resting] | None = None
) -> tuple[dict[str, Link], list[str]]:
    """Return every XFRM interface by name, and warnings about routes that are not installed.

    The routes of a connection on standby are not there, and those of one that is only kept ready are worse than any of the
    tunnel in use. What is written at a link itself follows the best of its connections. `roles` are those that `resting`
    tells, for who has asked for them already.
    """
    roles = resting(gateway, situation) if roles is None else roles
    warnings: list[str] = []
    extra: dict[str, list[LinkRoute]] = {name: [] for name in gateway.xfrm_interfaces}
    for _key, child in sorted(gateway.phase2.items()):
        parent = gateway.phase1[child.phase1]
        if parent.xfrm_interface is not None and child.install_routes:
            routes = list(_child_routes(child, parent, warnings))
            extra[parent.xfrm_interface].extend(_in_role(routes, roles.get(parent.name)))
    followed = _followed(gateway, roles)
    ties = bound(gateway, roles)
    found = {
        name: _link(interface, extra[name], situation.if_ids[name], followed.get(name), ties.get(name, _ALWAYS))
        for name, interface in sorted(gateway.xfrm_interfaces.items())
    }
    return found, warnings


def bound(gateway: Gateway, roles: Mapping[str, Resting]) -> dict[str, Bound]:
    """Return what decides about each link that is not simply up; a connection on standby has no trap."""
    states = {name: each.link_state for name, each in gateway.xfrm_interfaces.items() if each.link_state != UP}
    if not states:
        return {}
    waiting = {child.phase1 for child in gateway.phase2.values() if gateway.phase1[child.phase1].waits_for_traffic}
    waiting -= {name for name, role in roles.items() if role.standby}
    names: dict[str, list[str]] = {name: [] for name in states}
    for name, connection in sorted(gateway.phase1.items()):
        if connection.xfrm_interface in names:
            names[connection.xfrm_interface].append(name)
    return {
        name: Bound(states[name], tuple(together), trapped=not waiting.isdisjoint(together))
        for name, together in names.items()
    }


def _followed(gateway: Gateway, roles: Mapping[str, Resting]) -> dict[str, Resting]:
    """Return the role of each link that none of its connections uses: that of the one that is nearest to being used."""
    found: dict[str, list[Resting | None]] = {}
    for name, connection in gateway.phase1.items() if roles else ():
        if connection.xfrm_interface is not None:
            found.setdefault(connection.xfrm_interface, []).append(roles.get(name))
    rests = {link: [role for role in many if role is not None] for link, many in found.items() if None not in many}
    return {link: min(many, key=lambda role: (role.standby, role.place)) for link, many in rests.items()}


def _in_role(routes: Iterable[LinkRoute], role: Resting | None) -> Iterator[LinkRoute]:
    """Yield the routes that a connection or a link has in its role."""
    for route in routes:
        if role is None:
            yield route
        elif not role.standby:
            metric = min(route.metric + role.place * READY_METRIC, GUARD_METRIC - 1)
            yield dataclasses.replace(route, metric=metric)


def _link(interface: XfrmInterface, extra: list[LinkRoute], if_id: int, role: Resting | None, ties: Bound) -> Link:
    routes = {_route_key(route): route for route in extra}
    routes.update((_route_key(route), route) for route in _in_role(map(_written_route, interface.routes), role))
    return Link(
        name=interface.name,
        if_id=if_id,
        parent=interface.parent,
        mtu=interface.mtu,
        addresses=tuple(sorted(interface.addresses)),
        routes=tuple(routes[key] for key in sorted(routes)),
        bound=ties,
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
