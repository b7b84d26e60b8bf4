# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The value of an XFRM interface: a link that carries the traffic of the connections with its `if_id`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import Problem
from . import kinds
from .firewall import ALLOW, ALLOW_TEXT, Allow, allow_problems
from .options import list_of, object_of, option
from .phase1 import address_family

# The two highest numbers mean "a number of its own for each SA" to charon (ipsec_types.h, IF_ID_UNIQUE).
MAX_IF_ID = 0xFFFFFFFD
_MAX_32_BITS = 0xFFFFFFFF
# What marks a link as ours, on the link itself: it survives the loss of our own records.
LINK_ALIAS = "swanfleet"
# The number that marks our routes in the kernel ("proto"), so that we never touch those of others; free in
# /etc/iproute2/rt_protos of every release (0 to 18, 42 and 186 to 196 are taken there).
ROUTE_PROTOCOL = 83
# The highest metric and the lowest priority that there are (the kernel keeps the last few of the latter for itself): what
# is behind all other routes and policies.
GUARD_METRIC = 0xFFFFFFFF
GUARD_PRIORITY = 4294967290
# Any source, by family, in a way in which nobody else writes it. The kernel has one policy for each selector, and compares
# what is behind a prefix too: charon, which writes 0.0.0.0/0, would take ours for its own, and with it away.
GUARD_SOURCES = {4: "0.0.0.1/0", 6: "::1/0"}
# What decides whether a link is up: nothing (`UP`), its connections with their traps (`FOLLOW`), their CHILD_SAs (`SA`).
UP, FOLLOW, SA, DOWN = "up", "follow", "sa", "down"
# Those by which a link goes up and down while nobody runs a playbook.
FOLLOWING = (FOLLOW, SA)


@dataclass(frozen=True)
class Route:
    """A route through an XFRM interface."""

    destination: str = option(kinds.NETWORK, "Network that is reached through the interface.", required=True)
    metric: int | None = option(
        kinds.integer(1, _MAX_32_BITS), "Metric of the route; the kernel's own default when not given."
    )
    table: int | None = option(
        kinds.integer(1, _MAX_32_BITS), "Number of the routing table; the main table when not given."
    )
    source: str | None = option(kinds.ADDRESS, "Preferred source address of this host.")


@dataclass(frozen=True)
class XfrmInterface:
    """An XFRM interface with its addresses and routes."""

    name: str = option(kinds.INTERFACE_NAME, "Name of the link, at most 15 characters.", identifies=True)
    if_id: int | None = option(
        kinds.integer(1, MAX_IF_ID),
        "Number that ties the link to its SAs. When not given, one is allotted once and kept.",
    )
    parent: str | None = option(
        kinds.INTERFACE_NAME, "Underlying interface, for hardware offload; not needed otherwise."
    )
    addresses: tuple[str, ...] = option(
        list_of(kinds.INTERFACE_ADDRESS), "Addresses of the link with their prefix lengths.", default=()
    )
    mtu: int | None = option(kinds.integer(576, 65535), "MTU of the link; the kernel's default when not given.")
    routes: tuple[Route, ...] = option(list_of(object_of(Route)), "Routes through the link.", default=())
    link_state: str = option(
        kinds.choice((UP, FOLLOW, SA, DOWN)),
        "When the link is up; routes through it, those of phase 2 objects as well, are there while it is.",
        "V(up) is always, and V(down) never. V(follow) is while a CHILD_SA of one of its phase 1 is up, or a trap of one waits"
        " for traffic, which only reaches it by a link that is up. V(sa) is while a CHILD_SA of one of them is up, so that"
        " routes with worse metrics take over.",
        "For V(follow) and V(sa) the program on the gateway is needed, which the role P(swanfleet.ipsec.gateway#role) installs.",
        default=UP,
    )
    allow: tuple[Allow, ...] = option(ALLOW, ALLOW_TEXT[0].format("this interface"), ALLOW_TEXT[1], default=())

    @property
    def where(self) -> str:
        """Return how messages name this object."""
        return f"xfrm_interface {self.name}"

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong about this object by itself."""
        has_v6 = any(address_family(address) == 6 for address in self.addresses)
        if has_v6 and self.mtu is not None and self.mtu < 1280:
            yield Problem(self.where, "mtu", self.mtu, "at least 1280 is needed for IPv6 (RFC 8200, section 5)")
        if len(set(self.addresses)) < len(self.addresses):
            yield Problem(self.where, "addresses", list(self.addresses), "each address once")
        yield from allow_problems(self.where, self.allow)
        seen = set()
        for index, route in enumerate(self.routes):
            key = (route.destination, route.metric, route.table)
            if key in seen:
                yield Problem(
                    self.where, f"routes[{index}]", route.destination, "each destination once for a metric and a table"
                )
            seen.add(key)
            if route.source is not None and address_family(route.source) != address_family(route.destination):
                yield Problem(
                    self.where,
                    f"routes[{index}].source",
                    route.source,
                    f"an IPv{address_family(route.destination)} address is needed, as the destination is {route.destination}",
                )
