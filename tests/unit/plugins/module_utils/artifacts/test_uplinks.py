# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an uplink needs of the kernel: two rules for each way to be meant by it, and a table that leads nowhere else."""

from __future__ import annotations

import dataclasses

from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.compute import artifacts, links_only
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.uplinks import uplink_routing
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import (
    SourceRule,
    UplinkRoute,
    UplinkRouting,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation

BOTH = parse_gateway({"uplinks": [{"interface": "wan1", "gateways": ["203.0.113.1", "fe80::1"]}]})
HERE = Situation(b"", tables={"wan1": 8300}, own={"wan0": ("192.0.2.2",), "wan1": ("203.0.113.2", "203.0.113.9")})


def specific(family: int, source: str = "", interface: str = "") -> SourceRule:
    return SourceRule(family, 8300, 254, source, interface, specific=True)


def test_two_rules_for_each_address_and_for_what_is_bound_to_the_interface() -> None:
    assert uplink_routing(BOTH, HERE) == UplinkRouting(
        frozenset({UplinkRoute(4, 8300, 4294967294, "203.0.113.1", "wan1"), UplinkRoute(4, 8300, 4294967295)}),
        frozenset(
            {
                specific(4, "203.0.113.2"),
                specific(4, "203.0.113.9"),
                specific(4, interface="wan1"),
                SourceRule(4, 8301, 8300, "203.0.113.2"),
                SourceRule(4, 8301, 8300, "203.0.113.9"),
                SourceRule(4, 8301, 8300, "", "wan1"),
            }
        ),
    )


def test_a_family_with_an_address_and_no_gateway_goes_by_the_main_table() -> None:
    only = parse_gateway({"uplinks": [{"interface": "wan1", "gateways": ["fe80::1"]}]})
    assert uplink_routing(only, HERE) == UplinkRouting()
    six = dataclasses.replace(HERE, own={"wan1": ("203.0.113.2", "2001:db8::2")})
    found = uplink_routing(only, six)
    assert found.routes == {UplinkRoute(6, 8300, 4294967294, "fe80::1", "wan1"), UplinkRoute(6, 8300, 4294967295)}
    assert {rule.family for rule in found.rules} == {6}
    assert {rule.source for rule in found.rules} == {"", "2001:db8::2"}


def test_without_an_address_there_is_nothing() -> None:
    assert uplink_routing(BOTH, dataclasses.replace(HERE, own={})) == UplinkRouting()
    assert uplink_routing(BOTH, Situation(b"")) == UplinkRouting()


def test_it_is_wanted_with_and_without_charon() -> None:
    for found in (artifacts(BOTH, HERE), links_only(BOTH, HERE)):
        assert found.uplinks == uplink_routing(BOTH, HERE)
        assert found.uplinks.rules


def test_an_interface_that_is_gone_is_told() -> None:
    assert artifacts(BOTH, dataclasses.replace(HERE, interfaces=frozenset({"wan0"}))).warnings == (
        "uplink wan1 waits: this host has no such interface now, and nothing is sent by it",
    )
    assert artifacts(BOTH, dataclasses.replace(HERE, interfaces=frozenset({"wan1"}))).warnings == ()
