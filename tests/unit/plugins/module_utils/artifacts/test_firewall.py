# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is let in, and what passes the guard: the sets of our table, as numbers."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.boxes import Box
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.firewall import firewall
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.nft import NftSet
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import check_gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation

Config = dict[str, Any]
PARIS: Config = {"name": "paris", "remote_endpoints": ["198.51.100.2"], "psk": "a long enough key"}
LAN: Config = {
    "name": "lan", "phase1": "paris", "local_networks": ["10.1.0.0/16"], "remote_networks": ["10.3.0.0/16"],
    "plaintext_guard": True,
}  # fmt: skip
ANY4, ANY6 = (0, 2**32 - 1), (0, 2**128 - 1)
ANY_PROTOCOL, ANY_PORT = (0, 255), (0, 65535)


def sets_of(
    phase1: Config,
    *phase2: Config,
    shunts: Sequence[Config] = (),
    names: Mapping[str, tuple[str, ...]] | None = None,
) -> Mapping[str, NftSet]:
    gateway = parse_gateway({"phase1": [{**PARIS, **phase1}], "phase2": list(phase2), "shunts": list(shunts)})
    check_gateway(gateway)
    made, warnings = firewall(gateway, Situation(b"k" * 32, names=names or {}))
    assert (made.table is None, warnings) == (False, [])
    return made.table.sets if made.table is not None else {}


def span(text: str) -> tuple[int, int]:
    network = ipaddress.ip_network(text)
    return int(network[0]), int(network[-1])


def test_a_peer_after_one_that_has_a_name_is_let_in_too() -> None:
    endpoints = ["gw.example.org", "198.51.100.2", "198.51.100.9"]
    sets = sets_of({"firewall_rule": True, "remote_endpoints": endpoints}, names={"gw.example.org": ("203.0.113.7",)})
    found = {name.partition("4_")[0]: each.boxes for name, each in sets.items()}
    assert found == {
        "peers": ((span("198.51.100.2/32"),), (span("198.51.100.9/32"),)),
        "names": ((span("203.0.113.7/32"),),),
    }


def test_a_guard_of_ipv6_alone_is_one() -> None:
    child = {"local_networks": ["2001:db8:1::/64"], "remote_networks": ["2001:db8:3::/64"]}
    sets = sets_of({}, {**LAN, **child})
    assert {name: each.boxes for name, each in sets.items()} == {"guard6": ((span("2001:db8:3::/64"),),)}
    both = {"local_networks": ["10.1.0.0/16", "2001:db8:1::/64"], "remote_networks": ["10.3.0.0/16", "2001:db8:3::/64"]}
    assert sets_of({}, {**LAN, **both}).keys() == {"guard4", "guard6"}


@pytest.mark.parametrize(
    ("local", "remote", "passing"),
    [
        pytest.param("10.1.0.0/24", "10.3.0.0/24", {
            "all4": (span("10.1.0.0/24"), span("10.3.0.0/24"), ANY_PROTOCOL)}, id="two networks"),
        pytest.param("dynamic", "10.3.0.0/24", {"all4": (ANY4, span("10.3.0.0/24"), ANY_PROTOCOL)}, id="our own address"),
        pytest.param("2001:db8:1::/64", "dynamic", {"all6": (span("2001:db8:1::/64"), ANY6, ANY_PROTOCOL)},
                     id="the peer's own address"),
        pytest.param("dynamic", "dynamic[6]", {"all4": (ANY4, ANY4, (6, 6)), "all6": (ANY6, ANY6, (6, 6))},
                     id="of whatever family"),
        pytest.param("10.1.0.0/24", "10.3.0.0/24[tcp/443]", {
            "port4": (span("10.1.0.0/24"), span("10.3.0.0/24"), (6, 6), ANY_PORT, (443, 443))}, id="a port"),
        pytest.param("10.1.0.0/24[tcp/22]", "10.3.0.0/24", {
            "port4": (span("10.1.0.0/24"), span("10.3.0.0/24"), (6, 6), (22, 22), ANY_PORT)}, id="a port of ours"),
        pytest.param("10.1.0.0/24", "10.3.0.0/24[icmp/8]", {
            "all4": (span("10.1.0.0/24"), span("10.3.0.0/24"), (1, 1))}, id="a type of ICMP is no port"),
    ],
)  # fmt: skip
def test_what_a_shunt_lets_pass_passes_the_guard(local: str, remote: str, passing: dict[str, Box]) -> None:
    shunt = {"name": "clear", "type": "pass", "local_networks": [local], "remote_networks": [remote]}
    sets = sets_of({}, LAN, shunts=[shunt])
    found = {name: each.boxes for name, each in sets.items() if name.startswith("guard_pass_")}
    assert found == {f"guard_pass_{kind}": (box,) for kind, box in passing.items()}
