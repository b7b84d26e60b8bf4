# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The corners of objects: their defaults, the shortest lifetimes, who is initiated to, and what may not be empty."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.options import dump_object, parse_object
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.phase1 import ANYONE, Phase1, address_family
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.running import RunOptions
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.secret import Secret
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError

P1: dict[str, Any] = {"name": "paris", "remote_endpoints": ["198.51.100.2"], "psk": "s3cret"}
P2: dict[str, Any] = {"name": "lan", "phase1": "paris"}
X: dict[str, Any] = {"name": "ipsec0"}


ONE_FAMILY = "a network of the family of local_networks is needed (IPv6): both sides of a selector have one family"


def refused(**lists: Any) -> list[str]:
    """Return the messages, or none when all is well."""
    try:
        parse_gateway(lists)
    except ValidationError as error:
        return str(error).splitlines()
    return []


def test_defaults() -> None:
    gateway = parse_gateway(
        {"phase1": [P1], "phase2": [P2], "xfrm_interfaces": [{**X, "routes": [{"destination": "::/0"}]}]}
    )
    assert dump_object(gateway.phase1["paris"], with_secrets=False) == {
        "name": "paris",
        "interfaces": ["any"],
        "ip_type": "ipv4",
        "ike_version": 2,
        "remote_endpoints": ["198.51.100.2"],
        "auth_method": "psk",
        "local_id": "my_address",
        "remote_id": "peer_address",
        "proposals": ["aes256-sha256-curve25519-modp4096"],
        "lifetime": 28800,
        "keyingtries": 0,
        "connection_type": "tunnel",
        "traffic_selector": "any",
        "encryption_type": "esp",
        "split_connections": False,
        "responder_only": False,
        "rekey": True,
        "close_action": "none",
        "nat_traversal": "auto",
        "firewall_rule": False,
        "restart_on_gateway_change": False,
        "dpd": {"enabled": True, "delay": 30, "timeout": 150},
    }
    assert dump_object(gateway.phase2["paris/lan"], with_secrets=False) == {
        "name": "lan",
        "phase1": "paris",
        "local_networks": ["dynamic"],
        "remote_networks": ["dynamic"],
        "proposals": ["aes256gcm16-curve25519-modp4096"],
        "lifetime": 3600,
        "install_routes": True,
        "allow": [],
        "nat_exemption": False,
    }
    assert dump_object(gateway.xfrm_interfaces["ipsec0"], with_secrets=False) == {
        "name": "ipsec0",
        "addresses": [],
        "routes": [{"destination": "::/0"}],
        "link_state": "up",
        "allow": [],
    }
    assert parse_object(RunOptions, {}, where="", problems=[]) == RunOptions("required", "required", None, True)


@pytest.mark.parametrize(
    ("lists", "messages"),
    [
        pytest.param({"phase1": [{**P1, "lifetime": 60}], "phase2": [{**P2, "lifetime": "1m"}]}, [], id="a minute"),
        pytest.param({"phase1": [{**P1, "lifetime": 59}]}, [
            "phase1 paris: lifetime is 59: at least 60 seconds are needed"], id="phase 1: a second less"),
        pytest.param({"phase2": [{**P2, "lifetime": 59}]}, [
            "phase2 paris/lan: lifetime is 59: at least 60 seconds are needed"], id="phase 2: a second less"),
        pytest.param({"phase2": [{}, {"name": "lan"}, {"phase1": "paris"}]}, [
            "phase2[0]: name: is required", "phase2[0]: phase1: is required", "phase2 lan: phase1: is required",
            "phase2[2]: name: is required"], id="phase 2: what it cannot do without"),
        pytest.param({"xfrm_interfaces": [{}]}, ["xfrm_interfaces[0]: name: is required"], id="a link without a name"),
        pytest.param({"phase2": [{**P2, "local_networks": [], "remote_networks": []}]}, [
            "phase2 paris/lan: local_networks is []: at least one network, or 'dynamic', is needed",
            "phase2 paris/lan: remote_networks is []: at least one network, or 'dynamic', is needed"],
            id="phase 2: no networks"),
        pytest.param({"phase2": [{**P2, "local_networks": ["2001:db8::/64"], "remote_networks": ["10.2.0.0/24"]}]}, [
            f"phase2 paris/lan: remote_networks is ['10.2.0.0/24']: {ONE_FAMILY}"], id="phase 2: two families"),
        pytest.param({"phase2": [{**P2, "local_networks": ["10.1.0.0/24"], "remote_networks": ["dynamic"]}]}, [],
                     id="phase 2: the other end's own address is of any family"),
    ],
)  # fmt: skip
def test_objects(lists: dict[str, Any], messages: list[str]) -> None:
    assert refused(**lists) == messages


@pytest.mark.parametrize("anyone", ANYONE)
def test_anyone_is_nobody_to_initiate_to(anyone: str) -> None:
    family = {"ip_type": "ipv6" if ":" in anyone else "ipv4"}
    waits = {**P1, **family, "init_type": "none", "remote_endpoints": [anyone]}
    assert refused(phase1=[waits]) == []
    nobody, first = refused(phase1=[{**waits, "init_type": "on_demand"}])
    assert nobody == (
        f"phase1 paris: remote_endpoints is ['{anyone}']: init_type on_demand initiates, so an address or a host name is "
        "needed among them; or set init_type: none"
    )
    assert first == (
        f"phase1 paris: remote_endpoints[0] is '{anyone}': the peer that we initiate to must come first, 'anyone' after it"
    )


