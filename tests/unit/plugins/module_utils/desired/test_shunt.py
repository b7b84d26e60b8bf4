# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shunts as objects: what they cannot be, what the kernel is told of them, and that they go through a text and back."""

from __future__ import annotations

import ipaddress
import random
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.compute import artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.inverse import read_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.parts import parts_in_text
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.settings import parse_settings
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.shunts import shunt_name
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import (
    Gateway,
    check_gateway,
    dump_gateway,
    parse_gateway,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.selectors import selector_of
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.shunt import kernel_selectors
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation, interface_problems
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError

P1: dict[str, Any] = {"name": "road", "remote_endpoints": ["198.51.100.2"], "psk": "x", "init_type": "none"}
LAN: dict[str, Any] = {
    "name": "printers", "type": "pass", "local_networks": ["10.1.0.0/24"], "remote_networks": ["10.1.0.0/24"],
}  # fmt: skip
FULL: dict[str, Any] = {
    **LAN, "type": "drop", "remote_networks": ["10.2.0.0/16[udp/53]"], "priority": 70000, "interface": "wan0",
    "mark_in": "0x2a/0x000000ff", "mark_out": "0x7/0xffffffff", "policies_fwd_out": True,
}  # fmt: skip
HERE = Situation(b"k" * 32)


def problems(shunt: dict[str, Any], **more: Any) -> list[str]:
    try:
        check_gateway(parse_gateway({"phase1": [P1], "shunts": [{**LAN, **shunt}], **more}))
    except ValidationError as error:
        return [str(problem) for problem in error.problems]
    return []


MARK = "a mark is needed, a number up to 4294967293 with or without a mask as in 0x2a/0xff"


@pytest.mark.parametrize(
    ("shunt", "message"),
    [
        ({"type": "block"}, "type is 'block': one of pass, drop is needed"),
        ({"type": None}, "type: is required"),
        ({"local_networks": None}, "local_networks: is required"),
        (
            {"remote_networks": []},
            "remote_networks is []: at least one network is needed; 0.0.0.0/0 and ::/0 are all there are",
        ),
        (
            {"local_networks": ["10.1.0.0/24", "10.1.0.0/24"]},
            "local_networks is ['10.1.0.0/24', '10.1.0.0/24']: each network once",
        ),
        (
            {"remote_networks": ["::/0"]},
            (
                "remote_networks is ['::/0']: a network of the family of local_networks is needed (IPv4): both sides of a "
                "selector have one family"
            ),
        ),
        (
            {"local_networks": ["10.1.0.0/24[tcp]"], "remote_networks": ["10.1.0.0/24[udp]"]},
            (
                "remote_networks is ['10.1.0.0/24[17]']: a network with the protocol of local_networks is needed, or with none: "
                "both sides of a selector have one protocol"
            ),
        ),
        (
            {"local_networks": ["10.1.0.0/24[tcp/opaque]"]},
            (
                "local_networks[0] is '10.1.0.0/24[6/opaque]': ports that are hidden from a peer mean nothing where there is none; "
                "name them, or leave them out"
            ),
        ),
        (
            {"local_networks": ["10.1.0.0/24", "10.1.0.0/24[icmp/3-8]"]},
            (
                "local_networks[1] is '10.1.0.0/24[1/768-2048]': the kernel knows no range of ICMP types; write each of them, as "
                "in [icmp/8]"
            ),
        ),
        (
            {"remote_networks": ["10.1.0.0/24[icmp/0]"]},
            (
                "remote_networks[0] is '10.1.0.0/24[1/0]': charon makes a code of type 0 for packets that come in; leave the "
                "type out, or name another one"
            ),
        ),
        (
            {"local_networks": ["10.1.0.0/24[icmp/8]"], "remote_networks": ["10.1.0.0/24[icmp/3]"]},
            (
                "remote_networks is ['10.1.0.0/24[1/768]']: a packet of ICMP has one type and no ports, so that one side can name "
                "it, or both the same"
            ),
        ),
        (
            {"local_networks": ["10.1.0.0/24[icmp]"], "remote_networks": ["10.1.0.0/24[any/53]"]},
            (
                "remote_networks is ['10.1.0.0/24[any/53]']: a packet of ICMP has one type and no ports, so that one side can name "
                "it, or both the same"
            ),
        ),
        (
            {"local_networks": ["10.0.0.1-10.255.255.254"], "remote_networks": ["10.0.0.1-10.255.255.254"]},
            (
                "remote_networks is ['10.0.0.1-10.255.255.254']: with local_networks that makes 2116 pairs, since ranges are as "
                "many networks and ports as the kernel needs for them, and 1024 are possible; take wider networks, or "
                "make two shunts"
            ),
        ),
        ({"mark_in": "%unique"}, f"mark_in is '%unique': {MARK}"),
        (
            {"mark_out": "7/6"},
            "mark_out is '7/6': the mask 0x6 leaves 0x6 of it, and nothing with the rest would ever match",
        ),
        ({"priority": 0}, "priority is 0: a whole number from 1 to 4294967295 is needed"),
        (
            {"if_id_in": 7},
            (
                "if_id_in: there is no such option; the options are name, type, local_networks, remote_networks, priority, "
                "interface, mark_in, mark_out, policies_fwd_out"
            ),
        ),
    ],
)
def test_what_a_shunt_cannot_be(shunt: dict[str, Any], message: str) -> None:
    assert problems(shunt) == [f"shunt printers: {message}"]


@pytest.mark.parametrize(
    "shunt",
    [
        FULL,
        {"local_networks": ["dynamic"], "remote_networks": ["dynamic[ipv6-icmp]"]},
        {"local_networks": ["10.1.0.0/24[icmp/8]"], "remote_networks": ["10.1.0.0/24[icmp/8]"]},
        {"local_networks": ["10.1.0.0/24[icmp/8]", "10.1.0.0/24[tcp/22]"], "remote_networks": ["0.0.0.0/0"]},
        {"local_networks": ["dynamic[tcp/1024-65535]"], "remote_networks": ["10.0.0.1-10.0.0.9", "2001:db8::/48"]},
    ],
)
def test_what_a_shunt_can_be(shunt: dict[str, Any]) -> None:
    assert problems(shunt) == []


def test_an_xfrm_interface_of_ours_is_no_interface_for_a_shunt() -> None:
    assert problems({"interface": "ipsec0"}, xfrm_interfaces=[{"name": "ipsec0"}]) == [
        (
            "shunt printers: interface is 'ipsec0': charon looks its number up once, and an XFRM interface of ours is made anew "
            "when its number or parent changes, so that the shunt would be for one that is gone; take networks or marks instead"
        )
    ]


def test_names_of_connections_that_hold_shunts_are_kept() -> None:
    name = "swanfleet-shunt-printers-0123456789abcdef01234567"
    assert problems({}, phase1=[{**P1, "name": name}]) == [
        f"phase1 {name}: name is '{name}': names that begin with swanfleet-shunt- are kept for shunts"
    ]


def test_an_interface_must_be_there_when_it_is_new() -> None:
    there = Situation(b"k" * 32, {"wan0": ("192.0.2.1",), "off": ()}, interfaces=frozenset(("wan0", "off")))
    known, other = (parse_gateway({"shunts": [{**LAN, "interface": name}]}) for name in ("off", "gone"))
    assert list(interface_problems(known, Gateway(), there)) == []
    assert [str(each) for each in interface_problems(other, known, there)] == [
        "shunt printers: interface is 'gone': this host has no such interface; it has off, wan0"
    ]
    # It has been one, and may come back; until then nobody is told of it, since charon would take any interface for it.
    assert list(interface_problems(other, other, there)) == []
    found = artifacts(other, there)
    assert (dict(found.shunts), found.files["connections"].needed, found.warnings) == (
        {}, False,
        ("shunt printers waits: this host has no interface gone now. charon is told of it by the next run after that",),
    )  # fmt: skip
    assert len(artifacts(known, there).shunts) == 1


def matched(text: str) -> set[tuple[int, int]]:
    """Return what a selector of the kernel matches of some addresses and all ports: a prefix, and a port with a mask."""
    selector = selector_of(text)
    low, high = selector.ports
    same = ~(low ^ high) & 0xFFFF
    mask = 0
    for bit in range(15, -1, -1):
        if not same >> bit & 1:
            break
        mask |= 1 << bit
    ends = [ipaddress.IPv4Address(each) for each in (selector.low, selector.high)]
    [network] = ipaddress.summarize_address_range(*ends)
    ports = [port for port in range(0x10000) if port & mask == low & mask]
    return {(int(address), port) for address in network for port in ports}


@pytest.mark.parametrize("number", range(4))
def test_the_kernel_matches_just_what_is_written(number: int) -> None:
    chance = random.Random(number)  # noqa: S311  # the same in every run
    first = chance.randint(1, 12)
    last = first + chance.randint(0, 6)
    low = chance.randint(0, 65535)
    high = chance.randint(low, 65535)
    text = f"0.0.0.{first}-0.0.0.{last}[6/{low}-{high}]"
    found = [matched(each) for each in kernel_selectors(text)]
    assert set().union(*found) == {
        (address, port) for address in range(first, last + 1) for port in range(low, high + 1)
    }
    assert sum(map(len, found)) == (last - first + 1) * (high - low + 1)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("10.1.0.0/24", ["10.1.0.0/24"]),
        ("dynamic[17/1024-65535]", ["1024-2047", "2048-4095", "4096-8191", "8192-16383", "16384-32767", "32768-65535"]),
        ("10.1.0.1-10.1.0.4", ["10.1.0.1/32", "10.1.0.2/31", "10.1.0.4/32"]),
        ("2001:db8::-2001:db8::2[6/80]", ["2001:db8::/127[6/80]", "2001:db8::2/128[6/80]"]),
        ("dynamic[1/2048]", ["dynamic[1/2048]"]),
    ],
)
def test_a_range_has_the_fewest_parts(text: str, parts: list[str]) -> None:
    assert [
        each.removeprefix("dynamic[17/").removesuffix("]") if "17/" in each else each for each in kernel_selectors(text)
    ] == parts


