# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pair agrees on is checked word by word, and nothing else reaches keepalived's files."""

from __future__ import annotations

import copy
import ipaddress
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.plugin_utils.vrrp import PairError, node_values
from ansible_collections.swanfleet.ipsec.tests.generators.pairs import PAIR, WAN, rendered
from hypothesis import given
from hypothesis import strategies as st


def changed(**options: Any) -> dict[str, Any]:
    return {**copy.deepcopy(PAIR), **options}


def with_instance(**options: Any) -> dict[str, Any]:
    return changed(instances=[{**copy.deepcopy(WAN), **options}])


def complaint(options: dict[str, Any]) -> str:
    with pytest.raises(PairError) as caught:
        node_values(options)
    return str(caught.value)


def test_a_node_speaks_from_its_own_address_to_all_others() -> None:
    assert node_values(PAIR) == {
        "node": "south",
        "priority": 180,
        "advert_interval": "1.00",
        "preempt_delay": None,
        "mark": "0x02000000",
        "track_interfaces": ["wan1"],
        "instances": [
            {
                "name": "wan",
                "interface": "wan0",
                "router_id": 51,
                "family": 4,
                "addresses": ["192.0.2.100/24", "192.0.2.101/32"],
                "source": "192.0.2.3",
                "peers": ["192.0.2.2"],
            },
            {
                "name": "lan-v6",
                "interface": "bond0.7",
                "router_id": 51,
                "family": 6,
                "addresses": ["fd00:1::100/64"],
                "source": "fd00:1::3",
                "peers": ["fd00:1::2"],
            },
        ],
    }


def test_the_first_node_is_preferred() -> None:
    assert node_values(changed(node="north"))["priority"] == 200


def test_one_that_takes_back_waits_first() -> None:
    assert node_values(changed(preempt=True, preempt_delay=5))["preempt_delay"] == 5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (changed(nodes=["north"]), "nodes: north: from 2 to 8 different names"),
        (changed(nodes=["north", "north"]), "nodes: north, north: from 2"),
        (changed(nodes=["a b", "south"]), "nodes: 'a b' is no name"),
        (changed(nodes=["north\n", "south"]), "is no name"),
        (changed(nodes="north"), "nodes: 'north': a list is needed"),
        (changed(node="east"), "node: 'east' is none of nodes: north, south"),
        (changed(instances=[]), "instances: []: a list is needed"),
        (changed(instances=["wan"]), "instances[0] is 'wan': a dictionary"),
        (changed(instances=[WAN, WAN]), "instance wan: name wan is that of instance wan as well"),
        (changed(instances=[WAN, {**WAN, "name": "b"}]), "instance b: router_id 51 is that of instance wan as well"),
        (
            changed(instances=[WAN, {**WAN, "name": "b", "router_id": 52}]),
            "address 192.0.2.100 is that of instance wan as well",
        ),
        (changed(track_interfaces=["wan 1"]), "track_interfaces: 'wan 1': the name of an interface"),
        (changed(track_interfaces="wan1"), "track_interfaces: 'wan1': a list"),
        (changed(advert_interval=0.05), "advert_interval: 0.05: seconds from 0.1 to 40"),
        (changed(advert_interval=41), "advert_interval: 41"),
        (changed(advert_interval=True), "advert_interval: True"),
        (changed(advert_interval=float("nan")), "advert_interval: nan"),
        (changed(preempt="no"), "preempt: 'no': true or false"),
        (changed(preempt_delay=1001), "preempt_delay: 1001: whole seconds from 0 to 1000"),
        (changed(colour="red"), "there is no option colour"),
        (with_instance(name="a b"), "instance a b: name: 'a b'"),
        (with_instance(name=7), "instances[0]: name: 7"),
        (with_instance(interface="eth0\n    notify /bin/sh"), "instance wan: interface: 'eth0"),
        (with_instance(interface="$x"), "instance wan: interface: '$x'"),
        (with_instance(interface=None), "instance wan: interface: None"),
        (with_instance(router_id=0), "instance wan: router_id: 0: a number from 1 to 255"),
        (with_instance(router_id=256), "instance wan: router_id: 256"),
        (with_instance(router_id=True), "instance wan: router_id: True"),
        (with_instance(router_id="51"), "instance wan: router_id: '51'"),
        (with_instance(colour=1), "instance wan: there is no option colour"),
        (with_instance(node_addresses={"north": "192.0.2.2"}), "node_addresses: north: one is needed for each of"),
        (with_instance(node_addresses=["192.0.2.2"]), "node_addresses: ['192.0.2.2']: the own address of each"),
        (
            with_instance(node_addresses={"north": "192.0.2.2", "south": "192.0.2.2"}),
            "south: 192.0.2.2 is another node's as well",
        ),
        (
            with_instance(node_addresses={"north": "192.0.2.2", "south": "192.0.2.3/24"}),
            "south: '192.0.2.3/24': a unicast address without",
        ),
        (with_instance(node_addresses={"north": "192.0.2.2", "south": "224.0.0.18"}), "south: '224.0.0.18'"),
        (
            with_instance(node_addresses={"north": "fe80::1%eth0", "south": "fe80::2"}, addresses=["fe80::3/64"]),
            "north: 'fe80::1%eth0'",
        ),
        (with_instance(node_addresses={"north": 3221225986, "south": "192.0.2.3"}), "north: 3221225986"),
        (with_instance(addresses=["192.0.2.100"]), "addresses: '192.0.2.100': a unicast address with its prefix"),
        (with_instance(addresses=["192.0.2.2/24"]), "192.0.2.2 is the own address of north"),
        (with_instance(addresses=["fd00::1/64"]), "addresses of IPv4 and of IPv6"),
        (with_instance(addresses=["here/24"]), "addresses: 'here/24'"),
        (with_instance(addresses=[f"192.0.2.{n}/24" for n in range(20, 41)]), "addresses: 21 of them: 20 at most"),
        (with_instance(addresses="192.0.2.100/24"), "addresses: '192.0.2.100/24': a list is needed"),
    ],
)
def test_what_is_wrong_is_told_with_what_would_be_right(options: dict[str, Any], said: str) -> None:
    assert said in complaint(options)


