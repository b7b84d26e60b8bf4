# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The value of an uplink: an interface by which packets from its own addresses leave, whatever the default route is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from ..errors import Problem
from . import kinds
from .allotting import allot
from .options import list_of, option
from .phase1 import address_family
from .xfrm_interface import XfrmInterface

# The numbers that we take for ourselves. They begin with the one that marks our routes and rules (`ROUTE_PROTOCOL`), and
# nothing that is installed beside us has a table there: /etc/iproute2/rt_tables ends at 255.
FIRST_ALLOTTED_TABLE = 8300
# The kernel's own (linux/rtnetlink.h), and the one of charon's routes (charon.routing_table of strongswan.conf).
RESERVED_TABLES = {220: "charon", 253: "the kernel (default)", 254: "the kernel (main)", 255: "the kernel (local)"}


@dataclass(frozen=True)
class Uplink:
    """An interface, the next hops behind it, and the routing table for what leaves by it."""

    interface: str = option(
        kinds.INTERFACE_NAME,
        "Interface by which packets leave that have one of its addresses as their source, or were bound to it: IKE, ESP, and"
        " the checks of C(fallbacks). Its addresses may come and go; without one it has no rules.",
        identifies=True,
    )
    gateways: tuple[str, ...] = option(
        list_of(kinds.ADDRESS),
        "Next hops that are reached by the interface: an IPv4 address, an IPv6 address, or one of each. Packets of a family"
        " without one go by the main table, as they would without the uplink.",
        required=True,
    )
    table: int | None = option(
        kinds.integer(1, 0xFFFFFFFF),
        "Number of the routing table for the uplink's default route, one that nobody else uses. When not given, one from"
        f" {FIRST_ALLOTTED_TABLE} on is allotted once and kept.",
    )

    @property
    def where(self) -> str:
        """Return how messages name this object."""
        return f"uplink {self.interface}"

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong about this object by itself."""
        families = [address_family(each) for each in self.gateways]
        if not families or len(set(families)) < len(families):
            wanted = "an IPv4 address, an IPv6 address, or one of each is needed"
            yield Problem(self.where, "gateways", list(self.gateways), wanted)
        for index, each in enumerate(self.gateways):
            address = ip_address(each)
            if address.is_unspecified or address.is_multicast or address.is_loopback:
                yield Problem(self.where, f"gateways[{index}]", each, "the address of a router is needed")
        if self.table in RESERVED_TABLES:
            wanted = f"this table is that of {RESERVED_TABLES[self.table]}; choose another number, or leave it out"
            yield Problem(self.where, "table", self.table, wanted)


def uplink_problems(uplinks: Mapping[str, Uplink], interfaces: Mapping[str, XfrmInterface]) -> Iterator[Problem]:
    """Yield what is wrong between uplinks, and between them and XFRM interfaces."""
    routed = {route.table: each.where for _name, each in sorted(interfaces.items()) for route in each.routes}
    for name, uplink in sorted(uplinks.items()):
        if name in interfaces:
            wanted = "an interface that packets leave the host by is needed, and this one leads into tunnels"
            yield Problem(uplink.where, "interface", name, wanted)
        if uplink.table is not None:
            if uplink.table in routed:
                wanted = f"{routed[uplink.table]} has a route in this table; choose another number, or leave it out"
                yield Problem(uplink.where, "table", uplink.table, wanted)
            routed[uplink.table] = uplink.where


def allot_tables(
    uplinks: Mapping[str, Uplink], previous: Mapping[str, int], interfaces: Mapping[str, XfrmInterface]
) -> dict[str, int]:
    """Return the table of every uplink: as written, else as allotted before, else the lowest number of ours that is free."""
    taken = {route.table for each in interfaces.values() for route in each.routes}
    return allot({name: each.table for name, each in uplinks.items()}, previous, taken, first=FIRST_ALLOTTED_TABLE)
