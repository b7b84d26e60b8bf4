# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks of the lab, as values and as commands."""

from __future__ import annotations

import ipaddress
import re

import pytest
from swanlab.host import topology
from swanlab.host.network import impaired_devices
from swanlab.machine import GUEST_ADDRESSES

EVERYTHING = [
    *topology.lasting_batches(prefix=""),
    *(
        batch
        for site in topology.SITES.values()
        for batch in topology.gateway_batches(site, prefix="", bridge_name=topology.MANAGEMENT_BRIDGE)
    ),
]


def lines_of(namespace: str) -> list[str]:
    return [line for batch in EVERYTHING if batch.namespace == namespace for line in batch.lines]


def test_every_device_name_fits_the_kernel() -> None:
    names = [name for batch in EVERYTHING for line in batch.lines for name in re.findall(r"(?:add|name) (\S+)", line)]
    assert len(names) > 30
    assert not [name for name in names if len(name) > 15 and not re.match(r"[\d:a-f./]+$", name)]


def test_no_address_is_given_twice() -> None:
    given = [line.split()[2] for batch in EVERYTHING for line in batch.lines if line.startswith("address add")]
    assert len(given) == len(set(given)) > 20


def test_networks_of_the_sites_and_between_them_do_not_overlap() -> None:
    networks = []
    for site in topology.SITES.values():
        addresses = [site.lan4, site.lan6, *(a for link in site.uplinks for a in (link.address4, link.address6))]
        networks += [ipaddress.ip_interface(address).network for address in addresses]
    same_family = [(a, b) for a in networks for b in networks if a is not b and a.version == b.version]
    assert len(same_family) == 60
    assert not [(a, b) for a, b in same_family if a.overlaps(b)]


@pytest.mark.parametrize("site", topology.SITES.values(), ids=str)
def test_each_uplinks_router_is_in_its_network(site: topology.Site) -> None:
    for link in site.uplinks:
        for own, router in ((link.address4, link.router4), (link.address6, link.router6)):
            assert ipaddress.ip_interface(own).network == ipaddress.ip_interface(router).network
            assert own != router


def test_the_router_knows_no_way_to_the_networks_behind_the_gateways() -> None:
    assert not [line for line in lines_of("router") if "route" in line or " 10." in line or " fd00:" in line]


@pytest.mark.parametrize("gateway", topology.GATEWAYS)
def test_only_the_first_uplink_carries_the_default_routes(gateway: str) -> None:
    routes = [line for line in lines_of(gateway) if line.startswith("route")]
    assert len(routes) == 2
    assert all(line.endswith("dev wan0") for line in routes)


def test_ipv6_addresses_are_there_without_a_wait() -> None:
    given = [line for batch in EVERYTHING for line in batch.lines if re.match(r"address add \S*:", line)]
    assert len(given) == 12
    assert all(line.endswith("nodad") for line in given)


def test_hardware_addresses_are_local_fixed_and_distinct() -> None:
    addresses = [topology.hardware_address(s, d) for s in topology.SITES.values() for d in topology.DEVICES]
    assert len(set(addresses)) == 8
    assert all(address.startswith("02:") for address in addresses)


def test_what_is_plugged_in_can_be_unplugged() -> None:
    for site in topology.SITES.values():
        plugged = topology.gateway_batches(site, prefix="", bridge_name="mgmt")
        outer = {line.split()[2] for batch in plugged for line in batch.lines if line.startswith("link add")}
        removed = topology.unplug_batches(site, prefix="", bridge_name="mgmt")
        assert {line.split()[2] for batch in removed for line in batch.lines} == outer


def test_impairments_lie_behind_the_capture() -> None:
    devices = [device for site in topology.SITES for device in impaired_devices(site, "wan0")]
    assert devices == ["b0-in", "b0-net", "p0-in", "p0-net"]


def test_a_prefix_keeps_two_labs_on_one_computer_apart() -> None:
    batches = [*topology.lasting_batches(prefix="lab-a-")]
    assert all(batch.namespace.startswith("lab-a-") for batch in batches)
    inside = [name for batch in batches for line in batch.lines for name in re.findall(r"netns (\S+)", line)]
    assert inside
    assert all(name.startswith("lab-a-") for name in inside)


def test_the_forwarded_ports_lead_to_the_nodes_addresses() -> None:
    assert {
        "machine": topology.MANAGEMENT_HOST,
        **{name: topology.plain(site.management) for name, site in topology.SITES.items()},
    } == GUEST_ADDRESSES


def test_an_unknown_uplink_is_named() -> None:
    with pytest.raises(KeyError, match="berlin has no uplink wan7"):
        topology.uplink("berlin", "wan7")
