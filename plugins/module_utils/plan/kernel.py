# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that make XFRM interfaces and their routes what they must be."""

from __future__ import annotations

from collections.abc import Mapping, Set
from ipaddress import ip_interface

from ..artifacts.links import DEFAULT_METRIC
from ..artifacts.values import Link, LinkRoute
from ..desired.xfrm_interface import LINK_ALIAS, ROUTE_PROTOCOL
from ..errors import Problem, ValidationError
from ..observed.values import ObservedLink, ObservedRoute
from .steps import Step

Command = tuple[str, ...]
# The MTU of an XFRM interface without a parent (net/xfrm/xfrm_interface_core.c: ETH_DATA_LEN).
DEFAULT_MTU = 1500


def plan_links(wanted: Mapping[str, Link], present: Mapping[str, ObservedLink]) -> tuple[list[Step], list[Step]]:
    """Return the steps that add and change links, and those that remove them; the two run at different times.

    What stands in the way of a new link goes first: one that must be made anew, and one that has its number. A network that
    gets another route is never without one: what leads there now goes when the new one is there, and so does a link down.
    """
    _refuse_foreign(wanted, present)
    new = {name: link for name, link in wanted.items() if _must_be_made(link, present.get(name))}
    numbers = {link.if_id for link in new.values()}
    unwanted = {
        name: link for name, link in present.items() if link.ours and link.kind == "xfrm" and name not in wanted
    }
    in_the_way = {name for name, link in unwanted.items() if link.if_id in numbers} | (new.keys() & present.keys())
    build = [_removal(name) for name in sorted(in_the_way)]
    kept = {name: None if name in new else present.get(name) for name in wanted}
    fresh = _fresh_routes(wanted, kept)
    late: list[Step] = []
    for name, link in wanted.items():
        first, last = _removed(link, kept[name], fresh)
        build.extend(first)
        late.extend(last)
    # A route may move from one link of ours to another; one of others that has its place is never overwritten.
    ours = {_route_key(route) for link in present.values() if link.ours for route in link.routes}
    for name, link in wanted.items():
        build.extend(_added(link, kept[name], ours))
    build.extend(late)
    for name, link in wanted.items():
        build.extend(_taken_down(link, kept[name]))
    return build, [_removal(name) for name in sorted(unwanted.keys() - in_the_way)]


def _removal(name: str) -> Step:
    return Step("remove", "link", name, commands=(("link", "delete", "dev", name),))


def _must_be_made(link: Link, there: ObservedLink | None) -> bool:
    # Neither number nor parent of an XFRM interface can be changed in place.
    return there is None or there.if_id != link.if_id or there.parent != link.parent


def _refuse_foreign(wanted: Mapping[str, Link], present: Mapping[str, ObservedLink]) -> None:
    problems = [
        Problem(
            f"xfrm_interface {name}",
            "name",
            name,
            f"the host has a link of this name that is no XFRM interface "
            f"({present[name].kind or 'a device'}); choose another name",
        )
        for name in wanted
        if name in present and present[name].kind != "xfrm"
    ]
    numbers: dict[int, str] = {
        link.if_id: name
        for name, link in present.items()
        if link.kind == "xfrm" and name not in wanted and not link.ours
    }
    problems.extend(
        Problem(
            f"xfrm_interface {link.name}",
            "if_id",
            link.if_id,
            f"link {numbers[link.if_id]} of the host, which is not ours, has this number; choose another, or leave it out",
        )
        for link in wanted.values()
        if link.if_id in numbers
    )
    problems.extend(
        Problem(
            f"xfrm_interface {name}",
            "name",
            name,
            f"the host has an XFRM interface of this name that is not ours (if_id {present[name].if_id}, parent "
            f"{present[name].parent or 'none'}); choose another name, or remove it first with 'ip link delete dev {name}'",
        )
        for name in wanted
        if name in present and present[name].kind == "xfrm" and not present[name].ours
    )
    if problems:
        raise ValidationError(problems)


def _fresh_routes(wanted: Mapping[str, Link], kept: Mapping[str, ObservedLink | None]) -> Set[RouteKey]:
    """Return the keys of the routes that some link gets."""
    return {
        key for name, link in wanted.items() for key in _wanted_routes(link).keys() - _present_routes(kept[name]).keys()
    }


def _removed(link: Link, there: ObservedLink | None, fresh: Set[RouteKey]) -> tuple[list[Step], list[Step]]:
    """Return what goes from a link before anything comes, and what goes after that.

    Routes go before addresses, since an address takes routes and other addresses along. One that `fresh` replaces in its
    place, on another link, does not have to go.
    """
    if there is None:
        return [], []
    gone = {key: route for key, route in sorted(_present_routes(there).items()) if key not in _wanted_routes(link)}
    if _gone(link, there):
        return [_route_removal(link, route) for route in gone.values()] + _removed_addresses(link, there), []
    again = {key[:2] for key in fresh}
    first = [_route_removal(link, route) for key, route in gone.items() if key[:2] not in again]
    last = [_route_removal(link, route) for key, route in gone.items() if key[:2] in again and key not in fresh]
    return first, last


def _added(link: Link, there: ObservedLink | None, ours: Set[RouteKey]) -> list[Step]:
    """Return what comes to a link, or the link itself; `ours` are the routes that links of ours hold."""
    if there is None:
        steps = [Step("add", "link", link.name, commands=_create(link))]
    else:
        commands = _change(link, there)
        steps = [Step("change", "link", link.name, commands=commands)] if commands else []
    return steps + _added_addresses(link, there) + _added_routes(link, there, ours)