def test_a_shunt_goes_through_the_text_and_back() -> None:
    gateway = parse_gateway(
        {"phase1": [P1], "shunts": [FULL, {**LAN, "name": "all", "local_networks": ["dynamic[tcp/22]"]}]}
    )
    found = artifacts(gateway, HERE)
    text = found.files["connections"].text
    assert [shunt_name(each) for each in found.shunts] == ["all", "printers"]
    assert (
        '    remote_addrs = "127.0.0.1"\n    children {\n      printers {\n        mode = "drop"\n'
        '        local_ts = "10.1.0.0/24"\n        remote_ts = "10.2.0.0/16[17/53]"\n        priority = "70000"\n'
        '        interface = "wan0"\n        mark_in = "0x2a/0x000000ff"\n        mark_out = "0x7/0xffffffff"\n'
        '        policies_fwd_out = "yes"\n        start_action = "trap"\n      }\n    }\n  }\n'
    ) in text
    # What passes is loaded first, and the shunts before what they are about.
    assert text.index("swanfleet-shunt-all-") < text.index("swanfleet-shunt-printers-") < text.index("  road {")
    again = read_gateway(parse_settings(text, file="text")).gateway
    assert dump_gateway(again)["shunts"] == dump_gateway(gateway)["shunts"]
    assert artifacts(again, HERE).files["connections"] == found.files["connections"]
    # No connection of them is one with tunnels.
    assert list(parts_in_text(text)) == ["road"]


def test_without_shunts_the_file_is_as_before() -> None:
    found = artifacts(parse_gateway({"phase1": [P1]}), HERE)
    assert "swanfleet-shunt" not in found.files["connections"].text
    assert artifacts(parse_gateway({"shunts": [LAN]}), HERE).files["connections"].needed


@pytest.mark.parametrize(
    "changed",
    [{"type": "drop"}, {"local_networks": ["10.1.0.0/25"]}, {"priority": 7}, {"mark_in": 7}, {"name": "others"}],
)
def test_the_name_tells_one_shunt_from_another(changed: dict[str, Any]) -> None:
    [first], [second], [same] = (
        artifacts(parse_gateway({"shunts": [{**LAN, **each}]}), HERE).shunts for each in ({}, changed, {})
    )
    assert first == same != second
    assert len(max(first, second)) <= 200


def test_a_name_that_swanctl_cannot_read_is_refused() -> None:
    assert problems({"name": "x" * 90}) == []
    [refused] = problems({"name": "x" * 91})
    assert refused == (
        f"shunt {'x' * 91}: name is '{'x' * 91}': at most 90 characters are possible: of a longer one swanctl loads nothing when "
        "charon starts"
    )
