# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that make the routes and rules of uplinks what they must be; pure."""

from __future__ import annotations

from collections.abc import Set

from ..artifacts.links import MAIN_TABLE
from ..artifacts.values import SourceRule, UplinkRoute, UplinkRouting
from ..desired.xfrm_interface import ROUTE_PROTOCOL
from .steps import UPLINK, Step

_OURS = str(ROUTE_PROTOCOL)
_EVERYTHING = {4: "0.0.0.0/0", 6: "::/0"}


def plan_uplinks(wanted: UplinkRouting, found: UplinkRouting) -> tuple[list[Step], list[Step]]:
    """Return the steps by which more packets have a way of their own, and those by which less have one.

    A route comes before the rules that lead to it, and goes after them. One that takes the place of another of ours does so
    at once; one of others that has its place is never overwritten.
    """
    there, stay = _keys(found.routes), _keys(wanted.routes)
    first = [_route("replace" if _key(each) in there else "add", each) for each in sorted(wanted.routes - found.routes)]
    first += [_rule("add", each) for each in sorted(wanted.rules - found.rules)]
    last = [_rule("delete", each) for each in sorted(found.rules - wanted.rules, reverse=True)]
    gone = [each for each in sorted(found.routes - wanted.routes, reverse=True) if _key(each) not in stay]
    return first, last + [_route("delete", each) for each in gone]


def _key(route: UplinkRoute) -> tuple[int, int, int]:
    return route.family, route.table, route.metric


def _keys(routes: Set[UplinkRoute]) -> set[tuple[int, int, int]]:
    return {_key(each) for each in routes}


def _route(verb: str, route: UplinkRoute) -> Step:
    way = ("via", route.gateway, "dev", route.interface) if route.gateway else ()
    place = ("table", str(route.table), "metric", str(route.metric), "proto", _OURS)
    # Whether the gateway is on the link is known to whoever wrote it, and to the kernel perhaps not yet.
    words = (_EVERYTHING[route.family], *way, *(("onlink",) if way else ()), *place)
    name = f"{_EVERYTHING[route.family]} {' '.join(way) or 'unreachable'} table {route.table}"
    return _step(verb, name, ("route", verb, *(() if way else ("unreachable",)), *words))


def _rule(verb: str, rule: SourceRule) -> Step:
    selector = ("from", rule.source or "all", *(("oif", rule.interface) if rule.interface else ()))
    action = ("lookup", str(rule.table), *(("suppress_prefixlength", "0") if rule.specific else ()))
    family = ("-6",) if rule.family == 6 else ()
    command = (*family, "rule", verb, *selector, *action, "priority", str(rule.priority), "protocol", _OURS)
    table = "main" if rule.table == MAIN_TABLE else str(rule.table)
    told = f"rule for {rule.source}" if rule.source else f"rule for IPv{rule.family} bound to {rule.interface}"
    return _step(verb, f"{told}: table {table}" + (", but no default route" if rule.specific else ""), command)


def _step(verb: str, name: str, command: tuple[str, ...]) -> Step:
    told = {"delete": "remove", "replace": "change"}.get(verb, verb)
    return Step(told, UPLINK, name, commands=(command,))