def _create(link: Link) -> tuple[Command, ...]:
    parent = ("dev", link.parent) if link.parent else ()
    return (
        ("link", "add", "dev", link.name, "type", "xfrm", *parent, "if_id", str(link.if_id)),
        ("link", "set", "dev", link.name, "alias", LINK_ALIAS),
        *((("link", "set", "dev", link.name, "mtu", str(link.mtu)),) if link.mtu else ()),
        *((("link", "set", "dev", link.name, "up"),) if link.up else ()),
    )


def _change(link: Link, there: ObservedLink) -> tuple[Command, ...]:
    commands: list[Command] = []
    if there.unmarked:
        commands.append(("link", "set", "dev", link.name, "alias", LINK_ALIAS))
    mtu = link.mtu or (DEFAULT_MTU if link.parent is None else there.mtu)
    if there.mtu != mtu:
        commands.append(("link", "set", "dev", link.name, "mtu", str(mtu)))
    if link.up and not there.up:
        commands.append(("link", "set", "dev", link.name, "up"))
    return tuple(commands)


def _taken_down(link: Link, there: ObservedLink | None) -> list[Step]:
    down = (("link", "set", "dev", link.name, "down"),)
    return [Step("change", "link", link.name, commands=down)] if there is not None and there.up and not link.up else []


def _gone(link: Link, there: ObservedLink | None) -> list[str]:
    # The kernel gives a link an IPv6 address of its own, which no mark tells from one that somebody added.
    present = there.addresses if there is not None else ()
    return sorted(each for each in present if each not in link.addresses and not is_link_local(each))


def is_link_local(address: str) -> bool:
    """Say whether an address with its prefix length is one that the kernel may give by itself."""
    return ":" in address and ip_interface(address).is_link_local


def _loses_ipv4(link: Link, there: ObservedLink | None) -> bool:
    """Say whether an IPv4 address goes: it may take the others of its subnet, and all IPv4 routes, along (net/ipv4/devinet.c)."""
    return any(":" not in address for address in _gone(link, there))


def _removed_addresses(link: Link, there: ObservedLink) -> list[Step]:
    # Flush, because delete fails when the address has gone with another one just before.
    return [
        Step(
            "remove",
            "address",
            f"{address} on {link.name}",
            commands=(("address", "flush", "dev", link.name, "to", address.partition("/")[0]),),
        )
        for address in _gone(link, there)
    ]


def _added_addresses(link: Link, there: ObservedLink | None) -> list[Step]:
    present = set(there.addresses) if there is not None else set()
    if _loses_ipv4(link, there):
        present = {address for address in present if ":" in address}
    # A link that goes down loses its IPv6 addresses (net.ipv6.conf.*.keep_addr_on_down is 0), and gets them when it goes up.
    return [
        Step("add", "address", f"{address} on {link.name}", commands=(_address_command(address, link.name),))
        for address in link.addresses
        if address not in present and (link.up or ":" not in address)
    ]


def _address_command(address: str, name: str) -> Command:
    # Duplicate address detection means nothing on a link without neighbours, and would hold the address back.
    return ("address", "replace", address, "dev", name, *(("nodad",) if ":" in address else ()))


RouteKey = tuple[int, str, int]


def _present_routes(there: ObservedLink | None) -> dict[RouteKey, ObservedRoute]:
    # A link that is down has lost its routes without a notice, so its old ones are not counted as present.
    found = there.routes if there is not None and there.up else ()
    return {(route.table, route.destination, route.metric): route for route in found}


def _wanted_routes(link: Link) -> dict[RouteKey, LinkRoute]:
    return {(route.table, route.destination, route.metric): route for route in link.routes}


def _added_routes(link: Link, there: ObservedLink | None, ours: Set[RouteKey]) -> list[Step]:
    present = _present_routes(there)
    if _loses_ipv4(link, there):
        present = {key: route for key, route in present.items() if ":" in route.destination}
    return [
        Step("add", "route", _route_name(route, link.name), commands=(_route_command(route, link.name, ours),))
        for key, route in _wanted_routes(link).items()
        if key not in present or present[key].source != route.source
    ]


def _route_removal(link: Link, route: ObservedRoute) -> Step:
    return Step("remove", "route", _route_name(route, link.name), commands=(_unroute_command(route, link.name),))


def _route_name(route: LinkRoute | ObservedRoute, link: str) -> str:
    family = 6 if ":" in route.destination else 4
    table = "" if route.table == 254 else f" table {route.table}"
    metric = "" if route.metric == DEFAULT_METRIC[family] else f" metric {route.metric}"
    return f"{route.destination} by {link}{table}{metric}"


def _unroute_command(route: ObservedRoute, link: str) -> Command:
    return ("route", "delete", *_route_words(route, link))


def _route_key(route: LinkRoute | ObservedRoute) -> RouteKey:
    return route.table, route.destination, route.metric


def _route_command(route: LinkRoute, link: str, ours: Set[RouteKey]) -> Command:
    verb = "replace" if _route_key(route) in ours else "add"
    return ("route", verb, *_route_words(route, link), *(("src", route.source) if route.source else ()))


def _route_words(route: LinkRoute | ObservedRoute, link: str) -> Command:
    key = ("table", str(route.table), "metric", str(route.metric), "proto", str(ROUTE_PROTOCOL))
    return (route.destination, "dev", link, *key)
