# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The corners of a situation: numbers that last, addresses in the kernel's order."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import (
    FIRST_ALLOTTED_IF_ID,
    Situation,
    allot_if_ids,
    local_addresses,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import PARIS, config

F = FIRST_ALLOTTED_IF_ID


def allotted(items: list[Any], previous: dict[str, int], taken: set[int]) -> dict[str, int]:
    return allot_if_ids(parse_gateway({"xfrm_interfaces": items}), previous, taken)


def test_the_first_number_is_that_of_earlier_versions() -> None:
    assert F == 0x5F000001


def test_numbers_do_not_depend_on_the_order_of_a_set() -> None:
    names = [f"x{number}" for number in range(10)]
    items = [{"name": name} for name in reversed(names)]
    expected = {name: F + number for number, name in enumerate(names)}
    assert allotted(items, {}, set()) == expected
    # One number was kept for all of them: the first by name has it.
    assert allotted(items, dict.fromkeys(names, F), set()) == expected


def test_a_kept_number_is_not_given_to_another() -> None:
    assert allotted([{"name": "a"}, {"name": "b"}], {"b": F}, set()) == {"a": F + 1, "b": F}


def test_a_number_that_somebody_wrote_is_not_allotted() -> None:
    assert allotted([{"name": "a"}, {"name": "b", "if_id": F}], {"a": F}, {F + 1}) == {"a": F + 2, "b": F}


def test_a_situation_of_which_nothing_is_known() -> None:
    nothing = Situation(b"k")
    assert (nothing.addresses, nothing.default_interface, nothing.if_ids) == ({}, {}, {})


ADDRESSES = {"wan0": ("192.0.2.9", "2001:db8::9", "192.0.2.1"), "wan1": ("203.0.113.1",)}


@pytest.mark.parametrize(
    ("interfaces", "default", "found"),
    [
        pytest.param(["wan1", "wan0"], None, ["203.0.113.1", "192.0.2.9", "192.0.2.1"], id="as written"),
        pytest.param(
            ["wan1", "wan0"], "wan0", ["192.0.2.9", "192.0.2.1", "203.0.113.1"], id="the default route's first"
        ),
        pytest.param(["192.0.2.1", "wan0"], None, ["192.0.2.1", "192.0.2.9"], id="each address once"),
        pytest.param(["192.0.2.7", "wan1"], "wan1", ["203.0.113.1", "192.0.2.7"], id="an address among names"),
    ],
)
def test_order_of_addresses(interfaces: list[str], default: str | None, found: list[str]) -> None:
    connection = parse_gateway(config([{**PARIS, "interfaces": interfaces}], [])).phase1["paris"]
    assert list(local_addresses(connection, Situation(b"", ADDRESSES, {4: default, 6: "wan1"}))) == found


def test_the_interface_that_is_missing_is_named_where_it_was_written() -> None:
    """Also where the default route's interface, which is tried first, was written after it."""
    connection = parse_gateway(config([{**PARIS, "interfaces": ["eth9", "wan0"]}], [])).phase1["paris"]
    with pytest.raises(ValidationError) as refused:
        local_addresses(connection, Situation(b"", {}, {4: "wan0"}))
    assert str(refused.value) == "phase1 paris: interfaces[1] is 'wan0': this host has no such interface; it has none"
