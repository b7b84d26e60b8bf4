# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which networks are guarded against plaintext, which cannot be, and why not."""

from __future__ import annotations

import random
from ipaddress import ip_network
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import check_gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.guarding import (
    Endpoints,
    guarded_networks,
    managed_from,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.selectors import Selector, selector_of
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import (
    INTERFACE,
    PARIS,
    PARIS_LAN,
    ROME,
    ROME_LAN,
    Config,
    config,
)

ON = {"plaintext_guard": True}


def guarded(parent: Config, **child: Any) -> list[str]:
    gateway = parse_gateway(config([parent], [{**PARIS_LAN, "phase1": parent["name"], **child}], [INTERFACE]))
    found = guarded_networks(
        next(iter(gateway.phase2.values())), next(iter(gateway.phase1.values())), Endpoints(gateway.phase1)
    )
    return [str(network) for each in found for network in each.networks()]


@pytest.mark.parametrize(
    ("parent", "child", "networks"),
    [
        pytest.param(PARIS, {}, ["10.2.0.0/24"], id="by default where a route through an XFRM interface wins"),
        pytest.param(PARIS, {"install_routes": False}, [], id="not by default without that route"),
        pytest.param(ROME, {}, [], id="not by default for a policy-based tunnel"),
        pytest.param(PARIS, {"plaintext_guard": False}, [], id="not where it is refused"),
        pytest.param(ROME, ON, ["10.2.0.0/24"], id="for a policy-based tunnel when asked for"),
        pytest.param(
            PARIS, {"install_routes": False, **ON}, ["10.2.0.0/24"], id="without a route of ours when asked for"
        ),
        pytest.param(PARIS, {"remote_networks": ["0.0.0.0/0", "10.2.0.0/24"]}, ["10.2.0.0/24"], id="never everything"),
        pytest.param(PARIS, {"remote_networks": ["198.51.0.0/16", "10.2.0.0/24"]}, ["10.2.0.0/24"], id="never a peer"),
        pytest.param(PARIS, {"remote_networks": ["dynamic"]}, [], id="never the endpoint's own address"),
        pytest.param(PARIS, {"remote_networks": ["10.2.0.0/24[tcp/443]"]}, [], id="never some protocol only"),
    ],
)
def test_guarded_networks(parent: Config, child: Config, networks: list[str]) -> None:
    assert guarded(parent, **child) == networks


@pytest.mark.parametrize(
    ("networks", "why"),
    [
        ("0.0.0.0/0", "it is everything, and with it the way to the peer, and to whoever manages the host"),
        ("::/0", "it is everything, and with it the way to the peer, and to whoever manages the host"),
        ("198.51.100.0/24", "the endpoint of a peer lies in it, whose IKE and ESP have to leave as they are"),
        ("10.2.0.0/24[tcp]", "a guard knows no protocols and ports: what the tunnel does not take would be lost"),
        ("dynamic", "it is the peer's own address, which its tunnel is made through"),
    ],
)
def test_a_guard_that_cannot_be_is_refused_with_the_reason(networks: str, why: str) -> None:
    local = ["::/0"] if ":" in networks else ["10.1.0.0/24"]
    child = {**ROME_LAN, **ON, "remote_networks": [networks], "local_networks": local}
    with pytest.raises(ValidationError) as refused:
        check_gateway(parse_gateway(config([ROME], [child])))
    named = networks.replace("[tcp]", "[6]")
    assert str(refused.value) == f"phase2 rome/lan: plaintext_guard is True: false is needed, as of {named}: {why}"


def test_an_endpoint_of_any_peer_counts() -> None:
    other = {**ROME, "name": "oslo", "remote_endpoints": ["10.3.0.9", "gw.example.com"]}
    with pytest.raises(ValidationError, match=r"as of 10\.3\.0\.0/24: the endpoint of a peer lies in it"):
        check_gateway(parse_gateway(config([ROME, other], [{**ROME_LAN, **ON}])))


def test_transport_mode_has_none() -> None:
    parent = {**ROME, "connection_type": "transport"}
    child = {"name": "lan", "phase1": "rome", **ON}
    with pytest.raises(ValidationError, match="connection_type: transport and protects the endpoints themselves"):
        check_gateway(parse_gateway(config([parent], [child])))


def test_endpoints_are_found_as_by_trying_each() -> None:
    chance = random.Random(3)  # noqa: S311  # the same examples every time
    for _each in range(300):
        nets = [ip_network((chance.getrandbits(8) << 24, chance.randint(2, 8)), strict=False) for _n in range(4)]
        peers = [{**ROME, "init_type": "none", "remote_endpoints": [str(net) for net in nets[:3] if net.prefixlen]}]
        network = nets[3]
        found = Endpoints(parse_gateway(config(peers, [])).phase1).within(selector_of(str(network)))
        assert found == any(net.overlaps(network) for net in nets[:3])


def test_who_manages_the_host_from_a_guarded_network_is_told() -> None:
    gateway = parse_gateway(config([ROME], [{**ROME_LAN, **ON}]))
    assert list(managed_from(("203.0.113.9", "2001:db8::5"), gateway.phase1, gateway.phase2, _all_of_it)) == []
    (told,) = [str(each) for each in managed_from(("10.3.0.77",), gateway.phase1, gateway.phase2, _all_of_it)]
    assert told == (
        "phase2 rome/lan: plaintext_guard is True: this host is managed from 10.3.0.77, which lies in 10.3.0.0/24: without the "
        "tunnel its answers would be stopped. Manage it from elsewhere, set plaintext_guard: false, or say with management: [] "
        "that it is reached in another way"
    )
    assert not list(managed_from(("10.2.0.7",), *_default(), _all_of_it))


def _all_of_it(network: Selector) -> list[tuple[int, int]]:
    return [(network.low, network.high)]


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("10.3.0.6", False),
        ("10.3.0.7", True),
        ("10.3.0.9", True),
        ("10.3.0.10", False),
        ("10.3.0.0/29", True),
        ("10.3.0.0/30", False),
    ],
)
def test_only_what_is_really_stopped_of_a_guarded_network_counts(address: str, told: bool) -> None:
    gateway = parse_gateway(config([ROME], [{**ROME_LAN, **ON}]))
    low = selector_of("10.3.0.7").low
    found = managed_from((address,), gateway.phase1, gateway.phase2, lambda network: [(low, network.low + 9)])
    assert bool(list(found)) == told


def _default() -> tuple[Any, Any]:
    gateway = parse_gateway(config([PARIS], [PARIS_LAN], [INTERFACE]))
    return gateway.phase1, gateway.phase2
