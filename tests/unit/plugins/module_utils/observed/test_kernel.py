# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From iproute2's JSON to links, addresses and default routes; samples as iproute2 6.1 printed them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.kernel import (
    parse_addresses,
    parse_default_interfaces,
    parse_links,
    parse_own,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.observed.values import ObservedLink, ObservedRoute

V4 = {"family": "inet", "local": "10.255.0.1", "prefixlen": 30, "scope": "global", "label": "ipsec0"}
V6 = {"family": "inet6", "local": "2001:db8::1", "prefixlen": 64, "scope": "global", "nodad": True}
LINK_LOCAL = {"family": "inet6", "local": "fe80::1", "prefixlen": 64, "scope": "link", "protocol": "kernel_ll"}
IPSEC0: dict[str, Any] = {
    "ifindex": 9, "ifname": "ipsec0", "flags": ["NOARP", "UP", "LOWER_UP"], "mtu": 1500, "operstate": "UNKNOWN",
    "link_type": "none", "linkinfo": {"info_kind": "xfrm", "info_data": {"if_id": "0x5f000001"}},
    "ifalias": "swanfleet", "addr_info": [V6, V4, LINK_LOCAL],
}  # fmt: skip
LINK = ObservedLink(
    "ipsec0",
    "xfrm",
    ours=True,
    if_id=0x5F000001,
    mtu=1500,
    up=True,
    addresses=("10.255.0.1/30", "2001:db8::1/64", "fe80::1/64"),
)


def changed(**changes: Any) -> dict[str, Any]:
    return {key: value for key, value in {**IPSEC0, **changes}.items() if value is not None}


def link(**changes: Any) -> ObservedLink:
    return ObservedLink(**{**vars(LINK), **changes})


@pytest.mark.parametrize(
    ("shown", "seen"),
    [
        pytest.param(IPSEC0, LINK, id="an XFRM interface of ours"),
        pytest.param(changed(ifalias=None), link(ours=False), id="without our mark"),
        pytest.param(changed(ifalias="uplink"), link(ours=False), id="with another mark"),
        pytest.param(changed(flags=["NOARP"]), link(up=False), id="down"),
        pytest.param(changed(link="wan0"), link(parent="wan0"), id="with a parent"),
        pytest.param(changed(link=None), LINK, id="without a parent"),
        pytest.param(changed(link="lo"), LINK, id="lo is no parent"),
        pytest.param(
            changed(linkinfo={"info_kind": "xfrm", "info_data": {"if_id": 42}}), link(if_id=42), id="a plain number"
        ),
        pytest.param(
            changed(linkinfo=None, ifalias=None, addr_info=[]),
            link(kind="", ours=False, if_id=0, addresses=()),
            id="a device",
        ),
        pytest.param(changed(addr_info=[{}]), link(addresses=()), id="without addresses"),
    ],
)
def test_links(shown: dict[str, Any], seen: ObservedLink) -> None:
    assert parse_links([shown], []) == {"ipsec0": seen}


@pytest.mark.parametrize(
    ("shown", "recorded", "seen"),
    [
        pytest.param(changed(ifalias=None), ("ipsec0", 0x5F000001), link(unmarked=True), id="made by a run of ours"),
        pytest.param(changed(ifalias=None), ("ipsec0", 7), link(ours=False), id="of another number"),
        pytest.param(changed(ifalias=None), ("ipsec1", 0x5F000001), link(ours=False), id="of another name"),
        pytest.param(changed(ifalias="uplink"), ("ipsec0", 0x5F000001), link(ours=False), id="marked by somebody"),
        pytest.param(
            changed(ifalias=None, linkinfo={"info_kind": "bridge"}), ("ipsec0", 0), link(kind="bridge", ours=False, if_id=0),
            id="no XFRM interface",
        ),
        pytest.param(IPSEC0, ("ipsec0", 0x5F000001), LINK, id="marked"),
    ],
)  # fmt: skip
def test_a_link_that_was_stopped_before_it_got_its_mark_is_ours_by_the_record(
    shown: dict[str, Any], recorded: tuple[str, int], seen: ObservedLink
) -> None:
    assert parse_links([shown], [], {recorded}) == {"ipsec0": seen}


