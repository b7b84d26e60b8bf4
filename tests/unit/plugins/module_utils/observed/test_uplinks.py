# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes and rules of uplinks out of what ip(8) shows, as it was shown by iproute2 6.1 for a kernel 6.18."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import SourceRule, UplinkRoute
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.uplinks import (
    is_uplink_route,
    parse_source_rules,
    parse_sources,
    parse_uplink_routes,
)

ROUTES: list[dict[str, Any]] = [
    {"dst": "default", "gateway": "203.0.113.1", "dev": "wb", "table": "8300", "metric": 4294967294, "family": 4},
    {"type": "7", "dst": "default", "table": "8300", "metric": 4294967295, "flags": [], "family": 4},
    {"dst": "default", "gateway": "fe80::1", "dev": "wb", "table": "8300", "metric": 1024, "pref": "medium", "family": 6},
    {"type": "7", "dst": "default", "dev": "lo", "table": "8300", "metric": 4294967295, "family": 6},
]  # fmt: skip
OTHERS: list[dict[str, Any]] = [
    {"dst": "default", "dev": "ipsec0", "table": "100", "family": 4},
    {"dst": "10.2.0.0/24", "gateway": "192.0.2.1", "dev": "wan0", "table": "8300", "family": 4},
    {"type": "7", "dst": "10.2.0.0/24", "table": "8300", "metric": 4294967295, "family": 4},
    {"dst": "default", "gateway": "192.0.2.1", "dev": "wan0", "family": 4},
    {"type": "7", "dst": "default", "metric": 4294967295, "family": 4},
]


def test_routes_of_uplinks_are_default_routes_of_other_tables_to_a_gateway_or_nowhere() -> None:
    assert parse_uplink_routes([*ROUTES, *OTHERS]) == {
        UplinkRoute(4, 8300, 4294967294, "203.0.113.1", "wb"),
        UplinkRoute(4, 8300, 4294967295),
        UplinkRoute(6, 8300, 1024, "fe80::1", "wb"),
        UplinkRoute(6, 8300, 4294967295),
    }
    assert [is_uplink_route(each) for each in [*ROUTES, *OTHERS]] == [True] * 4 + [False] * 5
    assert parse_uplink_routes([{"dst": "default", "gateway": "::9", "table": "7", "family": 6}]) == {
        UplinkRoute(6, 7, 0, "::9", "")
    }


@pytest.mark.parametrize(
    ("shown", "rule"),
    [
        ({"src": "203.0.113.2", "table": "254", "suppress_prefixlen": 0}, SourceRule(4, 8300, 254, "203.0.113.2", specific=True)),
        ({"src": "203.0.113.2", "table": "8300"}, SourceRule(4, 8300, 8300, "203.0.113.2")),
        ({"src": "all", "oif": "wb", "table": "8300"}, SourceRule(4, 8300, 8300, "", "wb")),
        ({"src": "203.0.113.0", "srclen": 24, "table": "9"}, SourceRule(4, 8300, 9, "203.0.113.0/24")),
        ({"table": "9", "suppress_prefixlen": 8}, SourceRule(4, 8300, 9)),
        ({"src": "2001:db8::2", "table": "main", "family": 6}, SourceRule(6, 8300, 254, "2001:db8::2")),
    ],
)  # fmt: skip
def test_a_rule_of_ours(shown: dict[str, Any], rule: SourceRule) -> None:
    assert parse_source_rules([{"priority": 8300, "protocol": "83", "family": 4, **shown}]) == {rule}


def test_an_uplink_has_the_addresses_that_can_be_sent_from_whatever_else_is_said_of_them() -> None:
    addresses = [
        {"local": "203.0.113.9", "scope": "global"}, {"local": "203.0.113.2", "scope": "link", "deprecated": True},
        {"local": "2001:db8::2", "temporary": True}, {"local": "2001:db8::3", "tentative": True},
        {"local": "2001:db8::4", "dadfailed": True}, {"local": "fe80::2"}, {"local": "169.254.7.7"}, {"peer": "192.0.2.1"},
    ]  # fmt: skip
    interfaces: list[dict[str, Any]] = [
        {"ifname": "wan1", "flags": ["UP"], "addr_info": addresses},
        {"ifname": "down", "flags": [], "addr_info": addresses},
        {
            "ifname": "lo",
            "flags": ["UP"],
            "addr_info": [{"local": "127.0.0.1"}, {"local": "::1"}, {"local": "10.1.1.1"}],
        },
        {"flags": ["UP"]},
    ]
    assert parse_sources(interfaces) == {
        "wan1": ("169.254.7.7", "2001:db8::2", "203.0.113.2", "203.0.113.9"), "down": (), "lo": ("10.1.1.1",),
    }  # fmt: skip
