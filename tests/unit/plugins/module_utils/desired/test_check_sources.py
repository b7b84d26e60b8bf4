# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A check from inside goes from an address of the host that the tunnel takes, and who has none is told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.check_sources import (
    NOWHERE,
    check_sources,
    chooses_sources,
    unfit_sources,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import Gateway, parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation

PEER = "198.51.100.2"
# In the kernel's order: the line's addresses, those of the networks behind it, and those of the tunnel's link.
OWN = {
    "wan0": ("192.0.2.1", "2001:db8::1"),
    "lan0": ("10.1.0.1", "10.1.0.2", "2001:db8:1::1"),
    "x0": ("10.1.255.1",),
}
ENDPOINT = "192.0.2.1"


def gateway(
    children: list[tuple[list[str], list[str]]],
    asked: list[str],
    *,
    count: int = 1,
    source: str | None = None,
    **more: Any,
) -> Gateway:
    """Return one with so many fallbacks; `children` are (local networks, remote networks) of each primary."""
    common = {"psk": "s3cret", "proposals": ["aes256-sha256-curve25519"]}
    names = range(count)
    return parse_gateway(
        {
            "phase1": [
                {"name": f"{kind}{n}", "remote_endpoints": [PEER], **common, **(more if kind == "a" else {})}
                for kind in "ab"
                for n in names
            ],
            "phase2": [
                {
                    "name": f"c{number}", "phase1": f"a{n}", "local_networks": local, "remote_networks": remote,
                    "proposals": ["aes256gcm16"],
                }
                for n in names
                for number, (local, remote) in enumerate(children)
            ],
            "xfrm_interfaces": [{"name": "x0", "addresses": ["10.1.255.1/30"]}] if "xfrm_interface" in more else [],
            "fallbacks": [
                {
                    "name": f"s{n}", "primary": f"a{n}", "fallbacks": [f"b{n}"], "ping_check": True, "ping_address": asked,
                    "ping_source": source,
                }
                for n in names
            ],
        }
    )  # fmt: skip


def sources(made: Gateway) -> dict[str, str | None]:
    return check_sources(made.fallbacks["s0"], made.phase1["a0"], [*made.phase2.values()], OWN, ENDPOINT)


LAN, FAR = "10.1.0.0/24", "10.2.0.0/24"


@pytest.mark.parametrize(
    ("children", "asked", "more", "source"),
    [
        pytest.param([([LAN], [FAR])], "10.2.0.1", {}, "10.1.0.1", id="in the network"),
        pytest.param([(["10.1.0.2-10.1.0.9"], [FAR])], "10.2.0.1", {}, "10.1.0.2", id="in the range"),
        pytest.param([(["10.9.0.0/24"], [FAR])], "10.2.0.1", {}, NOWHERE, id="none is there"),
        pytest.param([(["10.1.0.0/16"], [FAR])], "10.2.0.1", {"xfrm_interface": "x0"}, "10.1.255.1", id="the link's first"),
        pytest.param([([LAN], [FAR])], "10.2.0.1", {"xfrm_interface": "x0"}, "10.1.0.1", id="the link's is not there"),
        pytest.param([(["10.9.0.0/24"], ["10.3.0.0/24"]), ([LAN], [FAR])], "10.2.0.1", {}, "10.1.0.1", id="by what holds it"),
        pytest.param([([LAN], ["10.3.0.0/24"]), (["10.9.0.0/24"], [FAR])], "10.2.0.1", {}, NOWHERE, id="not by others"),
        pytest.param([(["10.9.0.0/24", "10.1.0.0/16"], [FAR])], "10.2.0.1", {}, "10.1.0.1", id="by any of them"),
        pytest.param([(["0.0.0.0/0"], [FAR])], "10.2.0.1", {}, "", id="any will do"),
        pytest.param([(["0.0.0.0/0", LAN], [FAR])], "10.2.0.1", {}, "10.1.0.1", id="the narrower one first"),
        pytest.param([(["10.1.0.0/24[tcp]"], [FAR])], "10.2.0.1", {}, NOWHERE, id="that takes no echo requests"),
        pytest.param([(["10.1.0.0/24[icmp]"], ["10.2.0.0/24[icmp]"])], "10.2.0.1", {}, "10.1.0.1", id="that takes these"),
        pytest.param([(["dynamic"], [FAR])], "10.2.0.1", {}, ENDPOINT, id="the endpoint's own"),
        pytest.param([(["dynamic"], [FAR])], "10.2.0.1", {"vips": ["10.9.9.9"]}, "", id="a virtual one, which charon knows"),
        pytest.param(
            [([LAN, "2001:db8:1::/64"], [FAR, "2001:db8:2::/64"])], "2001:db8:2::1", {}, "2001:db8:1::1", id="of its family"
        ),
        pytest.param([([LAN], [FAR])], "10.2.0.1", {"interfaces": ["wan0"]}, "10.1.0.1", id="whatever the line is"),
    ],
)  # fmt: skip
def test_from_where_a_check_goes(
    children: list[tuple[list[str], list[str]]], asked: str, more: dict[str, Any], source: str | None
) -> None:
    made = gateway(children, [asked], **more)
    assert sources(made) == {asked: source}
    assert chooses_sources(made)


