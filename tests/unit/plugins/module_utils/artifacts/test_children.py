# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which phase 2 becomes which CHILD_SA: whatever is listed, no pair of networks is let through that is not."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.children import child_sas, of_one_protocol
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.connections import connection_trees
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.inverse import read_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.settings import parse_settings
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.swanctl import render_connections
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import (
    Gateway,
    check_gateway,
    parse_gateway,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.plugins.module_utils.errors import ValidationError
from hypothesis import given
from hypothesis import strategies as st

Config = dict[str, Any]
P1: Config = {"name": "paris", "remote_endpoints": ["198.51.100.2"], "psk": "s3cret"}
A, B, C = "10.1.0.0/24", "10.1.1.0/24", "10.1.2.0/24"
X, Y = "10.2.0.0/24", "10.2.1.0/24"


def gateway(children: list[Config], **phase1: Any) -> Gateway:
    found = parse_gateway({"phase1": [{**P1, **phase1}], "phase2": [{"phase1": "paris", **each} for each in children]})
    check_gateway(found)
    return found


def pair(name: str, local: str | list[str], remote: str | list[str], **more: Any) -> Config:
    return {"name": name, "local_networks": local, "remote_networks": remote, **more}


def made(found: Gateway) -> dict[str, tuple[list[str], list[str]]]:
    return {child.name: (list(child.local), list(child.remote)) for child in child_sas(found)["paris"]}


@pytest.mark.parametrize(
    ("children", "expected"),
    [
        pytest.param([pair("a", A, X)], {"a": ([A], [X])}, id="one"),
        pytest.param([pair("b", A, Y), pair("a", A, X)], {"a": ([A], [X, Y])}, id="one network to two"),
        pytest.param([pair("a", A, X), pair("b", B, X)], {"a": ([A, B], [X])}, id="two networks to one"),
        pytest.param([pair("a", A, X), pair("b", B, Y)], {"a": ([A], [X]), "b": ([B], [Y])}, id="two pairs are not four"),
        pytest.param([pair("a", A, X), pair("b", A, Y), pair("c", B, X), pair("d", B, Y)], {"a": ([A, B], [X, Y])},
                     id="all four"),
        pytest.param([pair("a", A, X), pair("b", A, Y), pair("c", B, X)], {"a": ([A], [X, Y]), "c": ([B], [X])},
                     id="three of four"),
        pytest.param([pair("a", [A, B], X), pair("b", C, X)], {"a": ([A, B, C], [X])}, id="lists"),
        pytest.param([pair("a", A, X), pair("b", A, Y, lifetime="2h")], {"a": ([A], [X]), "b": ([A], [Y])},
                     id="another lifetime"),
        pytest.param([pair("a", A, X), pair("b", A, Y, install_routes=False)], {"a": ([A], [X, Y])},
                     id="routes are no parameter of an SA"),
    ],
)  # fmt: skip
def test_what_is_grouped(children: list[Config], expected: dict[str, tuple[list[str], list[str]]]) -> None:
    assert made(gateway(children)) == expected


TWO = [pair("a", A, X), pair("b", A, Y)]


@pytest.mark.parametrize("options", [{"split_connections": True}, {"ike_version": 1}])
def test_what_is_not_grouped(options: Config) -> None:
    assert made(gateway(TWO, **options)) == {"a": ([A], [X]), "b": ([A], [Y])}


def test_no_child_has_more_selectors_than_a_message() -> None:
    many = [pair(f"n{number:03}", A, f"10.2.{number}.0/24") for number in range(255)]
    assert [len(remote) for _local, remote in made(gateway(many)).values()] == [254, 1]


NETWORKS = st.lists(st.sampled_from([A, B, C, "dynamic", "2001:db8::/64"]), min_size=1, max_size=3, unique=True)
MEMBERS = st.lists(
    st.tuples(NETWORKS, NETWORKS, st.sampled_from(["1h", "2h"])), min_size=1, max_size=6
)  # fmt: skip


@given(MEMBERS)
def test_grouped_children_have_exactly_the_pairs_that_are_listed(
    members: list[tuple[list[str], list[str], str]],
) -> None:
    children = [pair(f"c{n}", local, remote, lifetime=life) for n, (local, remote, life) in enumerate(members)]
    try:
        found = gateway(children)
    except ValidationError:
        return
    wanted = [
        (set(itertools.product(local, remote)), life) for local, remote, life in members
    ]  # fmt: skip
    for life in ("1h", "2h"):
        listed = set().union(*(pairs for pairs, each in wanted if each == life))
        seconds = {"1h": 3600, "2h": 7200}[life]
        grouped = [child for child in child_sas(found)["paris"] if child.phase2[0].lifetime == seconds]
        assert set().union(*(itertools.product(child.local, child.remote) for child in grouped)) == listed
    grouped_names = [each.name for child in child_sas(found)["paris"] for each in child.phase2]
    assert sorted(grouped_names) == sorted(child["name"] for child in children)


def transport(**options: Any) -> Gateway:
    return gateway([{"name": "all"}], connection_type="transport", **options)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({}, {"all": (["dynamic"], ["dynamic"])}, id="any"),
        pytest.param({"traffic_selector": "gre"}, {"all": (["dynamic[47]"], ["dynamic[47]"])}, id="gre"),
        pytest.param({"traffic_selector": "vxlan"}, {
            "all-in": (["dynamic[17/4789]"], ["dynamic[17]"]), "all-out": (["dynamic[17]"], ["dynamic[17/4789]"])}, id="vxlan"),
        pytest.param({"traffic_selector": "vxlan", "vxlan_port": 8472}, {
            "all-in": (["dynamic[17/8472]"], ["dynamic[17]"]), "all-out": (["dynamic[17]"], ["dynamic[17/8472]"])}, id="port"),
    ],
)  # fmt: skip
def test_transport_mode(options: Config, expected: dict[str, tuple[list[str], list[str]]]) -> None:
    found = transport(**options)
    assert made(found) == expected
    tree: Any = connection_trees(found, Situation(b""))["paris"]
    assert {child["mode"] for child in tree["children"].values()} == {"transport"}


