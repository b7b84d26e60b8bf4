# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The corners of what is checked between objects: boundaries of selectors, families, and what a message names."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import check_gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError

Config = dict[str, Any]


def phase1(name: str, interface: str | None = None) -> Config:
    return {"name": name, "remote_endpoints": ["198.51.100.2"], "psk": "s3cret", "xfrm_interface": interface}


def phase2(parent: str, local: str | list[str], remote: str | list[str], name: str = "lan") -> Config:
    return {"name": name, "phase1": parent, "local_networks": local, "remote_networks": remote}


def refused(config: Config) -> list[str]:
    """Return the messages, or none when all is well."""
    try:
        check_gateway(parse_gateway(config))
    except ValidationError as error:
        return str(error).splitlines()
    return []


def two(one: Config, other: Config, interface: str | None = "ipsec0") -> Config:
    """Return two connections on one interface with a phase 2 each."""
    return {
        "phase1": [phase1("paris", interface), phase1("rome", interface)],
        "phase2": [one, other],
        "xfrm_interfaces": [{"name": "ipsec0"}],
    }


PARIS = phase2("paris", "10.1.0.0/24", "10.2.0.0/24")
CLASH = (
    "phase2 rome/lan: remote_networks is '10.1.0.0/24 === 10.2.0.0/24': it overlaps with 10.1.0.0/24 === 10.2.0.0/24 of "
    "phase2 paris/lan on XFRM interface ipsec0; give one of the connections an interface of its own"
)


@pytest.mark.parametrize(
    ("local", "remote", "overlap"),
    [
        pytest.param("10.1.0.0/24", "10.2.0.255/32", True, id="the last remote address"),
        pytest.param("10.1.0.0/24", "10.2.0.0/32", True, id="the first remote address"),
        pytest.param("10.1.0.0/24", "10.2.1.0/32", False, id="the address after the last"),
        pytest.param("10.1.0.0/32", "10.2.0.128/25", True, id="the first local address"),
        pytest.param("10.1.0.255/32", "10.2.0.128/25", True, id="the last local address"),
        pytest.param("10.0.0.0/24", "10.2.0.128/25", False, id="a lower local network"),
        pytest.param("10.1.1.0/24", "10.2.0.128/25", False, id="a higher local network"),
        pytest.param("10.1.0.0/24", "dynamic", False, id="the peer's own address"),
        pytest.param("dynamic", "10.2.0.0/24", False, id="our own address"),
        pytest.param("dynamic", "dynamic", False, id="both ends' own addresses"),
        pytest.param(["10.9.0.0/24", "::/0"], "10.2.0.0/24", False, id="locals of two families"),
        pytest.param(["10.9.0.0/24", "::/0"], "10.0.0.0/8", False, id="locals of two families, a wider remote network"),
    ],
)
def test_boundaries_of_selectors(*, local: str | list[str], remote: str, overlap: bool) -> None:
    assert bool(refused(two(PARIS, phase2("rome", local, remote)))) is overlap


def test_no_packet_goes_from_one_family_to_the_other() -> None:
    ours, theirs = ["10.1.0.0/24", "2001:db8:{}::/64"], ["10.{}.0.0/24", "2001:db8:2::/64"]
    paris, rome = (
        phase2(parent, [each.format(site) for each in ours], [each.format(site) for each in theirs])
        for parent, site in (("paris", 3), ("rome", 4))
    )
    assert refused(two(paris, rome)) == []


def test_an_overlap_names_both_phase_2s_whatever_their_order() -> None:
    other = phase2("rome", "10.1.0.0/24", "10.2.0.0/24")
    assert refused(two(PARIS, other)) == refused(two(other, PARIS)) == [CLASH]


def test_selectors_of_different_protocols_do_not_overlap() -> None:
    tcp = phase2("paris", "10.1.0.0/24[tcp]", "10.2.0.0/24[tcp]")
    for protocol, overlap in (("tcp", True), ("udp", False)):
        other = phase2("rome", f"10.1.0.0/24[{protocol}]", f"10.2.0.0/24[{protocol}]")
        assert bool(refused(two(tcp, other))) is overlap


