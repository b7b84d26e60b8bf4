# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks of the lab, as values and as commands."""

from __future__ import annotations

import ipaddress
import re
import stat
from pathlib import Path

import pytest
from swanlab.host import gateways, topology
from swanlab.host.network import impaired_devices, set_link
from swanlab.host.running import HostError, Place
from swanlab.image import RELEASES
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
    assert len(same_family) == 180
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
    assert len(given) == 20
    assert all(line.endswith("nodad") for line in given)


def test_hardware_addresses_are_local_fixed_and_distinct() -> None:
    addresses = [topology.hardware_address(s, d) for s in topology.SITES.values() for d in s.devices]
    assert len(addresses) == len(set(addresses)) == 14
    assert all(address.startswith("02:") for address in addresses)


def test_what_is_plugged_in_can_be_unplugged() -> None:
    for site in topology.SITES.values():
        plugged = topology.gateway_batches(site, prefix="", bridge_name="mgmt")
        outer = {line.split()[2] for batch in plugged for line in batch.lines if line.startswith("link add")}
        removed = topology.unplug_batches(site, prefix="", bridge_name="mgmt")
        assert {line.split()[2] for batch in removed for line in batch.lines} == outer


def test_gateways_do_not_reach_each_other_over_the_management_bridge() -> None:
    for site in topology.SITES.values():
        (outside, *_inside) = topology.gateway_batches(site, prefix="", bridge_name="mgmt")
        assert f"link set mgmt-{site.name} type bridge_slave isolated on" in outside.lines


def test_impairments_lie_behind_the_capture() -> None:
    devices = [device for site in topology.SITES for device in impaired_devices(site, "wan0")]
    assert devices == ["b0-in", "b0-net", "p0-in", "p0-net", "m0-in", "m0-net", "r0-in", "r0-net"]


def test_a_prefix_keeps_two_labs_on_one_computer_apart() -> None:
    batches = [*topology.lasting_batches(prefix="lab-a-")]
    assert all(batch.namespace.startswith("lab-a-") for batch in batches)
    inside = [name for batch in batches for line in batch.lines for name in re.findall(r"netns (\S+)", line)]
    assert inside
    assert all(name.startswith("lab-a-") for name in inside)


def test_the_nodes_have_addresses_of_their_own_on_the_management_bridge() -> None:
    network = ipaddress.ip_network("172.31.255.0/24")
    assert len(set(GUEST_ADDRESSES.values())) == 1 + len(topology.GATEWAYS)
    assert all(ipaddress.ip_address(address) in network for address in GUEST_ADDRESSES.values())


def test_there_are_two_gateways_of_each_release_and_a_pair_across() -> None:
    by_release = {release: {s.name for s in topology.SITES.values() if s.release == release} for release in RELEASES}
    assert by_release == {"bookworm": {"berlin", "madrid"}, "trixie": {"paris", "rome"}}


def test_a_gateway_stands_on_the_root_of_its_release_and_sees_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path / "run", str(tmp_path), "", "mgmt")
    (tmp_path / "srv" / "trixie").mkdir(parents=True)
    assert place.lower_root("bookworm") == tmp_path
    assert place.lower_root("trixie") == tmp_path / "srv" / "trixie"
    hidden: list[tuple[str, int]] = []
    monkeypatch.setattr("os.mknod", lambda path, mode: hidden.append((path.name, mode)))
    for release in RELEASES:
        upper = tmp_path / "upper" / release
        upper.mkdir(parents=True)
        gateways.hide_other_releases(place.lower_root(release), upper)
    assert hidden == [("trixie", stat.S_IFCHR)]


def test_a_gateway_asks_no_name_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(tmp_path / "run", str(tmp_path), "", "mgmt")
    etc = place.root("berlin") / "etc"

    def mount(argv: list[str]) -> None:
        assert argv[0] == "mount"
        (etc / "systemd/system").mkdir(parents=True)
        (etc / "resolv.conf").write_text("nameserver 192.0.2.53\n")

    monkeypatch.setattr(gateways, "run", mount)
    gateways.make_root(place, "berlin")
    assert (etc / "resolv.conf").read_text() == ""
    assert "berlin" in (etc / "hosts").read_text()


def test_one_that_stands_beside_another_is_in_its_networks_with_addresses_of_its_own() -> None:
    moved = topology.beside(topology.ROME, topology.BERLIN)
    (link,) = moved.uplinks
    assert (link.device, link.address4, link.address6) == ("wan0", "192.0.2.3/24", "2001:db8:1::3/64")
    assert (link.router4, moved.lan4, moved.lan6) == ("192.0.2.1/24", "10.1.0.2/24", "fd00:1::2/64")
    assert (moved.name, moved.release, moved.management) == ("rome", "trixie", topology.ROME.management)
    lines = [line for b in topology.gateway_batches(moved, prefix="", bridge_name="mgmt") for line in b.lines]
    assert {"link set r-gw master b-lan up", "link set r0-gw master b0-x up"} < set(lines)
    assert not [line for line in lines_of("berlin") if set(line.split()) & {link.address4, moved.lan4, moved.lan6}]
    assert moved.host4 == topology.ROME.host4


def test_a_gateway_stays_where_it_was_moved_to(tmp_path: Path) -> None:
    place = Place(tmp_path, "/", "", "mgmt")
    assert place.site("rome") == topology.ROME
    place.seat_file("rome").parent.mkdir()
    place.seat_file("rome").write_text("berlin\n")
    assert place.site("rome") == topology.beside(topology.ROME, topology.BERLIN)
    with pytest.raises(HostError, match="stands beside another"):
        set_link(place, "rome", "wan0", state="silent")


def test_an_unknown_uplink_is_named() -> None:
    with pytest.raises(KeyError, match="berlin has no uplink wan7"):
        topology.uplink("berlin", "wan7")