@pytest.mark.parametrize(
    ("shown", "seen"),
    [
        ({"dst": "10.2.0.0/24"}, ("10.2.0.0/24", 0, 254, None)),
        ({"dst": "10.4.0.1"}, ("10.4.0.1/32", 0, 254, None)),
        ({"dst": "default"}, ("0.0.0.0/0", 0, 254, None)),
        ({"dst": "10.3.0.0/24", "table": "100", "metric": 5, "prefsrc": "10.255.0.1"}, ("10.3.0.0/24", 5, 100, "10.255.0.1")),
        ({"dst": "10.3.0.0/24", "table": "default"}, ("10.3.0.0/24", 0, 253, None)),
        ({"dst": "2001:db8::/64", "metric": 1024, "family": 6}, ("2001:db8::/64", 1024, 254, None)),
        ({"dst": "2001:db8::1", "metric": 7, "family": 6}, ("2001:db8::1/128", 7, 254, None)),
        ({"dst": "default", "metric": 1024, "family": 6}, ("::/0", 1024, 254, None)),
    ],
)  # fmt: skip
def test_routes(shown: dict[str, Any], seen: tuple[Any, ...]) -> None:
    [found] = parse_links([IPSEC0], [{"dev": "ipsec0", "flags": [], "family": 4, **shown}])["ipsec0"].routes
    assert found == ObservedRoute(*seen)


def test_routes_go_to_their_link_in_order() -> None:
    pairs = (("10.9.0.0/24", "ipsec0"), ("10.2.0.0/24", "ipsec0"), ("10.3.0.0/24", "x"))
    routes = [{"dst": dst, "dev": dev, "family": 4} for dst, dev in pairs]
    assert [route.destination for route in parse_links([IPSEC0], routes)["ipsec0"].routes] == [
        "10.2.0.0/24",
        "10.9.0.0/24",
    ]


@pytest.mark.parametrize(
    ("entry", "usable"),
    [
        pytest.param({}, ("2001:db8::1", "10.255.0.1"), id="global scope only, in the kernel's order"),
        pytest.param({"flags": ["NOARP"]}, (), id="a link that is down has none"),
        pytest.param({"addr_info": [{**V6, "tentative": True}, V4]}, ("10.255.0.1",), id="tentative"),
        pytest.param({"addr_info": [{**V6, "dadfailed": True}]}, (), id="duplicate"),
        pytest.param({"addr_info": [{**V6, "deprecated": True}]}, (), id="deprecated"),
        pytest.param({"addr_info": [{**V6, "temporary": True}, V4]}, ("10.255.0.1",), id="temporary"),
        pytest.param({"addr_info": [{**V6, "dadfailed": False}]}, ("2001:db8::1",), id="a flag that is false"),
    ],
)
def test_addresses_of_a_name(entry: dict[str, Any], usable: tuple[str, ...]) -> None:
    assert parse_addresses([changed(**entry), {}]) == {"ipsec0": usable}


@pytest.mark.parametrize(
    ("entry", "own"),
    [
        pytest.param({"flags": ["NOARP"]}, set(), id="a link that is down has none"),
        pytest.param({"addr_info": [{**V6, "tentative": True}, V4]}, {"10.255.0.1"}, id="tentative"),
        pytest.param({"addr_info": [{**V6, "dadfailed": True}]}, set(), id="duplicate"),
        pytest.param({"addr_info": [{**V6, "deprecated": True}]}, {"2001:db8::1"}, id="a VIP that is for no other use"),
        pytest.param({"addr_info": [{**V6, "temporary": True}]}, {"2001:db8::1"}, id="temporary"),
        pytest.param({"addr_info": [LINK_LOCAL]}, {"fe80::1"}, id="any scope"),
    ],
)
def test_addresses_that_the_host_has(entry: dict[str, Any], own: set[str]) -> None:
    assert parse_own([changed(**entry), {}]) == own


@pytest.mark.parametrize(
    ("routes", "best"),
    [
        ([], {}),
        ([(4, "wan0", None)], {4: "wan0"}),
        ([(4, "wan0", 100), (4, "wan1", 50), (6, "wan2", 1024)], {4: "wan1", 6: "wan2"}),
        ([(4, "wan0", 100), (4, "wan1", None)], {4: "wan1"}),
        ([(4, "wan0", None), (4, "wan1", None)], {4: "wan0"}),
        ([(4, None, None)], {}),
    ],
)
def test_default_interfaces(routes: list[tuple[int, str | None, int | None]], best: dict[int, str]) -> None:
    shown = [
        {"dst": "default", "family": family, "dev": device, "metric": metric or 0} for family, device, metric in routes
    ]
    assert parse_default_interfaces(shown) == best
