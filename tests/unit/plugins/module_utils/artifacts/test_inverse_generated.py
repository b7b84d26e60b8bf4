# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever gateway is rendered, reading its files gives objects with the same artifacts, as far as a text can tell."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.compute import artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.inverse import Parsed, read_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.settings import parse_settings
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import Artifacts
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import (
    Gateway,
    check_gateway,
    parse_gateway,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.page_settings import CLOSE_ACTIONS, DPD_ACTIONS
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation, allot_if_ids
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from hypothesis import assume, given
from hypothesis import strategies as st

Config = dict[str, Any]
ANYONE = {"ipv4": "0.0.0.0", "ipv6": "::", "any": "::"}  # noqa: S104  # the word for any peer
KEY = b"k" * 32
ADDRESSES = {"wan0": ("192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2"), "wan1": ("203.0.113.1",)}


def read(text: str) -> Parsed:
    return read_gateway(parse_settings(text, file="text"))


def computed(gateway: Gateway) -> Artifacts:
    return artifacts(gateway, Situation(KEY, ADDRESSES, {4: "wan0", 6: "wan0"}, allot_if_ids(gateway, {}, set())))


def through_text(gateway: Gateway) -> Gateway:
    """Return what is read from the files of a gateway, its keys too."""
    try:
        found = read("".join(file.text for file in computed(gateway).files.values()))
    except ValidationError as error:
        # Only in a text an interface and its address are the same, and two keys of IKEv1 for one pair of addresses show.
        assume("for the same addresses" not in str(error) and "fit this connection equally well" not in str(error))
        raise
    assert found.with_secret == tuple(sorted(gateway.phase1))
    return found.gateway


def text_only(found: Artifacts) -> Any:
    """Return what a text can tell: connections, and secrets with their owners, in whatever order."""
    shared = [(each.kind, frozenset(each.owners), each.value.reveal()) for each in found.shared.values()]
    return found.connections, sorted(shared, key=str)


IDENTITIES = st.sampled_from(
    '192.0.2.77 2001:db8::77 fqdn:gw.example.com email:me@example.com keyid:branch-7 dn:C=CH,\\ O="a"#b keyid:x:y'.split()
)


@st.composite
def endpoints(draw: st.DrawFn, number: int, family: str) -> list[str]:
    """Draw endpoints of one connection, that no other has."""
    mine = {
        "ipv4": [
            f"198.51.{number}.1",
            f"198.51.{number}.2",
            f"198.51.{number}.128/25",
            f"198.51.{number}.7-198.51.{number}.9",
        ],
        "ipv6": [f"2001:db8:1{number}::1", f"2001:db8:1{number}::2", f"2001:db8:1{number}:1::/64"],
    }
    mine["any"] = mine["ipv4"][:2] + mine["ipv6"]
    return draw(
        st.lists(st.sampled_from([*mine[family], f"gw{number}.example.com"]), min_size=1, max_size=3, unique=True)
    ) + draw(st.sampled_from([[], [], [ANYONE[family]]]))


@st.composite
def connection(draw: st.DrawFn, number: int) -> Config:
    family = draw(st.sampled_from(["ipv4", "ipv6", "any"]))
    of_one = {"ipv4": ["192.0.2.1", "192.0.2.99"], "ipv6": ["2001:db8::1", "2001:db8::99"]}
    mine = of_one.get(family, ["192.0.2.1", "2001:db8::99"])
    version = draw(st.sampled_from([1, 2]))
    return {
        "name": f"n{number}",
        "ip_type": family,
        "interfaces": draw(st.sampled_from([["any"], ["wan0"], mine[:1], mine, ["wan0", mine[1]]])),
        "remote_endpoints": draw(endpoints(number, family)),
        "ike_version": version,
        "aggressive": (version == 1 and draw(st.booleans())) or None,
        "init_type": draw(st.sampled_from(["start_on_demand", "on_demand", "start", "none"])),
        "xfrm_interface": draw(st.sampled_from([None, None, "x0", "x1"])),
        "psk": f"key {number} " + draw(st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=9)),
        "local_id": draw(st.just("my_address") | IDENTITIES),
        "remote_id": draw(st.sampled_from(["peer_address", "any"]) | IDENTITIES),
        "proposals": draw(
            st.sampled_from([["aes256-sha256-modp4096"], ["aes128-sha1-modp2048", "aes256gcm16-prfsha256-x25519"]])
        ),
        "lifetime": draw(st.integers(60, 0x7FFFFFFF)),
        **draw(page_settings()),
    }


