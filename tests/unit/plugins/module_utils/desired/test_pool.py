# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pools: what they may be, what refers to them, what swanctl.conf says of them, and back."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.compute import artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.inverse import read_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.pools import pools_in_text, pools_named
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.releases import unmet
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.settings import parse_settings
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import (
    check_gateway,
    dump_gateway,
    parse_gateway,
    without_dangling,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError

P1: dict[str, Any] = {"name": "road", "remote_endpoints": ["198.51.100.2"], "psk": "x", "init_type": "none"}
OFFICE: dict[str, Any] = {"name": "office", "addrs": "10.9.0.0/24"}
FULL: dict[str, Any] = {
    **OFFICE, "dns": ["10.9.0.1", "2001:db8::1"], "nbns": ["10.9.0.2"], "dhcp": ["10.9.0.3"], "netmask": ["255.255.255.0"],
    "server": ["10.9.0.4"], "subnet": ["10.0.0.0/8"], "split_include": ["10.1.0.0/16", "10.2.0.0/16"],
    "split_exclude": ["10.3.0.0/16"], "attributes": [{"number": 20000, "values": ["a \"b\" #c", "10.9.0.5"]}],
}  # fmt: skip


def problems(*pools: dict[str, Any], **phase1: Any) -> list[str]:
    try:
        check_gateway(parse_gateway({"phase1": [{**P1, **phase1}], "pools": list(pools)}))
    except ValidationError as error:
        return [str(problem) for problem in error.problems]
    return []


ADDRS = "a network or a range of addresses is needed, such as 10.9.0.0/24 or 10.9.0.10-10.9.0.99"
ATTRIBUTE = "an address or a network is needed, such as 10.9.0.1 or 10.9.0.0/24"
TEXT = "a text of 1 to 255 characters is needed, without comma, control characters and blanks at its ends"


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        ({"addrs": "10.9.0.1"}, f"addrs is '10.9.0.1': {ADDRS}"),
        ({"addrs": "gw.example.org"}, f"addrs is 'gw.example.org': {ADDRS}"),
        ({"addrs": "a-b.example.org"}, f"addrs is 'a-b.example.org': {ADDRS}"),
        ({"addrs": 7}, f"addrs is 7: {ADDRS}"),
        ({"addrs": "10.9.0.9-10.9.0.1"}, f"addrs is '10.9.0.9-10.9.0.1': {ADDRS}"),
        ({"addrs": "10.9.0.1/24"}, "addrs is '10.9.0.1/24': it has host bits set; did you mean 10.9.0.0/24?"),
        ({"name": "dhcp"}, "name is 'dhcp': charon keeps this name for another source of addresses"),
        ({"dns": ["gw.example.org"]}, f"dns[0] is 'gw.example.org': {ATTRIBUTE}"),
        ({"subnet": ["10.9.0.1/8"]}, "subnet[0] is '10.9.0.1/8': it has host bits set; did you mean 10.0.0.0/8?"),
        ({"attributes": [{"number": 0, "values": ["x"]}]},
         "attributes[0].number is 0: a whole number from 1 to 32767 is needed"),
        ({"attributes": [{"number": 32768, "values": ["x"]}]},
         "attributes[0].number is 32768: a whole number from 1 to 32767 is needed"),
        *(({"attributes": [{"number": 1, "values": [value]}]}, f"attributes[0].values[0] is {value!r}: {TEXT}")
          for value in ("a,b", "", " a", "a\nb", "ä", "x" * 256, True)),
        ({"attributes": [{"number": 7, "values": ["x"]}, {"number": 7, "values": ["y"]}]},
         "attributes[1].number is 7: each number once, with all its values"),
    ],
)  # fmt: skip
def test_what_a_pool_cannot_be(pool: dict[str, Any], message: str) -> None:
    name = pool.get("name", "office")
    assert problems({**OFFICE, **pool}) == [f"pool {name}: {message}"]


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("10.9.0.0/24", "10.9.1.0/24", False),
        ("10.9.0.0/24", "10.9.0.255-10.9.1.5", True),
        ("10.9.0.0/25", "10.9.0.128-10.9.0.129", False),
        ("10.9.0.5-10.9.0.9", "10.9.0.0/24", True),
        ("2001:db8::/120", "10.9.0.0/24", False),
        ("2001:db8::/120", "2001:db8::ff-2001:db8::100", True),
    ],
)
def test_pools_that_overlap(one: str, other: str, *, overlap: bool) -> None:
    told = problems({**OFFICE, "addrs": one}, {"name": "other", "addrs": other})
    assert [each.partition(": it overlaps with ")[1] != "" for each in told] == [True] * overlap


def test_what_is_referred_to_must_be_there() -> None:
    assert problems(OFFICE, pools=["office", "dhcp", "radius"]) == []
    assert problems(OFFICE, pools=["office", "offices"]) == [
        "phase1 road: pools[1] is 'offices': there is no pool of this name, there are office; or dhcp or radius for those sources"
    ]
    alone = parse_gateway({"phase1": [{**P1, "pools": ["office"]}]})
    left, told = without_dangling(alone)
    assert (dict(left.phase1), [each.option for each in told]) == ({}, ["pools[0]"])


def test_what_another_source_needs_is_named() -> None:
    trees: Any = {"road": {"pools": ["office", "dhcp", "radius"], "children": {}}}
    assert [str(each) for each in unmet(trees, version="6.0.1", plugins=("dhcp",))] == [
        "phase1 road: pools is 'radius': it needs charon's plugin eap-radius, which is not loaded on this host"
    ]


def test_a_pool_goes_through_the_text_and_back() -> None:
    gateway = parse_gateway({"phase1": [{**P1, "pools": ["office"]}], "pools": [FULL]})
    found = artifacts(gateway, Situation(b"k" * 32))
    text = found.files["connections"].text
    assert '  office {\n    addrs = "10.9.0.0/24"\n    dns = "10.9.0.1,2001:db8::1"\n' in text
    assert '    20000 = "a \\"b\\" #c,10.9.0.5"\n' in text
    assert pools_in_text(text) == pools_named(found.pools)
    again = read_gateway(parse_settings(text, file="text")).gateway
    assert dump_gateway(again)["pools"] == dump_gateway(gateway)["pools"]
    assert artifacts(again, Situation(b"k" * 32)).files["connections"] == found.files["connections"]


def test_without_pools_the_file_has_no_section_for_them() -> None:
    found = artifacts(parse_gateway({"phase1": [P1]}), Situation(b"k" * 32))
    assert "pools" not in found.files["connections"].text
    assert artifacts(parse_gateway({"pools": [OFFICE]}), Situation(b"k" * 32)).files["connections"].needed


@pytest.mark.parametrize(
    ("changed", "another"), [({}, False), ({"dns": ["10.9.0.1"]}, True), ({"addrs": "10.9.0.0/25"}, True)]
)
def test_a_digest_tells_one_pool_from_another(changed: dict[str, Any], *, another: bool) -> None:
    first, second = (
        pools_named(artifacts(parse_gateway({"pools": [{**OFFICE, **each}]}), Situation(b"k" * 32)).pools)
        for each in ({}, changed)
    )
    assert (first != second) is another