def test_from_outside_nothing_is_chosen() -> None:
    made = gateway([([LAN], [FAR])], [PEER])
    assert (sources(made), chooses_sources(made)) == ({}, False)


def test_each_address_has_its_own() -> None:
    made = gateway([([LAN], [FAR]), (["10.1.255.0/24"], ["10.3.0.0/24"])], ["10.2.0.1", "10.3.0.1"])
    assert sources(made) == {"10.2.0.1": "10.1.0.1", "10.3.0.1": "10.1.255.1"}


def situation(**more: Any) -> Situation:
    return Situation(host_key=b"", **{"own": OWN, "interfaces": frozenset(OWN), **more})


def test_whose_checks_have_no_address_is_told_with_the_networks() -> None:
    made = gateway([(["10.9.0.0/24"], [FAR])], ["10.2.0.1"])
    [told] = unfit_sources(made, situation())
    assert told.startswith(
        "fallback s0: this host has no address in local_networks of the phase 2s of a0 (10.9.0.0/24) for its checks of 10.2.0.1:"
    )
    assert unfit_sources(made, situation(own={**OWN, "lan1": ("10.9.0.1",)})) == []
    # Where nobody has looked, nobody knows.
    assert unfit_sources(made, situation(own={}, interfaces=None)) == []


def test_an_address_that_the_link_gets_counts_before_it_is_there() -> None:
    made = gateway([(["10.1.255.0/24"], [FAR])], ["10.2.0.1"], xfrm_interface="x0")
    assert unfit_sources(made, situation(own={"wan0": ("192.0.2.1",)})) == []


@pytest.mark.parametrize(
    ("children", "asked", "source", "strays"),
    [
        ([([LAN], [FAR])], ["10.2.0.1"], "10.1.0.1", ""),
        ([([LAN], [FAR])], ["10.2.0.1"], "192.0.2.1", "10.2.0.1"),
        ([([LAN], [FAR]), (["192.0.2.0/24"], ["10.3.0.0/24"])], ["10.3.0.1"], "192.0.2.1", ""),
        ([([LAN], [FAR]), (["192.0.2.0/24"], ["10.3.0.0/24"])], ["10.2.0.1", "10.3.0.1"], "192.0.2.1", "10.2.0.1"),
        ([(["0.0.0.0/0"], [FAR])], ["10.2.0.1"], "192.0.2.1", ""),
        # What it will be there is known to charon alone.
        ([(["dynamic"], [FAR])], ["10.2.0.1"], "192.0.2.1", ""),
        # From outside, and so by the line.
        ([([LAN], [FAR])], [PEER], "192.0.2.1", ""),
    ],
)
@pytest.mark.parametrize("looked", [True, False])
def test_a_given_source_that_the_tunnel_does_not_take_is_told(
    children: list[tuple[list[str], list[str]]], asked: list[str], source: str, strays: str, looked: bool
) -> None:
    told = unfit_sources(gateway(children, asked, source=source), situation() if looked else situation(interfaces=None))
    assert len(told) == bool(strays)
    if strays:
        assert f"ping_source {source} is not in local_networks of the phase 2s of a0" in told[0]
        assert f") to {strays}: the tunnel does not carry" in told[0]


def test_five_are_told_and_others_counted() -> None:
    told = unfit_sources(gateway([(["10.9.0.0/24"], [FAR])], ["10.2.0.1"], count=8), situation())
    assert (len(told), told[-1]) == (6, "and 3 more fallbacks without such an address")