@st.composite
def page_settings(draw: st.DrawFn) -> Config:
    delay = draw(st.integers(1, 165))
    return {
        "rekey": draw(st.booleans()),
        "close_action": draw(st.sampled_from(CLOSE_ACTIONS)),
        "nat_traversal": draw(st.sampled_from(["auto", "force"])),
        "mobike": draw(st.sampled_from([None, False])),
        "dpd": {
            "enabled": draw(st.booleans()),
            "delay": delay,
            "timeout": draw(st.sampled_from([0, delay, 999])),
            "action": draw(st.sampled_from([None, *DPD_ACTIONS])),
        },
    }


@st.composite
def child(draw: st.DrawFn, number: int, parent: str) -> Config:
    networks = [f"10.{number}.1.0/24", f"10.{number}.2.1", f"2001:db8:{number}::/48"]
    return {
        "name": f"c{number}",
        "phase1": parent,
        "local_networks": draw(st.sampled_from([["dynamic"], ["10.0.0.0/24", "2001:db8:ffff::/48"]])),
        "remote_networks": draw(st.sampled_from([["dynamic"], networks[:1], networks])),
        "proposals": draw(st.sampled_from([["aes256gcm16"], ["aes256-sha256", "aes256gcm16-x25519"]])),
        "lifetime": draw(st.integers(60, 0x7FFFFFFF)),
    }


@st.composite
def gateways(draw: st.DrawFn) -> Gateway:
    phase1 = [draw(connection(number)) for number in range(draw(st.integers(0, 4)))]
    names = [each["name"] for each in phase1]
    phase2 = [draw(child(number, draw(st.sampled_from(names)))) for number in range(draw(st.integers(0, 5))) if names]
    links = [{"name": "x0", "if_id": draw(st.integers(1, 0xFFFFFFFF))}, {"name": "x1"}]
    try:
        gateway = parse_gateway({"phase1": phase1, "phase2": phase2, "xfrm_interfaces": links})
        check_gateway(gateway)
    except ValidationError:
        assume(False)
        raise
    return gateway


@given(gateways())
def test_what_was_rendered_is_read_back_as_the_same_artifacts(gateway: Gateway) -> None:
    assert text_only(computed(through_text(gateway))) == text_only(computed(gateway))


@given(gateways())
def test_reading_twice_gives_the_same_objects(gateway: Gateway) -> None:
    once = through_text(gateway)
    assert through_text(once) == once


def test_an_interface_by_name_becomes_its_address_and_with_it_the_identity() -> None:
    config = {"name": "paris", "interfaces": ["wan1"], "remote_endpoints": ["198.51.100.2"], "psk": "x"}
    gateway = parse_gateway({"phase1": [config]})
    again = through_text(gateway)
    assert again.phase1["paris"].interfaces == ("203.0.113.1",)
    before, after = (computed(each).connections["paris"] for each in (gateway, again))
    # No identity means the address to charon.
    assert (before["local"], after["local"]) == ({"auth": "psk"}, {"auth": "psk", "id": "203.0.113.1"})
    assert {**after, "local": before["local"]} == before
    assert through_text(again) == again


@pytest.mark.parametrize("interfaces", [["wan1"], ["203.0.113.1"], ["wan0"], ["any"]], ids=str)
@pytest.mark.parametrize("remote_id", ["peer_address", "any"])
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    "endpoints",
    [
        ["198.51.100.2", "198.51.100.3"],
        ["198.51.100.2", "gw.example.com"],
        ["198.51.100.2", "0.0.0.0/0"],
        # No address of a peer is known, so that none owns the key.
        ["gw1.example.com", "gw2.example.com"],
        ["198.51.100.128/25", "gw.example.com"],
    ],
    ids=str,
)
def test_a_peer_that_may_be_one_of_several_is_read_the_same_again(
    interfaces: list[str], remote_id: str, version: int, endpoints: list[str]
) -> None:
    config = {"name": "paris", "interfaces": interfaces, "remote_endpoints": endpoints, "remote_id": remote_id}
    gateway = parse_gateway({"phase1": [{**config, "ike_version": version, "ip_type": "ipv4", "psk": "x"}]})
    once = through_text(gateway)
    assert through_text(once) == once
