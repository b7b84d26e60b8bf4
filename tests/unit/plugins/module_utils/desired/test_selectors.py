# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses with protocols and ports: what is taken in which form, what is refused in which words, and which ones meet."""

from __future__ import annotations

import re

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.selectors import (
    Selector,
    parse_selector,
    selector_of,
)

FORM = "protocol and port are written as in 10.1.0.0/24[tcp/443], [udp/1024-2048], [icmp] or [any/53]"
RANGE = "a range goes from the lower to the higher address of one family, such as 10.1.0.1-10.1.0.9"
NO_PROTOCOL = "'{}' is no protocol that is known by name, nor a number from 0 to 255; " + FORM
NO_PORT = "'{}' is no port that is known by name, nor a number from 0 to 65535, nor two of them; " + FORM


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("10.1.0.0/24[tcp/443]", "10.1.0.0/24[6/443]"),
        ("10.1.0.0/24[TCP/HTTPS]", "10.1.0.0/24[6/443]"),
        ("10.1.0.0/24[17/1024-2048]", "10.1.0.0/24[17/1024-2048]"),
        ("10.1.0.0/24[udp/53-53]", "10.1.0.0/24[17/53]"),
        ("10.1.0.0/24[gre]", "10.1.0.0/24[47]"),
        ("10.1.0.0/24[gre/any]", "10.1.0.0/24[47]"),
        ("10.1.0.0/24[251]", "10.1.0.0/24[251]"),
        ("10.1.0.0/24[any]", "10.1.0.0/24"),
        ("10.1.0.0/24[0/0-65535]", "10.1.0.0/24"),
        ("10.1.0.0/24[/53]", "10.1.0.0/24[any/53]"),
        ("10.1.0.0/24[any/domain]", "10.1.0.0/24[any/53]"),
        ("10.1.0.0/24[tcp/opaque]", "10.1.0.0/24[6/opaque]"),
        ("10.1.0.0/24[icmp/8]", "10.1.0.0/24[1/2048]"),
        ("10.1.0.0/24[icmp/2048]", "10.1.0.0/24[1/2048]"),
        ("10.1.0.0/24[icmp/771]", "10.1.0.0/24[1/771]"),
        ("2001:db8::/64[icmpv6/128]", "2001:db8::/64[58/32768]"),
        ("dynamic[udp/4789]", "dynamic[17/4789]"),
        ("10.1.0.7[tcp]", "10.1.0.7/32[6]"),
        ("10.1.0.1-10.1.0.9", "10.1.0.1-10.1.0.9"),
        ("10.1.0.1 - 10.1.0.9[tcp/22]", "10.1.0.1-10.1.0.9[6/22]"),
        ("10.1.0.0-10.1.0.255", "10.1.0.0/24"),
        ("2001:DB8::1-2001:DB8::9", "2001:db8::1-2001:db8::9"),
    ],
)
def test_a_selector_has_one_form_in_numbers(written: str, taken: str) -> None:
    assert parse_selector(written) == taken
    assert parse_selector(taken) == taken


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("10.1.0.0/24[443/tcp]", "the protocol stands before the port; did you mean 10.1.0.0/24[6/443]?"),
        ("10.1.0.0/24[https/tcp]", "the protocol stands before the port; did you mean 10.1.0.0/24[6/443]?"),
        ("10.1.0.0/24[https/any]", NO_PROTOCOL.format("https")),
        ("10.1.0.0/24[https/pigeon]", NO_PROTOCOL.format("https")),
        ("10.1.0.0/24[443]", NO_PROTOCOL.format("443") + "; did you mean 10.1.0.0/24[tcp/443]?"),
        ("10.1.0.0/24[pigeon]", NO_PROTOCOL.format("pigeon")),
        ("10.1.0.0/24[06]", NO_PROTOCOL.format("06")),
        ("10.1.0.0/24[tcp/65536]", NO_PORT.format("65536")),
        ("10.1.0.0/24[tcp/9-1]", NO_PORT.format("9-1")),
        ("10.1.0.0/24[tcp/1-]", NO_PORT.format("1-")),
        ("10.1.0.0/24[tcp/http-https]", NO_PORT.format("http-https")),
        ("10.1.0.0/24[tcp/443", "the bracket has to be closed at the end; " + FORM),
        ("10.1.0.0[tcp]/24", "the bracket has to be closed at the end; " + FORM),
        ("10.1.0.9-10.1.0.1", RANGE),
        ("10.1.0.1-2001:db8::1", RANGE),
        ("10.1.0.1-", RANGE + " (an IPv4 or IPv6 address is needed, such as 192.0.2.1 or 2001:db8::1)"),
    ],
)
def test_what_is_wrong_is_told_with_what_would_be_right(written: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse_selector(written)


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("10.0.0.0/8", "10.1.0.0/16[6/443]", True),
        ("10.0.0.0/8[17]", "10.1.0.0/16[6/443]", False),
        ("10.0.0.0/8[6/1-442]", "10.1.0.0/16[6/443]", False),
        ("10.0.0.0/8[6/1-443]", "10.1.0.0/16[6/443]", True),
        ("10.0.0.0/8[6/opaque]", "10.0.0.0/8[6/opaque]", True),
        ("10.0.0.1-10.0.0.9", "10.0.0.9/32", True),
        ("10.0.0.1-10.0.0.8", "10.0.0.9/32", False),
        ("dynamic", "dynamic", False),
        ("0.0.0.0/0", "::/0", False),
    ],
)
def test_selectors_meet_in_addresses_protocol_and_ports(one: str, other: str, *, meet: bool) -> None:
    assert selector_of(one).overlaps(selector_of(other)) is meet
    assert selector_of(other).overlaps(selector_of(one)) is meet


def test_a_range_is_the_networks_that_it_is_made_of() -> None:
    assert [str(each) for each in selector_of("10.1.0.1-10.1.0.4").networks()] == [
        "10.1.0.1/32",
        "10.1.0.2/31",
        "10.1.0.4/32",
    ]
    assert selector_of("dynamic[6]").networks() == []
    assert selector_of("dynamic[6]") == Selector(0, 0, 0, 6)
