# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks go by the primary's way and no other, and an answer belongs to the round that it answers."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.decision.values import PROBE, Action, Answer
from ansible_collections.swanfleet.ipsec.plugins.module_utils.agent.probing import Asked, Way, ways_of
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.drivers.echoes import EchoReply, EchoRequest

PEER = "198.51.100.2"
# The line's address, which the kernel would take by itself, and one in the network that the tunnel is for.
OWN = {"wan0": ("192.0.2.1",), "lan0": ("10.1.0.1",)}


def way(primary: dict[str, Any], address: str = PEER, source: str = "", **fallback: Any) -> Way:
    common = {"remote_endpoints": [PEER], "psk": "s3cret", "proposals": ["aes256-sha256-curve25519"]}
    gateway = parse_gateway(
        {
            "phase1": [{"name": "a", **common, **primary}, {"name": "b", **common}],
            "phase2": [
                {
                    "name": "lan", "phase1": "a", "local_networks": ["10.1.0.0/24"], "remote_networks": ["10.2.0.0/24"],
                    "proposals": ["aes256gcm16"],
                }
            ],
            "xfrm_interfaces": [{"name": "x0"}],
            "fallbacks": [
                {"name": "s", "primary": "a", "fallbacks": ["b"], "ping_check": True, "ping_address": [address], **fallback}
            ],
        }
    )  # fmt: skip
    return ways_of(gateway, {"a": source}, OWN)["s"]


@pytest.mark.parametrize(
    ("primary", "address", "source", "expected"),
    [
        pytest.param(
            {"xfrm_interface": "x0"},
            "10.2.0.1",
            "",
            Way("x0", "", {"10.2.0.1": "10.1.0.1"}),
            id="from inside by its link",
        ),
        pytest.param(
            {}, "10.2.0.1", "", Way("", "", {"10.2.0.1": "10.1.0.1"}), id="from inside, where policies take it"
        ),
        pytest.param({"interfaces": ["wan0"]}, PEER, "", Way("wan0"), id="from outside by its interface"),
        pytest.param({"interfaces": ["192.0.2.1"]}, PEER, "", Way("", "192.0.2.1"), id="from outside by its address"),
        pytest.param(
            {"interfaces": ["192.0.2.1", "192.0.2.7"]}, PEER, "192.0.2.7", Way("", "192.0.2.7"), id="by the one in use"
        ),
        pytest.param({"interfaces": ["192.0.2.1", "wan1"]}, PEER, "", Way(), id="of several sorts: as routes say"),
        pytest.param({"interfaces": ["any"]}, PEER, "192.0.2.7", Way(), id="by any: as routes say"),
    ],
)
def test_which_way_a_check_goes(primary: dict[str, Any], address: str, source: str, expected: Way) -> None:
    assert way(primary, address, source) == expected


def test_a_source_that_is_given_counts() -> None:
    assert way({"interfaces": ["wan0"]}, ping_source="192.0.2.9") == Way("wan0", "192.0.2.9")
    assert way({"interfaces": ["192.0.2.1"]}, ping_source="192.0.2.9") == Way("", "192.0.2.9")
    assert way({"xfrm_interface": "x0"}, "10.2.0.1", ping_source="10.1.0.9") == Way("x0", "10.1.0.9")


def test_each_address_is_asked_from_its_own() -> None:
    asked = Asked()
    rounds = [Action(PROBE, "a", "", "s", addresses=("10.2.0.1", "10.3.0.1"), sequence=1)]
    ways = {"s": Way("x0", "", {"10.2.0.1": "10.1.0.1"})}
    assert [(each.interface, each.source) for each in asked.requests(rounds, ways)] == [("x0", "10.1.0.1"), ("x0", "")]


def test_an_answer_belongs_to_its_group_and_round() -> None:
    asked = Asked()
    rounds = [
        Action(PROBE, "a", "", group, addresses=("192.0.2.2", "2001:db8::2"), sequence=sequence)
        for group, sequence in (("s", 1), ("t", 1), ("s", 2))
    ]
    requests = asked.requests(rounds, {"s": Way("wan0", "192.0.2.1")})
    assert requests[0] == EchoRequest("192.0.2.2", requests[0].token, "wan0", "192.0.2.1")
    assert (requests[2].interface, len({each.token for each in requests})) == ("", 3)
    replies = [EchoReply(each.address, each.token) for each in requests]
    assert asked.answers(replies) == tuple(
        Answer(each.group, each.sequence, address) for each in rounds for address in each.addresses
    )
    assert asked.answers([EchoReply("192.0.2.2", 1 << 60)]) == ()