def test_ah() -> None:
    for given_, written in ((None, ["sha256-curve25519-modp4096"]), (["sha512"], ["sha512"])):
        child = pair("a", A, X, **({"ah_proposals": given_} if given_ else {}))
        tree: Any = connection_trees(gateway([child], encryption_type="ah"), Situation(b""))["paris"]
        assert tree["children"]["a"]["ah_proposals"] == written
        assert "esp_proposals" not in tree["children"]["a"]


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(gateway(TWO), id="grouped"),
        pytest.param(gateway(TWO, split_connections=True), id="split"),
        pytest.param(gateway(TWO, ike_version=1), id="IKEv1"),
        pytest.param(gateway([pair("a", A, X), pair("b", B, Y)]), id="what cannot be grouped"),
        pytest.param(gateway([pair("a", A, X)], encryption_type="ah"), id="AH"),
        pytest.param(transport(), id="transport"),
        pytest.param(transport(traffic_selector="gre"), id="GRE"),
        pytest.param(transport(traffic_selector="vxlan", vxlan_port=8472), id="VXLAN"),
    ],
)
def test_what_was_written_is_read_back_as_the_same(found: Gateway) -> None:
    trees = connection_trees(found, Situation(b""))
    again = read_gateway(parse_settings(render_connections(trees), file="text")).gateway
    assert connection_trees(again, Situation(b"")) == trees


def test_words_of_protocols_are_read_as_their_numbers() -> None:
    text = render_connections(connection_trees(transport(traffic_selector="gre"), Situation(b"")))
    again = read_gateway(parse_settings(text.replace("[47]", "[gre]"), file="text")).gateway
    assert again.phase1["paris"].traffic_selector == "gre"


def test_a_child_more_is_no_vxlan() -> None:
    one, other = "dynamic[17/4789]", "dynamic[17]"
    sides = {"all-in": (one, other), "all-out": (other, one)}

    def amounts_to(selectors: dict[str, tuple[str, str]]) -> Any:
        sections: Any = {
            name: {"local_ts": [local], "remote_ts": [remote]} for name, (local, remote) in selectors.items()
        }
        return of_one_protocol(sections)

    assert amounts_to(sides) == ("all", "vxlan", 4789)
    assert amounts_to({**sides, "z": (other, other)}) is None


