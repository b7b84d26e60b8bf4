# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guard is made of: which addresses are stopped, and which never are."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.guard import guard
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.guard_table import guard_table
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import (
    Gateway,
    check_gateway,
    parse_gateway,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.selectors import Selector
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
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
WARRIOR: Config = {**ROME, "name": "anyone", "init_type": "none", "remote_endpoints": ["0.0.0.0/0"]}


def stopped(
    phase2: list[Config], *phase1: Config, link: Config | None = None, **situation: Any
) -> tuple[list[str], list[str]]:
    """Return the networks that the rule of nftables stops, and those that policies of the kernel block."""
    gateway = parse_gateway(config([ROME, PARIS, *phase1], phase2, [{**INTERFACE, **(link or {})}]))
    check_gateway(gateway)
    return _stopped(gateway, Situation(b"k" * 32, **situation))


def _stopped(gateway: Gateway, situation: Situation) -> tuple[list[str], list[str]]:
    sets = guard_table(gateway, situation).sets
    ranges = [part for (part,) in sets["guard4"].boxes if not isinstance(part, str)] if "guard4" in sets else []
    networks = [str(each) for low, high in ranges for each in Selector(4, low, high).networks()]
    return networks, sorted(guard(gateway, situation).blocks)


@pytest.mark.parametrize(
    ("child", "situation", "networks"),
    [
        pytest.param({}, {}, ["10.3.0.0/24"], id="the network"),
        pytest.param({"local_networks": ["0.0.0.0/0"]}, {}, ["10.3.0.0/24"], id="though this end is everything"),
        pytest.param({"local_networks": ["10.0.0.0/8"]}, {}, ["10.3.0.0/24"], id="though it lies in a network of this end"),
        pytest.param(
            {"remote_networks": ["10.0.0.0/15"]}, {}, ["10.0.0.0/16"], id="without a smaller network of this end",
        ),
        pytest.param({}, {"connected": ("10.3.0.128/25",)}, ["10.3.0.0/25"], id="without one that the host is in"),
        pytest.param({}, {"connected": ("10.3.0.0/16",)}, ["10.3.0.0/24"], id="though the host is in a larger one"),
        pytest.param({}, {"names": {"gw.example.com": ("10.3.0.0",)}}, ["10.3.0.1/32", "10.3.0.2/31", "10.3.0.4/30",
                     "10.3.0.8/29", "10.3.0.16/28", "10.3.0.32/27", "10.3.0.64/26", "10.3.0.128/25"],
                     id="without a peer that a name stands for"),
    ],
)  # fmt: skip
def test_what_is_stopped(child: Config, situation: dict[str, Any], networks: list[str]) -> None:
    local = {"local_networks": ["10.1.0.0/16"]}
    assert stopped([{**ROME_LAN, **local, **ON, **child}], **situation) == (networks, sorted(networks))


def test_peers_that_may_be_anywhere_take_nothing_away() -> None:
    assert stopped([{**ROME_LAN, **ON}], WARRIOR) == (["10.3.0.0/24"], ["10.3.0.0/24"])


def test_a_network_that_is_routed_into_an_interface_is_not_blocked_by_a_policy() -> None:
    both = [{**PARIS_LAN, **ON}, {**ROME_LAN, **ON, "remote_networks": ["10.2.0.0/23"]}]
    assert stopped(both) == (["10.2.0.0/23"], ["10.2.1.0/24"])


def test_this_ends_networks_take_nothing_away_where_they_hold_the_last_of_several() -> None:
    wide = {**ROME_LAN, **ON, "local_networks": ["10.4.0.0/14"]}
    both = [{**wide, "remote_networks": [f"10.{number}.0.0/24"], "name": f"lan{number}"} for number in (3, 5)]
    assert stopped(both) == (["10.3.0.0/24", "10.5.0.0/24"],) * 2


OSLO: Config = {**ROME, "name": "oslo", "remote_endpoints": ["198.51.100.4"]}
# To Oslo goes what is this end's, and a part of what is guarded for Rome.
ONWARD: Config = {**ROME_LAN, "phase1": "oslo", "local_networks": ["10.1.0.0/24", "10.3.5.0/24"]}


@pytest.mark.parametrize(
    "network",
    [
        pytest.param("10.4.0.0/16", id="to a site"),
        pytest.param("0.0.0.0/0", id="to all that there is"),
        pytest.param("10.0.0.0/8", id="to a network that holds the guarded one"),
        pytest.param("10.3.5.0/24", id="to the same network"),
    ],
)
def test_what_a_site_offers_to_another_through_this_one_stays_guarded(network: str) -> None:
    rome = {**ROME_LAN, **ON, "remote_networks": ["10.3.0.0/16"]}
    assert stopped([rome, {**ONWARD, "remote_networks": [network]}], OSLO) == (["10.3.0.0/16"],) * 2


@pytest.mark.parametrize("guarded", [True, None])
def test_this_ends_networks_are_spared_in_whatever_holds_the_network_that_they_lie_in(guarded: bool | None) -> None:
    lans = [
        {**ROME_LAN, **ON, "remote_networks": ["10.0.0.0/14"], "local_networks": ["10.1.0.0/16"]},
        {**ROME_LAN, "name": "more", "remote_networks": ["10.0.0.0/14"], "local_networks": ["10.2.0.0/15"]},
        {**ROME_LAN, "name": "few", "remote_networks": ["10.0.0.0/16"], "local_networks": ["10.0.0.0/17"]},
    ]
    lans = [lans[0], *({**each, "plaintext_guard": guarded} for each in lans[1:])]
    assert stopped(lans)[0] == ["10.0.128.0/17"]


def test_a_guarded_network_within_one_of_this_end_is_guarded_and_the_rest_is_spared() -> None:
    within = {**ROME_LAN, **ON, "name": "within", "remote_networks": ["10.1.5.0/24"]}
    wide = {**ROME_LAN, **ON, "remote_networks": ["10.0.0.0/15"], "local_networks": ["10.1.0.0/16"]}
    assert stopped([wide, within]) == (["10.0.0.0/16", "10.1.5.0/24"],) * 2
    wide["local_networks"] = ["10.9.0.0/16"]
    assert stopped([wide, within], connected=("10.1.0.0/16",)) == (["10.0.0.0/16", "10.1.5.0/24"],) * 2


@pytest.mark.parametrize("guarded", [None, False])
@pytest.mark.parametrize(
    ("inside", "link", "blocks"),
    [
        pytest.param(["10.2.0.0/16"], {}, ["10.3.0.0/16"], id="a part"),
        pytest.param(["10.2.0.0/16[tcp/443]"], {}, ["10.3.0.0/16"], id="a part, some packets"),
        pytest.param(["10.2.0.0/15"], {}, [], id="the same network"),
        pytest.param(["0.0.0.0/0"], {}, ["10.2.0.0/15"], id="everything"),
        pytest.param(["0.0.0.0/0"], {"routes": [{"destination": "10.2.0.0/16"}]}, ["10.3.0.0/16"], id="a route"),
        pytest.param(["0.0.0.0/0"], {"addresses": ["10.2.0.1/16"]}, ["10.3.0.0/16"], id="the network of the link"),
        pytest.param(["::/0"], {}, ["10.2.0.0/15"], id="another family"),
    ],
)
def test_a_policy_leaves_alone_what_is_routed_into_an_interface(
    guarded: bool | None, inside: list[str], link: Config, blocks: list[str]
) -> None:
    routed = {**PARIS_LAN, "plaintext_guard": guarded, "remote_networks": inside, "local_networks": ["dynamic"]}
    rome = {**ROME_LAN, **ON, "remote_networks": ["10.2.0.0/15"]}
    assert stopped([routed, rome], link=link) == (["10.2.0.0/15"], blocks)


def test_a_policy_blocks_what_a_wider_tunnel_by_a_route_would_carry_too() -> None:
    routed = {**PARIS_LAN, "remote_networks": ["10.0.0.0/8"]}
    assert stopped([routed, {**ROME_LAN, **ON}]) == (["10.3.0.0/24"],) * 2


def test_without_a_guard_that_was_asked_for_nothing_is_in_nftables() -> None:
    assert stopped([PARIS_LAN, ROME_LAN]) == ([], [])


Part = tuple[int, int]
BASE = 10 << 24


def _drawn(chance: random.Random) -> list[Part]:
    sizes = [1 << chance.randint(0, 5) for _each in range(chance.randint(1, 3))]
    return sorted({(low, low + size - 1) for size in sizes for low in [chance.randrange(0, 64, size)]})


def _written(parts: list[Part]) -> list[str]:
    return [str(network) for low, high in parts for network in Selector(4, BASE + low, BASE + high).networks()]


def _holds(outer: Part, inner: Part) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


@dataclass(frozen=True)
class Drawn:
    """Networks within 64 addresses: guarded, of both sides of another phase 2, behind an interface, and of the host; a peer."""

    guarded: list[Part]
    local: list[Part]
    remote: list[Part]
    routed: list[Part]
    connected: list[Part]
    peer: int

    def found(self) -> tuple[list[str], list[str]]:
        """Return what is stopped, and what is blocked by policies."""
        more = {**ROME_LAN, "local_networks": _written(self.local), "remote_networks": _written(self.remote)}
        gateway = parse_gateway(
            config(
                [ROME, PARIS],
                [
                    {**ROME_LAN, **ON, "name": "guarded", "remote_networks": _written(self.guarded)},
                    more,
                    {**PARIS_LAN, "remote_networks": _written(self.routed)},
                ],
                [INTERFACE],
            )
        )
        names = {"gw.example.com": (str(ip_address(BASE + self.peer)),)}
        return _stopped(gateway, Situation(b"k" * 32, connected=tuple(_written(self.connected)), names=names))

    def expected(self, routed: list[Part]) -> list[int]:
        """Return what is stopped by trying each address with each guarded network."""
        inside = ((at, whole) for whole in self.guarded for at in range(whole[0], whole[1] + 1))
        return sorted({at for at, whole in inside if not self._spared(at, whole, routed)})

    def _spared(self, address: int, whole: Part, routed: list[Part]) -> bool:
        spared = [part for part in self.connected if not _holds(part, whole)]
        spared += [part for part in routed if part == whole or not _holds(part, whole)]
        for limit, part in itertools.product(self.remote, self.local):
            if _holds(whole, limit) and _holds(limit, part) and limit != part:
                spared.append(part)
        return address == self.peer or any(low <= address <= high for low, high in spared)


def test_what_is_stopped_is_what_trying_each_address_leaves() -> None:
    chance = random.Random(7)  # noqa: S311  # the same examples every time
    for _each in range(500):
        guarded, local, remote, routed, connected = (_drawn(chance) for _kind in range(5))
        drawn = Drawn(guarded, local, remote, routed, connected, chance.randrange(64))
        dropped, blocked = map(_addresses, drawn.found())
        assert (dropped, blocked) == (drawn.expected([]), drawn.expected(routed)), drawn


def _addresses(networks: list[str]) -> list[int]:
    return sorted(int(address) - BASE for network in networks for address in ip_network(network))
