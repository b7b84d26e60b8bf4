# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every name of a protocol and of a port, written out as in the registries, and the numbers at the ends."""

from __future__ import annotations

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.selectors import (
    PROTOCOLS,
    SERVICES,
    one_sided,
    parse_selector,
)

# https://www.iana.org/assignments/protocol-numbers
NUMBERS = (
    "icmp 1, igmp 2, ipencap 4, tcp 6, egp 8, udp 17, dccp 33, ipv6 41, rsvp 46, gre 47, esp 50, ah 51, icmpv6 58, "
    "ipv6-icmp 58, eigrp 88, ospf 89, ipip 94, pim 103, vrrp 112, l2tp 115, isis 124, sctp 132, mobility-header 135, "
    "udplite 136"
)
# https://www.iana.org/assignments/service-names-port-numbers
PORTS = (
    "ftp 21, ssh 22, telnet 23, smtp 25, domain 53, bootps 67, bootpc 68, tftp 69, http 80, kerberos 88, pop3 110, ntp 123, "
    "imap2 143, snmp 161, snmp-trap 162, bgp 179, ldap 389, https 443, syslog 514, ldaps 636, ms-sql-s 1433, l2f 1701, "
    "radius 1812, radius-acct 1813, nfs 2049, mysql 3306, ms-wbt-server 3389, sip 5060, postgresql 5432"
)


@pytest.mark.parametrize("line", NUMBERS.split(", "))
def test_a_protocol_by_its_name(line: str) -> None:
    name, number = line.split()
    assert parse_selector(f"10.1.0.0/24[{name}]") == f"10.1.0.0/24[{number}]"


@pytest.mark.parametrize("line", PORTS.split(", "))
def test_a_port_by_its_name(line: str) -> None:
    name, number = line.split()
    assert parse_selector(f"10.1.0.0/24[tcp/{name}]") == f"10.1.0.0/24[6/{number}]"


def test_there_are_no_other_names() -> None:
    assert len(PROTOCOLS) == len(NUMBERS.split(", ")) + len(["any"])
    assert len(SERVICES) == len(PORTS.split(", "))


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("[255]", "[255]"),
        ("[0]", ""),
        ("[tcp/65535]", "[6/65535]"),
        ("[tcp/0]", "[6/0]"),
        ("[tcp/0-65534]", "[6/0-65534]"),
        ("[icmp/255]", "[1/65280]"),
        ("[icmp/256]", "[1/256]"),
        ("[ipv6-icmp/1-4]", "[58/256-1024]"),
        ("[gre/8]", "[47/8]"),
    ],
)
def test_the_numbers_at_the_ends(written: str, taken: str) -> None:
    assert parse_selector(f"10.1.0.0/24{written}") == f"10.1.0.0/24{taken}"


@pytest.mark.parametrize("written", ["256", "tcp/65536", "tcp/0-65536", "tcp/9-8", "tcp/1-2-3", "tcp/-1", "icmp/2-1"])
def test_what_is_beyond_them(written: str) -> None:
    with pytest.raises(ValueError, match="protocol and port are written as in"):
        parse_selector(f"10.1.0.0/24[{written}]")


def test_a_range_of_one_address_is_that_address() -> None:
    assert parse_selector("10.1.0.1-10.1.0.1[tcp]") == "10.1.0.1/32[6]"


@pytest.mark.parametrize(
    ("local", "remote", "wanted"),
    [
        pytest.param(["10.1.0.0/24[6]", "10.1.0.0/24[17]"], ["10.2.0.0/24[6]"], "", id="one pair is enough"),
        pytest.param(["10.1.0.0/24", "2001:db8::/64"], ["10.2.0.0/24"], "", id="so it is for families"),
        pytest.param(["10.1.0.0/24[6]"], ["10.2.0.0/24[17]", "10.3.0.0/24[1]"], (
            "a network with the protocol of local_networks is needed, or with none: both sides of a selector have one protocol"
        ), id="no protocol of both"),
        pytest.param(["2001:db8::/64"], ["10.2.0.0/24"], (
            "a network of the family of local_networks is needed (IPv6): both sides of a selector have one family"
        ), id="no family of both"),
        pytest.param(["dynamic[6]"], ["10.2.0.0/24"], "", id="the endpoint's own address"),
        pytest.param([], ["10.2.0.0/24"], "", id="nothing"),
    ],
)  # fmt: skip
def test_a_packet_has_both_sides(local: list[str], remote: list[str], wanted: str) -> None:
    assert one_sided(local, remote) == wanted
