# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The value of a pool: virtual addresses that charon gives to peers which ask for one, and what it tells them along."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import Problem
from . import kinds
from .options import Kind, list_of, object_of, option
from .phase1 import Phase1

# Names that charon's other backends of addresses have (src/libcharon/plugins/dhcp, eap_radius).
BACKENDS = {"dhcp": "dhcp", "radius": "eap-radius"}
ATTRIBUTES = ("dns", "nbns", "dhcp", "netmask", "server", "subnet", "split_include", "split_exclude")


def parse_addresses(value: Any) -> str:
    """Accept a network, or a range of addresses, that a pool takes its addresses from."""
    wanted = "a network or a range of addresses is needed, such as 10.9.0.0/24 or 10.9.0.10-10.9.0.99"
    if not isinstance(value, str):
        raise ValueError(wanted)
    try:
        found = kinds.parse_endpoint(value)
    except ValueError as error:
        raise ValueError(str(error) if "did you mean" in str(error) else wanted) from None
    if "/" not in found and ("-" not in found or not _is_range(found)):
        raise ValueError(wanted)
    return found


def _is_range(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("-")[0])
    except ValueError:
        return False
    return True


def parse_attribute_value(value: Any) -> str:
    """Accept an address or a network."""
    wanted = "an address or a network is needed, such as 10.9.0.1 or 10.9.0.0/24"
    if not isinstance(value, str):
        raise ValueError(wanted)
    try:
        return kinds.parse_network(value) if "/" in value else kinds.parse_address(value)
    except ValueError as error:
        raise ValueError(str(error) if "did you mean" in str(error) else wanted) from None


def parse_text(value: Any) -> str:
    """Accept the text of an attribute; swanctl.conf keeps the comma, and the blanks around it, for itself."""
    wanted = "a text of 1 to 255 characters is needed, without comma, control characters and blanks at its ends"
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(wanted)
    text = str(value)
    if not 0 < len(text) <= 255 or "," in text or text != text.strip() or not (text.isascii() and text.isprintable()):
        raise ValueError(wanted)
    return text


ADDRESSES = Kind("str", parse_addresses)
ATTRIBUTE = Kind("str", parse_attribute_value)
TEXT = Kind("str", parse_text)
# 15 bits (RFC 7296, section 3.15.1).
NUMBER = kinds.integer(1, 32767)


@dataclass(frozen=True)
class PoolAttribute:
    """An attribute that has no name here, by its number."""

    number: int = option(NUMBER, "Number of the attribute, as IANA has assigned it.", required=True)
    values: tuple[str, ...] = option(
        list_of(TEXT), "Its values; an address or a network is sent as one, anything else as text.", required=True
    )


@dataclass(frozen=True)
class Pool:
    """A pool of virtual addresses, with the attributes that go along with them."""

    name: str = option(kinds.NAME, "Name of the pool; C(pools) of a phase 1 refers to it.", identifies=True)
    addrs: str = option(
        ADDRESSES, "Network or range that addresses are taken from. Pools must not overlap.", required=True
    )
    dns: tuple[str, ...] | None = option(list_of(ATTRIBUTE), "Addresses of name servers.")
    nbns: tuple[str, ...] | None = option(list_of(ATTRIBUTE), "Addresses of WINS servers.")
    dhcp: tuple[str, ...] | None = option(list_of(ATTRIBUTE), "Addresses of DHCP servers.")
    netmask: tuple[str, ...] | None = option(list_of(ATTRIBUTE), "Netmask of the virtual network, as an address.")
    server: tuple[str, ...] | None = option(list_of(ATTRIBUTE), "Addresses of the server (a private attribute).")
    subnet: tuple[str, ...] | None = option(list_of(ATTRIBUTE), "Networks that this gateway protects.")
    split_include: tuple[str, ...] | None = option(
        list_of(ATTRIBUTE), "Networks that a peer shall send through the tunnel (Cisco Unity)."
    )
    split_exclude: tuple[str, ...] | None = option(
        list_of(ATTRIBUTE), "Networks that a peer shall not send through the tunnel (Cisco Unity)."
    )
    attributes: tuple[PoolAttribute, ...] | None = option(
        list_of(object_of(PoolAttribute)), "Other attributes, by their numbers."
    )

    @property
    def where(self) -> str:
        """Return how messages name this object."""
        return f"pool {self.name}"

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong about this object by itself."""
        if self.name in BACKENDS:
            yield Problem(self.where, "name", self.name, "charon keeps this name for another source of addresses")
        numbers = [each.number for each in self.attributes or ()]
        for index, number in enumerate(numbers):
            if number in numbers[:index]:
                yield Problem(
                    self.where, f"attributes[{index}].number", number, "each number once, with all its values"
                )

    def span(self) -> tuple[int, int, int]:
        """Return the family (4, 6) and the first and last address as numbers."""
        if "/" in self.addrs:
            network = ipaddress.ip_network(self.addrs)
            return network.version, int(network.network_address), int(network.broadcast_address)
        first, last = (ipaddress.ip_address(each) for each in self.addrs.split("-"))
        return first.version, int(first), int(last)


def pool_problems(connections: Mapping[str, Phase1], pools: Mapping[str, Pool]) -> Iterator[Problem]:
    """Yield every problem between the pools and the phase 1 objects of one gateway."""
    yield from missing_pools(connections, pools)
    yield from overlaps(pools)


def missing_pools(connections: Mapping[str, Phase1], pools: Mapping[str, Pool]) -> Iterator[Problem]:
    """Yield a problem for every phase 1 that refers to a pool which is not there."""
    for _name, connection in sorted(connections.items()):
        for index, each in enumerate(connection.pools or ()):
            if each not in pools and each not in BACKENDS:
                known = ", ".join(sorted(pools)) or "none yet"
                wanted = f"there is no pool of this name, there are {known}; or dhcp or radius for those sources"
                yield Problem(connection.where, f"pools[{index}]", each, wanted)


def overlaps(pools: Mapping[str, Pool]) -> Iterator[Problem]:
    """Yield a problem for every pool that shares addresses with another one."""
    ordered = sorted(pools.values(), key=lambda pool: (*pool.span(), pool.name))
    for one, other in zip(ordered, ordered[1:]):
        if one.span()[0] == other.span()[0] and other.span()[1] <= one.span()[2]:
            yield Problem(other.where, "addrs", other.addrs, f"it overlaps with {one.addrs} of {one.where}")