def test_all_that_is_wrong_is_told_at_once() -> None:
    told = complaint(changed(node="east", advert_interval=0, instances=[{**WAN, "router_id": 0, "interface": "a b"}]))
    assert len(told.split("; ")) == 4


@pytest.mark.parametrize("name", ["keepalived.conf", "swanfleet.nft", "swanfleet.withdraw"])
@pytest.mark.parametrize("options", [PAIR, changed(preempt=True, track_interfaces=[])], ids=["plain", "preempting"])
def test_files_have_what_the_values_say(checkout: Path, name: str, options: dict[str, Any]) -> None:
    text = rendered(checkout, name, node_values(options))
    words = {"keepalived.conf": ["192.0.2.100/24 dev wan0", "192.0.2.2 min_ttl 255", "unicast_src_ip fd00:1::3"]}
    words["swanfleet.nft"] = [
        'iifname "wan0" ip saddr 192.0.2.2 ip ttl 255 ',
        'iifname "bond0.7" meta l4proto 112 counter drop\n',
    ]
    words["swanfleet.withdraw"] = ["address delete 192.0.2.101/32 dev wan0\n", "delete fd00:1::100/64 dev bond0.7\n"]
    assert [each for each in words[name] if each not in text] == []
    assert text.count("{") == text.count("}")
    if name == "keepalived.conf":
        assert ("nopreempt" in text, "preempt_delay 60" in text) == (not options["preempt"], options["preempt"])
        assert text.count("track_interface") == len(options["track_interfaces"])
        assert "auth" not in text


WORDS = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
    ["eth0", "a\nb", "192.0.2.9/24", "fd00::9/64", "192.0.2.9", "x{", "!x", "@a b", "${x}", "include /etc/passwd", '"']
)
SAFE = re.compile(r"[A-Za-z0-9_.:/-]+")


@given(name=WORDS, interface=WORDS, own=WORDS, shared=WORDS, tracked=WORDS, node=WORDS)
def test_nothing_reaches_the_files_but_names_and_addresses(
    name: str, interface: str, own: str, shared: str, tracked: str, node: str
) -> None:
    instance = {**WAN, "name": name, "interface": interface, "addresses": [shared]}
    instance["node_addresses"] = {node: own, "south": "192.0.2.3"}
    options = changed(instances=[instance], track_interfaces=[tracked], nodes=[node, "south"])
    try:
        values = node_values(options)
    except PairError:
        return
    (only,) = values["instances"]
    texts = [only["name"], only["interface"], only["source"], *only["peers"], *only["addresses"]]
    assert [each for each in [*texts, *values["track_interfaces"], values["node"]] if not SAFE.fullmatch(each)] == []
    assert str(ipaddress.ip_interface(only["addresses"][0])) == only["addresses"][0]


# What a controller imports changes where modules' warnings go, so in a process of its own.
FILTERED = """
import json, sys
from ansible.errors import AnsibleFilterError
from ansible_collections.swanfleet.ipsec.plugins.filter.vrrp_node import FilterModule
told = []
for options in json.load(sys.stdin):
    try:
        told.append(FilterModule().filters()["vrrp_node"](options))
    except AnsibleFilterError as error:
        told.append(str(error))
print(json.dumps(told))
"""


def test_the_filter_says_the_same(collections_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILTERED],
        input=json.dumps([PAIR, changed(node="east"), []]),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(collections_path)},
    )
    values, unknown, no_options = json.loads(done.stdout)
    assert values == node_values(PAIR)
    assert "none of nodes" in unknown
    assert "a dictionary" in no_options
