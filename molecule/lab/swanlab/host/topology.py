# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sites, their networks and their addresses, as values; and the ip(8) commands that make them.

One uplink, from the gateway to the router, with the names of berlin's wan0 (devices of the namespace `wires` in
brackets, between bars the bridges there):

    berlin:wan0 -- [b0-gw] | b0-x | [b0-tap] -- [b0-net] | b0-y | [b0-in] -- router:berlin-wan0

The wires stay when a gateway loses its namespace in a reboot, so a capture (what leaves b0-tap is what the gateway
sent, before any loss or delay) and impairments (on b0-in and b0-net) outlive it.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

MANAGEMENT_BRIDGE = "mgmt"
MANAGEMENT_HOST = "172.31.255.1"
#: What a gateway may have, in the order of their hardware addresses.
DEVICES = ("mgmt0", "lan0", "wan0", "wan1")


@dataclass(frozen=True)
class Uplink:
    """One way out of a site; addresses carry their prefix length.

    `wires` is the tag of the wires that it is plugged into, its own ones if empty.
    """

    device: str
    tag: str
    address4: str
    router4: str
    address6: str
    router6: str
    default_route: bool
    wires: str = ""


@dataclass(frozen=True)
class Site:
    """A gateway with its Debian release and its uplinks, the network behind it and one host in that network."""

    name: str
    release: str
    uplinks: tuple[Uplink, ...]
    lan4: str
    lan6: str
    host4: str
    host6: str
    management: str
    #: The letter of the site whose network it is plugged into, its own one if empty.
    lan: str = ""

    @property
    def lan_node(self) -> str:
        """Return the name of the host in the site's network."""
        return f"lan-{self.name}"

    @property
    def devices(self) -> tuple[str, ...]:
        """Return the names of the gateway's network devices."""
        return (*DEVICES[:2], *(link.device for link in self.uplinks))

    @property
    def tag(self) -> str:
        """Return the letter that begins the names of the site's wires."""
        return self.name[0]


BERLIN = Site(
    name="berlin",
    release="bookworm",
    uplinks=(
        Uplink("wan0", "b0", "192.0.2.2/24", "192.0.2.1/24", "2001:db8:1::2/64", "2001:db8:1::1/64", True),
        Uplink("wan1", "b1", "203.0.113.2/25", "203.0.113.1/25", "2001:db8:11::2/64", "2001:db8:11::1/64", False),
    ),
    lan4="10.1.0.1/24",
    lan6="fd00:1::1/64",
    host4="10.1.0.10/24",
    host6="fd00:1::10/64",
    management="172.31.255.11/24",
)
PARIS = Site(
    name="paris",
    release="trixie",
    uplinks=(
        Uplink("wan0", "p0", "198.51.100.2/24", "198.51.100.1/24", "2001:db8:2::2/64", "2001:db8:2::1/64", True),
        Uplink("wan1", "p1", "203.0.113.130/25", "203.0.113.129/25", "2001:db8:12::2/64", "2001:db8:12::1/64", False),
    ),
    lan4="10.2.0.1/24",
    lan6="fd00:2::1/64",
    host4="10.2.0.10/24",
    host6="fd00:2::10/64",
    management="172.31.255.12/24",
)
MADRID = Site(
    name="madrid",
    release="bookworm",
    uplinks=(Uplink("wan0", "m0", "198.18.3.2/24", "198.18.3.1/24", "2001:db8:3::2/64", "2001:db8:3::1/64", True),),
    lan4="10.3.0.1/24",
    lan6="fd00:3::1/64",
    host4="10.3.0.10/24",
    host6="fd00:3::10/64",
    management="172.31.255.13/24",
)
ROME = Site(
    name="rome",
    release="trixie",
    uplinks=(Uplink("wan0", "r0", "198.18.4.2/24", "198.18.4.1/24", "2001:db8:4::2/64", "2001:db8:4::1/64", True),),
    lan4="10.4.0.1/24",
    lan6="fd00:4::1/64",
    host4="10.4.0.10/24",
    host6="fd00:4::10/64",
    management="172.31.255.14/24",
)
SITES = {site.name: site for site in (BERLIN, PARIS, MADRID, ROME)}
GATEWAYS = tuple(SITES)
#: Namespaces that are no gateway; `wires` is not for users.
PLAIN_NODES = ("router", *(site.lan_node for site in SITES.values()))
NODES = (*GATEWAYS, *PLAIN_NODES)


@dataclass(frozen=True)
class Batch:
    """Lines for one `ip -batch`, inside a namespace or (empty name) on the lab host itself."""

    namespace: str
    lines: tuple[str, ...]


def beside(site: Site, other: Site) -> Site:
    """Return a gateway that stands beside another one: in the same networks, with the addresses that follow."""
    uplinks = tuple(
        dataclasses.replace(
            theirs,
            device=own.device,
            tag=own.tag,
            address4=following(theirs.address4),
            address6=following(theirs.address6),
            wires=theirs.tag,
        )
        for own, theirs in zip(site.uplinks, other.uplinks, strict=False)
    )
    return dataclasses.replace(
        site, uplinks=uplinks, lan4=following(other.lan4), lan6=following(other.lan6), lan=other.tag
    )