def test_no_packet_has_the_protocols_of_two_sides() -> None:
    tcp = phase2("paris", "10.1.0.0/24[tcp]", "10.2.0.0/24")
    for protocol, overlap in (("tcp", True), ("udp", False)):
        assert bool(refused(two(tcp, phase2("rome", "10.1.0.0/24", f"10.2.0.0/24[{protocol}]")))) is overlap


def test_policies_without_an_interface_may_overlap() -> None:
    assert refused(two(PARIS, phase2("rome", "10.1.0.0/24", "10.2.0.0/24"), interface=None)) == []


def test_every_interface_is_looked_at_and_told_in_the_order_of_names() -> None:
    names = ["b", "c", "d", "e"]
    config = {
        "phase1": [phase1("a"), *(phase1(name, "ipsec1" if name in "de" else "ipsec0") for name in names)],
        "phase2": [phase2(name, "10.1.0.0/24", "10.2.0.0/24") for name in ("a", "e", "d", "c", "b")],
        "xfrm_interfaces": [{"name": "ipsec0"}, {"name": "ipsec1"}],
    }
    assert [message.partition(":")[0] for message in refused(config)] == ["phase2 c/lan", "phase2 e/lan"]


SMALL = "xfrm_interface ipsec0: mtu is {}: at least 1280 is needed, as phase2 paris/{} has an IPv6 network"
V6 = "2001:db8:2::/64"


@pytest.mark.parametrize(
    ("mtu", "remote", "messages"),
    [
        pytest.param(1279, V6, [SMALL.format(1279, "lan")], id="too small for IPv6"),
        pytest.param(1279, ["10.2.0.0/24", V6], [SMALL.format(1279, "lan")], id="one IPv6 network among others"),
        pytest.param(1280, V6, [], id="just enough"),
        pytest.param(None, V6, [], id="the kernel's own"),
        pytest.param(576, "10.2.0.0/24", [], id="enough for IPv4"),
    ],
)
def test_ipv6_needs_an_mtu(mtu: int | None, remote: str | list[str], messages: list[str]) -> None:
    config = {
        "phase1": [phase1("paris", "ipsec0")],
        "phase2": [phase2("paris", "dynamic", remote)],
        "xfrm_interfaces": [{"name": "ipsec0", "mtu": mtu}],
    }
    assert refused(config) == messages


def test_every_phase_2_is_looked_at_for_the_mtu() -> None:
    config = {
        "phase1": [phase1("oslo", "ipsec1"), phase1("bonn"), phase1("paris", "ipsec0")],
        "phase2": [
            phase2("paris", "2001:db8:1::/64", V6, "b"), phase2("paris", "2001:db8:3::/64", V6, "a"),
            phase2("oslo", "dynamic", V6), phase2("bonn", "dynamic", V6),
        ],
        "xfrm_interfaces": [{"name": "ipsec0", "mtu": 1000}, {"name": "ipsec1", "mtu": 1400}],
    }  # fmt: skip
    assert refused(config) == [SMALL.format(1000, "a"), SMALL.format(1000, "b")]


@pytest.mark.parametrize(
    ("known", "there_are"),
    [
        pytest.param("ea", "there are a, e", id="sorted"),
        pytest.param("edcba", "there are a, b, c, d, e", id="five"),
        pytest.param("fedcba", "there are a, b, c, d, e, …", id="no more than five"),
    ],
)
def test_a_few_of_what_there_is(known: str, there_are: str) -> None:
    config = {"phase1": [phase1("paris", "ipsec0")], "xfrm_interfaces": [{"name": name} for name in known]}
    assert refused(config) == [
        f"phase1 paris: xfrm_interface is 'ipsec0': there is no XFRM interface of this name; {there_are}"
    ]


def test_numbers_are_compared_beside_interfaces_without_one() -> None:
    config = {"xfrm_interfaces": [{"name": "a"}, *({"name": name, "if_id": 7} for name in "bcd")]}
    words = "if_id is 7: it is the number of b already; each number once, or leave it out"
    assert refused(config) == [f"xfrm_interface c: {words}", f"xfrm_interface d: {words}"]
