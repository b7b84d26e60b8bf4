# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Source routing: what leaves by an uplink, because it has one of the uplink's addresses or was bound to it.

For each of these there are two rules. The first has the main table asked for everything but a default route: networks on the
links, routes through XFRM interfaces and those of the guard hold as ever. The second has the uplink's own table asked, whose
default route leads to the uplink's gateway; where that is gone another one says so, and the packet goes no other way. Both
have high metrics: charon chooses the source of a connection without interfaces by the best default route of all tables
(kernel_netlink_net.c, get_route), and must find those of the main table better.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..desired.gateway import Gateway
from ..desired.phase1 import address_family
from ..desired.situation import Situation
from ..desired.uplink import Uplink
from ..desired.xfrm_interface import GUARD_METRIC
from .links import MAIN_TABLE
from .values import SourceRule, UplinkRoute, UplinkRouting

UPLINK_METRIC = GUARD_METRIC - 1
# After the kernel's local table (0) and the rule of charon's own routes (220), before the main table (32766) and what people
# and programs commonly have before that.
SPECIFIC_PRIORITY, UPLINK_PRIORITY = 8300, 8301


def uplink_routing(gateway: Gateway, situation: Situation) -> UplinkRouting:
    """Return the routes and rules of all uplinks; one without an address of a family has none of that family."""
    routes: set[UplinkRoute] = set()
    rules: set[SourceRule] = set()
    for name, uplink in gateway.uplinks.items():
        for hop in uplink.gateways:
            family = address_family(hop) or 4
            own = [each for each in situation.own.get(name, ()) if address_family(each) == family]
            if own:
                table = situation.tables[name]
                routes.add(UplinkRoute(family, table, UPLINK_METRIC, hop, name))
                routes.add(UplinkRoute(family, table, GUARD_METRIC))
                rules.update(_rules(uplink, family, table, own))
    return UplinkRouting(frozenset(routes), frozenset(rules))


def _rules(uplink: Uplink, family: int, table: int, own: list[str]) -> Iterator[SourceRule]:
    for source, interface in [("", uplink.interface), *((each, "") for each in own)]:
        yield SourceRule(family, SPECIFIC_PRIORITY, MAIN_TABLE, source, interface, specific=True)
        yield SourceRule(family, UPLINK_PRIORITY, table, source, interface)