def following(address: str) -> str:
    """Return the next address of the same network."""
    given = ipaddress.ip_interface(address)
    return f"{given.ip + 1}/{given.network.prefixlen}"


def uplink(site: str, device: str) -> Uplink:
    """Return an uplink by its site and device; KeyError names what is unknown."""
    for candidate in SITES[site].uplinks:
        if candidate.device == device:
            return candidate
    raise KeyError(f"{site} has no uplink {device}")


def hardware_address(site: Site, device: str) -> str:
    """Return a device's address on the wire: that of a network card, the same after each reboot."""
    return f"02:00:00:00:{GATEWAYS.index(site.name) + 1:02x}:{DEVICES.index(device):02x}"


def plain(address: str) -> str:
    """Return an address without its prefix length."""
    return address.partition("/")[0]


def lasting_batches(*, prefix: str) -> Iterator[Batch]:
    """Yield what outlives every gateway: wires, router, hosts in the sites' networks."""
    router, wires = f"{prefix}router", f"{prefix}wires"
    inside: list[str] = []
    routing: list[str] = ["link set lo up"]
    for site in SITES.values():
        for link in site.uplinks:
            tag, name = link.tag, f"{site.name}-{link.device}"
            inside += [
                *bridge(f"{tag}-x"),
                *bridge(f"{tag}-y"),
                f"link add {tag}-tap type veth peer name {tag}-net",
                f"link add {tag}-in type veth peer name {name} netns {router}",
                f"link set {tag}-tap master {tag}-x up",
                f"link set {tag}-net master {tag}-y up",
                f"link set {tag}-in master {tag}-y up",
            ]
            routing += [
                f"link set {name} up",
                f"address add {link.router4} dev {name}",
                f"address add {link.router6} dev {name} nodad",
            ]
        inside += [
            *bridge(f"{site.tag}-lan"),
            f"link add {site.tag}-host type veth peer name eth0 netns {prefix}{site.lan_node}",
            f"link set {site.tag}-host master {site.tag}-lan up",
        ]
    yield Batch(wires, tuple(inside))
    yield Batch(router, tuple(routing))
    for site in SITES.values():
        lines = (
            "link set lo up",
            "link set eth0 up",
            f"address add {site.host4} dev eth0",
            f"address add {site.host6} dev eth0 nodad",
            f"route add default via {plain(site.lan4)}",
            f"route add ::/0 via {plain(site.lan6)}",
        )
        yield Batch(f"{prefix}{site.lan_node}", lines)


def gateway_batches(site: Site, *, prefix: str, bridge_name: str) -> Iterator[Batch]:
    """Yield the links of one gateway's new namespace, with their addresses: what a computer has after power-on."""
    gateway, wires = f"{prefix}{site.name}", f"{prefix}wires"
    cable = f"{bridge_name}-{site.name}"
    yield Batch(
        "",
        (
            f"link add {cable} type veth peer name mgmt0 netns {gateway}",
            f"link set {cable} master {bridge_name} up",
            # Gateways of different places share no network but the Internet: over this one, MOBIKE would find a way past it.
            f"link set {cable} type bridge_slave isolated on",
        ),
    )
    outside = [
        f"link add {site.tag}-gw type veth peer name lan0 netns {gateway}",
        f"link set {site.tag}-gw master {site.lan or site.tag}-lan up",
    ]
    inside = [
        "link set lo up",
        *(f"link set {device} address {hardware_address(site, device)}" for device in site.devices),
        "link set mgmt0 up",
        f"address add {site.management} dev mgmt0",
        "link set lan0 up",
        f"address add {site.lan4} dev lan0",
        f"address add {site.lan6} dev lan0 nodad",
    ]
    for link in site.uplinks:
        outside += [
            f"link add {link.tag}-gw type veth peer name {link.device} netns {gateway}",
            f"link set {link.tag}-gw master {link.wires or link.tag}-x up",
        ]
        inside += [
            f"link set {link.device} up",
            f"address add {link.address4} dev {link.device}",
            f"address add {link.address6} dev {link.device} nodad",
        ]
        if link.default_route:
            inside += [
                f"route add default via {plain(link.router4)} dev {link.device}",
                f"route add ::/0 via {plain(link.router6)} dev {link.device}",
            ]
    yield Batch(wires, tuple(outside))
    yield Batch(gateway, tuple(inside))


def unplug_batches(site: Site, *, prefix: str, bridge_name: str) -> Iterator[Batch]:
    """Yield the removal of a gateway's links from outside: at once, not when the kernel has freed the namespace."""
    yield Batch("", (f"link delete {bridge_name}-{site.name}",))
    names = [f"{site.tag}-gw", *(f"{link.tag}-gw" for link in site.uplinks)]
    yield Batch(f"{prefix}wires", tuple(f"link delete {name}" for name in names))


def bridge(name: str) -> tuple[str, str]:
    """Return the lines for a bridge that forwards from its first moment and learns nothing about multicast."""
    return (f"link add {name} type bridge stp_state 0 forward_delay 0 mcast_snooping 0", f"link set {name} up")
