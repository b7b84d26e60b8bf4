# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The corners of a situation: numbers that last, addresses in the kernel's order."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import Gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import (
    FIRST_ALLOTTED_IF_ID,
    Situation,
    allot_if_ids,
    dump_situation,
    interface_problems,
    load_situation,
    local_addresses,
    vanished,
    waiting,
)
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
    assert list(local_addresses(connection, Situation(b"", ADDRESSES, {4: default, 6: "wan1"})) or ()) == found


NOW = Situation(b"k", {"wan0": ("192.0.2.1",), "ppp0": (), "lan0": ("10.1.0.1",)}, {4: None, 6: "wan0"}, {"x": 7})
THEN = Situation(
    b"", {"wan0": ("192.0.2.7", "192.0.2.8", "2001:db8::1"), "ppp0": ("203.0.113.1",)}, {4: "ppp0", 6: "ppp0"}
)


def test_what_is_missing_now_is_as_it_was_family_by_family() -> None:
    found = NOW.after(THEN)
    assert found.addresses == {
        "wan0": ("192.0.2.1", "2001:db8::1"), "ppp0": ("203.0.113.1",), "lan0": ("10.1.0.1",),
    }  # fmt: skip
    assert found.default_interface == {4: "ppp0", 6: "wan0"}
    assert (found.host_key, found.if_ids) == (b"k", {"x": 7})


def test_the_same_addresses_in_another_order_are_no_other_situation() -> None:
    """The kernel shows IPv6 addresses in the order in which they came, the last one first; after a boot it may be another."""
    then = Situation(b"", {"wan0": ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2")})
    now = Situation(b"", {"wan0": ("192.0.2.1", "192.0.2.2", "2001:db8::2", "2001:db8::1")})
    assert now.after(then).addresses == then.addresses
    more = Situation(b"", {"wan0": ("192.0.2.2", "192.0.2.1", "192.0.2.3")})
    assert more.after(then).addresses["wan0"][:3] == ("192.0.2.2", "192.0.2.1", "192.0.2.3")


def test_an_interface_that_has_vanished_keeps_its_addresses() -> None:
    assert Situation(b"k").after(THEN).addresses == THEN.addresses


def test_without_an_earlier_situation_nothing_is_added() -> None:
    assert NOW.after(Situation(b"")) == NOW


def bound(*interfaces: str, ip_type: str = "ipv4") -> Any:
    peer = "2001:db8::2" if ip_type == "ipv6" else "198.51.100.2"
    return parse_gateway(
        config([{**PARIS, "interfaces": list(interfaces), "ip_type": ip_type, "remote_endpoints": [peer]}], [])
    )


def test_a_generation_keeps_the_interfaces_that_connections_name() -> None:
    stored = dump_situation(bound("ppp0", "wan0", "wan9", "198.51.100.7"), THEN)
    assert stored == {
        "addresses": {"ppp0": ["203.0.113.1"], "wan0": ["192.0.2.7", "192.0.2.8", "2001:db8::1"]},
        "default_interface": {"4": "ppp0", "6": "ppp0"},
    }
    assert load_situation(stored) == THEN
    assert dump_situation(bound("any"), THEN)["addresses"] == {}


def test_a_generation_of_an_earlier_release_knows_of_no_situation() -> None:
    assert load_situation({}) == Situation(b"")


def test_a_name_that_is_no_interface_is_named_where_it_was_written() -> None:
    problems = list(interface_problems(bound("wan0", "eth9", "any", "192.0.2.1"), Gateway(), NOW))
    assert [str(each) for each in problems] == [
        "phase1 paris: interfaces[1] is 'eth9': this host has no such interface; it has lan0, ppp0, wan0"
    ]
    [problem] = interface_problems(bound("eth9"), Gateway(), Situation(b""))
    assert str(problem) == "phase1 paris: interfaces[0] is 'eth9': this host has no such interface; it has none"


def test_a_name_that_was_accepted_before_may_be_away() -> None:
    assert list(interface_problems(bound("wan0", "eth9"), bound("eth9"), NOW)) == []
    assert len(list(interface_problems(bound("wan0", "eth9"), bound("wan0"), NOW))) == 1


@pytest.mark.parametrize(("ip_type", "word"), [("ipv4", "IPv4"), ("ipv6", "IPv6"), ("any", "IPv4 or IPv6")])
def test_who_waits_is_told_with_the_reason(ip_type: str, word: str) -> None:
    gateway = bound("eth9", "ppp0", ip_type=ip_type)
    assert waiting(gateway, NOW) == {"paris": f"none of its interfaces (eth9, ppp0) has an {word} address now"}
    assert waiting(bound("any"), NOW) == {}


def test_addresses_of_the_host_are_kept_in_one_order() -> None:
    held = [f"192.0.2.{number}" for number in range(10, 30)]
    gateway = parse_gateway(config([{**PARIS, "interfaces": held[::-1]}], []))
    assert dump_situation(gateway, Situation(b"k", present=frozenset(held)))["present"] == held


def test_connections_of_an_interface_that_is_gone_are_told_in_the_order_of_names() -> None:
    gateway = parse_gateway(config([{**PARIS, "name": name, "interfaces": ["wan0"]} for name in "bca"], []))
    gone = Situation(b"k", addresses={"wan0": ("192.0.2.9",)}, interfaces=frozenset({"lo"}))
    assert vanished(gateway, gone) == {"wan0": ["a", "b", "c"]}
    assert vanished(gateway, Situation(b"k", addresses={"wan0": ("192.0.2.9",)})) == {}
