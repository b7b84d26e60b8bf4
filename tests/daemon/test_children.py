# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Phase 2s that share a CHILD_SA, or have one each, against a peer that was configured by hand; modes as charon takes them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.tests.daemon import each_release
from ansible_collections.swanfleet.ipsec.tests.daemon.conftest import Pair
from ansible_collections.swanfleet.ipsec.tests.daemon.listed import by_number
from ansible_collections.swanfleet.ipsec.tests.daemon.taken import load, taken

pytestmark = [pytest.mark.charon, pytest.mark.root, each_release.EACH]

IKE, ESP = "aes256-sha256-curve25519", "aes256gcm16"
OURS: dict[str, Any] = {
    "name": "t", "interfaces": ["192.0.2.1"], "remote_endpoints": ["192.0.2.2"], "psk": "s3cret", "proposals": [IKE],
    "init_type": "none",
}  # fmt: skip
LOCAL, ONE, TWO = "10.1.0.0/24", "10.2.0.0/24", "10.2.1.0/24"


def member(name: str, network: str) -> dict[str, Any]:
    return {
        "name": name, "phase1": "t", "local_networks": [LOCAL], "remote_networks": [network], "proposals": [ESP],
    }  # fmt: skip


@pytest.mark.proves("S29", "S42", option="phase1.split_connections")
@pytest.mark.parametrize(
    ("options", "children"),
    [({}, {"dmz": {ONE, TWO}}), ({"split_connections": True}, {"dmz": {TWO}, "lan": {ONE}})],
    ids=["grouped", "split"],
)
def test_the_sas_have_the_listed_networks(charon_pair: Pair, options: Any, children: dict[str, set[str]]) -> None:
    theirs: Any = {
        name: {"local_ts": sorted(networks), "remote_ts": [LOCAL], "esp_proposals": [ESP]}
        for name, networks in children.items()
    }
    tree: Any = {
        "version": "2", "remote_addrs": ["192.0.2.1"], "proposals": [IKE], "local": {"auth": "psk"}, "remote": {"auth": "psk"},
        "children": theirs,
    }  # fmt: skip
    # kernel-libipsec wants an address of its own inside of each network.
    charon_pair[1].inside("ip", "address", "replace", "10.2.1.1/32", "dev", "lo")
    with charon_pair[0].client() as here, charon_pair[1].client() as there:
        there.load_shared(id="any", kind="ike", owners=[], data=b"s3cret")
        there.load_connection("hand", tree)
        load(here, taken({"phase1": [{**OURS, **options}], "phase2": [member("lan", ONE), member("dmz", TWO)]}))
        for name in children:
            here.initiate(ike="t", child=name, timeout_ms=5000)
        [(_name, sa)] = here.sas(["t"])
        found = {each["name"]: set(each["remote-ts"]) for each in sa["child-sas"].values()}
        assert (found, {each["mode"] for each in sa["child-sas"].values()}) == (children, {"TUNNEL"})


# Ours, and what charon is to show of it in numbers.
SELECTORS = {
    "10.1.0.0/24[tcp/https]": "10.1.0.0/24[6/443]", "10.1.1.0/24[udp/1024-2048]": "10.1.1.0/24[17/1024-2048]",
    "10.1.2.0/24[gre]": "10.1.2.0/24[47]", "10.1.3.0/24[icmp/8]": "10.1.3.0/24[1/2048]",
    "10.1.4.0/24[icmp/771]": "10.1.4.0/24[1/771]", "10.1.5.0/24[/53]": "10.1.5.0/24[0/53]",
    "10.1.6.0/24[tcp/opaque]": "10.1.6.0/24[6/opaque]", "10.1.7.1-10.1.7.9[251]": "10.1.7.1-10.1.7.9[251]",
    "10.1.8.0-10.1.8.255": "10.1.8.0/24", "dynamic[udp]": "dynamic[17]",
}  # fmt: skip


@pytest.mark.proves(key="connections.<conn>.children.<child>.local_ts", option="phase2.local_networks")
@pytest.mark.proves(key="connections.<conn>.children.<child>.remote_ts", option="phase2.remote_networks")
def test_charon_takes_protocols_ports_and_ranges_as_they_are_meant(charon_pair: Pair) -> None:
    with charon_pair[0].client() as here:
        lan = {**member("lan", ONE), "local_networks": list(SELECTORS), "remote_networks": list(SELECTORS)}
        load(here, taken({"phase1": [OURS], "phase2": [lan]}))
        child = here.connections(["t"])["t"]["children"]["lan"]
    for side in ("local-ts", "remote-ts"):
        assert [by_number(each) for each in child[side]] == list(SELECTORS.values())


def test_two_ends_agree_on_one_port(charon_pair: Pair) -> None:
    tree: Any = {
        "version": "2", "remote_addrs": ["192.0.2.1"], "proposals": [IKE], "local": {"auth": "psk"}, "remote": {"auth": "psk"},
        "children": {"web": {"local_ts": [f"{ONE}[tcp/8443]"], "remote_ts": [f"{LOCAL}[tcp]"], "esp_proposals": [ESP]}},
    }  # fmt: skip
    web = {**member("web", f"{ONE}[tcp/8443]"), "local_networks": [f"{LOCAL}[tcp]"]}
    with charon_pair[0].client() as here, charon_pair[1].client() as there:
        there.load_shared(id="any", kind="ike", owners=[], data=b"s3cret")
        there.load_connection("hand", tree)
        load(here, taken({"phase1": [OURS], "phase2": [web]}))
        here.initiate(ike="t", child="web", timeout_ms=5000)
        [(_name, sa)] = here.sas(["t"])
        [child] = sa["child-sas"].values()
    assert [by_number(each) for side in ("local-ts", "remote-ts") for each in child[side]] == [
        f"{LOCAL}[6]",
        f"{ONE}[6/8443]",
    ]


@pytest.mark.proves("S07", option="phase1.connection_type")
@pytest.mark.proves("S07", option="phase1.traffic_selector")
@pytest.mark.proves("S09", key="connections.<conn>.children.<child>.ah_proposals", option="phase1.encryption_type")
@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, {"all": (["dynamic"], ["dynamic"])}),
        ({"traffic_selector": "gre"}, {"all": (["dynamic[47]"], ["dynamic[47]"])}),
        (
            {"traffic_selector": "vxlan"},
            {"all-in": (["dynamic[17/4789]"], ["dynamic[17]"]), "all-out": (["dynamic[17]"], ["dynamic[17/4789]"])},
        ),
        ({"encryption_type": "ah"}, {"all": (["dynamic"], ["dynamic"])}),
    ],
    ids=["any", "gre", "vxlan", "ah"],
)
def test_charon_takes_transport_mode_as_it_is_meant(charon_pair: Pair, options: Any, shown: Any) -> None:
    start = charon_pair[0].mark()
    with charon_pair[0].client() as here:
        config = {
            "phase1": [{**OURS, "connection_type": "transport", **options}],
            "phase2": [{"name": "all", "phase1": "t"}],
        }
        load(here, taken(config))
        children = here.connections(["t"])["t"]["children"]
    sides = ("local-ts", "remote-ts")
    found = {name: tuple([by_number(ts) for ts in each[side]] for side in sides) for name, each in children.items()}
    assert found == shown
    assert {each["mode"] for each in children.values()} == {"TRANSPORT"}
    protocol = "AH:HMAC_SHA2_256_128" if "encryption_type" in options else "ESP:AES_GCM_16_256"
    assert f"proposals = {protocol}" in charon_pair[0].log(start)
