# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table as nft is told of it, and as nft lists it: each way that nft may write an element."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.boxes import Box
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.nft import (
    FAMILY,
    TABLE,
    NftChain,
    NftSet,
    NftTable,
    commands,
    parse_table,
)

CHAINS = {"input": NftChain("filter", "input", -1)}


@pytest.mark.parametrize(
    ("field", "part", "element"),
    [
        ("ipv4_addr", (7, 7), "0.0.0.7"),
        ("ipv4_addr", (8, 11), {"prefix": {"addr": "0.0.0.8", "len": 30}}),
        # Neither a size of a network, nor the begin of one.
        ("ipv4_addr", (3, 5), {"range": ["0.0.0.3", "0.0.0.5"]}),
        ("ipv4_addr", (6, 9), {"range": ["0.0.0.6", "0.0.0.9"]}),
        ("ipv6_addr", (0, 2**64 - 1), {"prefix": {"addr": "::", "len": 64}}),
        ("inet_service", (500, 500), 500),
        ("inet_service", (500, 501), {"range": [500, 501]}),
        ("ifname", "eth0", "eth0"),
    ],
)
def test_an_element_is_written_and_read_back(field: str, part: Any, element: Any) -> None:
    table = NftTable({"peers": NftSet((field,), ((part,),))}, CHAINS)
    added = [told for each in commands(table)[3:] for told in [each["add"]]]
    [written] = [each["set"]["elem"] for each in added if "set" in each]
    assert written == [element]
    assert parse_table(added).is_like(table)


def listed(elements: list[Any]) -> tuple[Box, ...]:
    """Return what nft's list of a set of intervals says."""
    told = {
        "family": FAMILY,
        "table": TABLE,
        "name": "peers",
        "type": "ipv4_addr",
        "flags": ["interval"],
        "elem": elements,
    }
    return parse_table([{"set": told}]).sets["peers"].boxes


@pytest.mark.parametrize(
    ("elements", "boxes"),
    [
        pytest.param([{"elem": {"val": "0.0.0.7", "counter": {"packets": 1, "bytes": 2}}}], (((7, 7),),), id="with a counter"),
        pytest.param([{"prefix": {"addr": "0.0.0.8", "len": 30}}, {"range": ["0.0.0.12", "0.0.0.14"]}], (((8, 14),),),
                     id="two that touch, as one"),
    ],
)  # fmt: skip
def test_what_nft_lists_is_read(elements: list[Any], boxes: tuple[Box, ...]) -> None:
    assert listed(elements) == boxes