@pytest.mark.parametrize(
    ("children", "phase1", "messages"),
    [
        pytest.param([{"name": "a"}, {"name": "b"}], {"connection_type": "transport"}, [
            "phase2 paris/b: phase1 is 'paris': transport mode has one phase 2, and phase1 paris has phase2 paris/a already"],
            id="two phase 2s"),
        pytest.param([pair("a", "dynamic", X)], {"connection_type": "transport"}, [
            (f"phase2 paris/a: remote_networks is ['{X}']: transport mode protects what the endpoints send to each other: leave it "
             "out, or write dynamic[...]")], id="networks"),
        pytest.param([pair("a", "dynamic[tcp]", "dynamic[tcp]")], {"connection_type": "transport", "traffic_selector": "gre"}, [
            (f"phase2 paris/a: {side}_networks is ['dynamic[6]']: traffic_selector of phase1 paris is gre, which says it; leave "
             "one of them out") for side in ("local", "remote")], id="networks beside a protocol"),
        pytest.param([pair("a", "dynamic", "10.2.0.0/24[tcp/1-9]")], {"ike_version": 1}, [
            ("phase2 paris/a: remote_networks is '10.2.0.0/24[6/1-9]': one port is needed, or none, as ike_version of phase1 "
             "paris is 1")], id="several ports in IKEv1"),
        pytest.param([pair("a", "10.1.0.0/24[tcp]", "10.2.0.0/24[udp]")], {}, [
            ("phase2 paris/a: remote_networks is ['10.2.0.0/24[17]']: a network with the protocol of local_networks is needed, "
             "or with none: both sides of a selector have one protocol")], id="two protocols"),
        pytest.param([{"name": "a"}], {"traffic_selector": "gre"}, [
            ("phase1 paris: traffic_selector is 'gre': any is needed, since it chooses what transport mode protects; or set "
             "connection_type: transport")], id="a protocol in a tunnel"),
        pytest.param([{"name": "a"}], {"vxlan_port": 4789}, [
            "phase1 paris: vxlan_port is 4789: it belongs to traffic_selector: vxlan; leave it out"], id="a port of nothing"),
        pytest.param([{"name": "a"}], {"connection_type": "transport", "xfrm_interface": "x"}, [
            ("phase1 paris: xfrm_interface is 'x': it must be left out with connection_type: transport, whose packets would come "
             "back to the interface")], id="an interface"),
        pytest.param([{"name": "a"}], {"encryption_type": "ah", "nat_traversal": "force"}, [
            ("phase1 paris: nat_traversal is 'force': auto is needed, since AH has no UDP encapsulation and passes no NAT; or set "
             "encryption_type: esp")], id="AH through NAT"),
        pytest.param([{"name": "a", "proposals": ["aes256gcm16"]}], {"encryption_type": "ah"}, [
            ("phase2 paris/a: proposals is ['aes256gcm16']: they belong to ESP, and phase1 paris has encryption_type: ah; use "
             "ah_proposals")], id="encryption with AH"),
        pytest.param([{"name": "a", "ah_proposals": ["sha256"]}], {}, [
            ("phase2 paris/a: ah_proposals is ['sha256']: it belongs to AH, and phase1 paris has encryption_type: esp; use "
             "proposals")], id="AH's with ESP"),
        pytest.param([{"name": "a", "ah_proposals": ["aes256-sha256"]}], {"encryption_type": "ah"}, [
            "phase2 paris/a: ah_proposals[0] is 'aes256-sha256': 'aes256' encrypts, which AH does not: leave it out"],
            id="a cipher"),
    ],
)  # fmt: skip
def test_refused(children: list[Config], phase1: Config, messages: list[str]) -> None:
    with pytest.raises(ValidationError) as failed:
        gateway(children, **phase1)
    assert [str(problem) for problem in failed.value.problems] == messages