def test_there_are_four_ways_to_say_anyone() -> None:
    assert ANYONE == ("0.0.0.0", "::", "0.0.0.0/0", "::/0")  # noqa: S104  # any peer


@pytest.mark.parametrize(
    ("endpoints", "first"),
    [
        ((ANYONE[0], "198.51.100.2"), "198.51.100.2"),
        (("198.51.100.0/24", "198.51.100.2-198.51.100.9", "gw-1.example.org", "198.51.100.7"), "gw-1.example.org"),
        (("2001:db8::1-2001:db8::9", "2001:db8::7"), "2001:db8::7"),
        (("fd00::1-fd00::9",), None),
        ((), None),
    ],
)
def test_who_is_initiated_to(endpoints: tuple[str, ...], first: str | None) -> None:
    assert Phase1(name="paris", remote_endpoints=endpoints, psk=Secret("x")).first_address() == first


@pytest.mark.parametrize(
    ("value", "family"),
    [
        ("192.0.2.1", 4),
        ("192.0.2.0/24", 4),
        ("192.0.2.1-192.0.2.9", 4),
        ("2001:db8::1", 6),
        ("fd00::/8", 6),
        ("::", 6),
        ("::/0", 6),
        ("", None),
        ("-", None),
        ("a", None),
        ("7", None),
        ("gw-1.example.org", None),
        ("dynamic", None),
        ("1.2.3", None),
    ],
)
def test_the_family_of_an_endpoint(value: str, family: int | None) -> None:
    assert address_family(value) == family


@pytest.mark.parametrize(
    ("interface", "messages"),
    [
        pytest.param({"mtu": 1280, "addresses": ["2001:db8::1/64"]}, [], id="just enough for IPv6"),
        pytest.param({"mtu": 1279, "addresses": ["10.255.0.1/30", "2001:db8::1/64"]}, [
            "xfrm_interface ipsec0: mtu is 1279: at least 1280 is needed for IPv6 (RFC 8200, section 5)"],
            id="one IPv6 address among others"),
        pytest.param({"mtu": 576}, [], id="the smallest"),
        pytest.param({"mtu": 575}, ["xfrm_interface ipsec0: mtu is 575: a whole number from 576 to 65535 is needed"],
                     id="less than the smallest"),
        pytest.param({"mtu": 65535, "if_id": 4294967293}, [], id="the largest"),
        pytest.param({"mtu": 65536, "if_id": 0}, [
            "xfrm_interface ipsec0: mtu is 65536: a whole number from 576 to 65535 is needed",
            "xfrm_interface ipsec0: if_id is 0: a whole number from 1 to 4294967293 is needed"], id="more than the largest"),
        pytest.param({"routes": [{"destination": "10.0.0.0/8", "metric": 1, "table": 1},
                                 {"destination": "10.0.0.0/8", "metric": 1, "table": 2},
                                 {"destination": "10.0.0.0/8", "metric": 2, "table": 1}]}, [], id="routes that differ"),
        pytest.param({"routes": [{"destination": "10.0.0.0/8"}, {"destination": "10.0.0.0/8"},
                                 {"destination": "::/0", "source": "10.0.0.1"}]}, [
            "xfrm_interface ipsec0: routes[1] is '10.0.0.0/8': each destination once for a metric and a table",
            "xfrm_interface ipsec0: routes[2].source is '10.0.0.1': an IPv6 address is needed, as the destination is ::/0"],
            id="routes that do not"),
        pytest.param({"routes": [{"destination": "10.0.0.0/8", "metric": 0, "table": 0}]}, [
            f"xfrm_interface ipsec0: routes[0].{name} is 0: a whole number from 1 to 4294967295 is needed"
            for name in ("metric", "table")], id="a route's numbers"),
        pytest.param({"link_state": "traps"}, [
            "xfrm_interface ipsec0: link_state is 'traps': one of up, follow, sa, down is needed"], id="no state"),
    ],
)  # fmt: skip
def test_interfaces(interface: dict[str, Any], messages: list[str]) -> None:
    assert refused(xfrm_interfaces=[{**X, **interface}]) == messages


FIREWALLD = (
    "firewalld makes its table anew whenever it likes, and takes rules by its own commands only: leave out firewall_rule and "
    "allow, and open the host there, such as by 'firewall-cmd --permanent --add-service=ipsec'"
)


@pytest.mark.parametrize(
    ("table", "messages"),
    [
        ("filter", []),
        ("swanfleet", ["is 'swanfleet': the table of the host itself is needed, this one is ours"]),
        ("firewalld", [f"is 'firewalld': {FIREWALLD}"]),
    ],
)
def test_a_table_of_the_host_is_one_that_takes_rules(table: str, messages: list[str]) -> None:
    firewall = [{"family": "inet", "table": table, "input_chain": "input"}]
    assert refused(firewall=firewall) == [f"firewall inet/{table}: table {message}" for message in messages]
