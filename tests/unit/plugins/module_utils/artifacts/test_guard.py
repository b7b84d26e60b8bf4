# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guard is made of: which addresses are stopped, and which never are."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.guard import guard
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.guard_table import guard_table
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import check_gateway, parse_gateway
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


def stopped(phase2: list[Config], *phase1: Config, **situation: Any) -> tuple[list[str], list[str]]:
    """Return the networks that the rule of nftables stops, and those that policies of the kernel block."""
    gateway = parse_gateway(config([ROME, PARIS, *phase1], phase2, [INTERFACE]))
    check_gateway(gateway)
    made = Situation(b"k" * 32, **situation)
    sets = guard_table(gateway, made).sets
    ranges = [part for (part,) in sets["guard4"].boxes if not isinstance(part, str)] if "guard4" in sets else []
    networks = [str(each) for low, high in ranges for each in Selector(4, low, high).networks()]
    return networks, sorted(guard(gateway, made).blocks)


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


def test_without_a_guard_that_was_asked_for_nothing_is_in_nftables() -> None:
    assert stopped([PARIS_LAN, ROME_LAN]) == ([], [])
