# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uplinks as objects: what they cannot be, which table each has, and interfaces that are not there."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import (
    UPLINKS,
    Gateway,
    check_gateway,
    dump_all_defaults,
    dump_gateway,
    dump_secrets,
    load_gateway,
    parse_gateway,
    parse_names,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import (
    Situation,
    interface_problems,
    without_link,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.uplink import allot_tables
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError

WAN1: dict[str, Any] = {"interface": "wan1", "gateways": ["203.0.113.1"]}
WAN0: dict[str, Any] = {"interface": "wan0", "gateways": ["192.0.2.1", "fe80::1"]}


def gateway(*uplinks: dict[str, Any], **more: Any) -> Gateway:
    return parse_gateway({"uplinks": list(uplinks), **more})


def problems(*uplinks: dict[str, Any], **more: Any) -> list[str]:
    try:
        check_gateway(gateway(*uplinks, **more))
    except ValidationError as error:
        return [str(problem) for problem in error.problems]
    return []


ONE_OF_EACH = "an IPv4 address, an IPv6 address, or one of each is needed"


@pytest.mark.parametrize(
    ("uplink", "message"),
    [
        ({"gateways": None}, "gateways: is required"),
        ({"gateways": []}, f"gateways is []: {ONE_OF_EACH}"),
        ({"gateways": ["192.0.2.1", "192.0.2.9"]}, f"gateways is ['192.0.2.1', '192.0.2.9']: {ONE_OF_EACH}"),
        ({"gateways": ["fe80::1", "192.0.2.1", "::9"]}, f"gateways is ['fe80::1', '192.0.2.1', '::9']: {ONE_OF_EACH}"),
        (
            {"gateways": ["gw.example.com"]},
            "gateways[0] is 'gw.example.com': an IPv4 or IPv6 address is needed, such as 192.0.2.1 or 2001:db8::1",
        ),
        ({"gateways": ["::"]}, "gateways[0] is '::': the address of a router is needed"),
        ({"gateways": ["192.0.2.1", "ff02::2"]}, "gateways[1] is 'ff02::2': the address of a router is needed"),
        ({"gateways": ["127.0.0.1"]}, "gateways[0] is '127.0.0.1': the address of a router is needed"),
        ({"table": 0}, "table is 0: a whole number from 1 to 4294967295 is needed"),
        *(
            ({"table": table}, f"table is {table}: this table is that of {whose}; choose another number, or leave it out")
            for table, whose in {
                220: "charon", 253: "the kernel (default)", 254: "the kernel (main)", 255: "the kernel (local)",
            }.items()
        ),
        ({"gateway": "192.0.2.1"}, "gateway: there is no such option; did you mean gateways?"),
    ],
)  # fmt: skip
def test_what_an_uplink_cannot_be(uplink: dict[str, Any], message: str) -> None:
    assert problems({**WAN1, **uplink}) == [f"uplink wan1: {message}"]


def test_each_interface_once() -> None:
    assert problems(WAN1, WAN0, WAN1) == [
        "uplink wan1: interface is 'wan1': it stands twice among uplinks; each name once"
    ]


def test_all_that_can_be_written() -> None:
    assert problems({**WAN0, "table": 252}, {**WAN1, "table": "0xffffffff"}) == []
    assert problems({**WAN0, "gateways": "192.0.2.1"}, {**WAN1, "table": None}) == []


def test_a_table_has_one_user() -> None:
    link = {"name": "ipsec0", "routes": [{"destination": "0.0.0.0/0", "table": 100}, {"destination": "10.9.0.0/16"}]}
    found = problems({**WAN0, "table": 100}, {**WAN1, "table": 101}, {"interface": "lte", "gateways": ["::9"], "table": 101},
                     xfrm_interfaces=[link])  # fmt: skip
    assert found == [
        "uplink wan0: table is 100: xfrm_interface ipsec0 has a route in this table; choose another number, or leave it out",
        "uplink wan1: table is 101: uplink lte has a route in this table; choose another number, or leave it out",
    ]


def test_no_tunnel_leads_out_of_the_host() -> None:
    assert problems(WAN0, WAN1, xfrm_interfaces=[{"name": "wan0"}]) == [
        "uplink wan0: interface is 'wan0': an interface that packets leave the host by is needed, and this one leads into tunnels"
    ]


def test_tables_are_those_that_are_written_then_those_of_before_then_the_lowest_that_are_free() -> None:
    wanted = gateway(
        *({"interface": f"wan{n}", "gateways": ["::9"]} for n in range(5)), {**WAN1, "interface": "lte", "table": 8302}
    )
    tables = allot_tables(wanted.uplinks, {}, {})
    assert tables == {"lte": 8302, "wan0": 8300, "wan1": 8301, "wan2": 8303, "wan3": 8304, "wan4": 8305}
    fewer = wanted.without_all({"uplinks": ("wan1", "wan2")})
    assert allot_tables(fewer.uplinks, tables, {}) == {name: tables[name] for name in ("lte", "wan0", "wan3", "wan4")}
    assert allot_tables(wanted.uplinks, {"wan3": 8300, "wan4": 8302}, {}) == {
        "lte": 8302, "wan0": 8301, "wan1": 8303, "wan2": 8304, "wan3": 8300, "wan4": 8305,
    }  # fmt: skip
    assert allot_tables(wanted.uplinks, {"wan0": 7, "wan1": 7}, {})["wan1"] == 8300


def test_a_table_with_routes_of_a_link_is_not_free() -> None:
    wanted = gateway(
        WAN0, WAN1, xfrm_interfaces=[{"name": "ipsec0", "routes": [{"destination": "10.9.0.0/16", "table": 8300}]}]
    )
    assert allot_tables(wanted.uplinks, {}, wanted.xfrm_interfaces) == {"wan0": 8301, "wan1": 8302}
    assert allot_tables(wanted.uplinks, {"wan1": 8300}, wanted.xfrm_interfaces) == {"wan0": 8301, "wan1": 8302}


def test_an_interface_that_the_host_never_had_is_refused_and_one_that_is_gone_waits() -> None:
    wanted, here = gateway(WAN0, WAN1), Situation(b"", {"wan0": (), "lo": ()}, interfaces=frozenset({"wan0", "lo"}))
    [refused] = interface_problems(wanted, Gateway(), here)
    assert str(refused) == "uplink wan1: interface is 'wan1': this host has no such interface; it has lo, wan0"
    assert list(interface_problems(wanted, wanted, here)) == []
    assert [each.interface for each in without_link(wanted, here)] == ["wan1"]
    assert without_link(wanted, Situation(b"")) == []


def test_it_is_stored_told_and_removed_by_its_interface() -> None:
    wanted = gateway({**WAN1, "table": 7}, WAN0)
    stored = dump_gateway(wanted)
    assert stored["uplinks"] == [WAN0, {**WAN1, "table": 7}]
    assert load_gateway(stored, dump_secrets(wanted), dump_all_defaults()) == wanted
    assert parse_names({"uplinks": [{"interface": "wan1"}]}) == {"uplinks": ["wan1"]}
    assert wanted.without(UPLINKS, "wan1") == gateway(WAN0)
    assert not gateway(WAN0).empty
    assert wanted.merged(gateway({**WAN1, "table": 8})) == gateway(WAN0, {**WAN1, "table": 8})
