# Copyright: (c) swanfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The corners of what a gateway means: identities and owners of secrets, routes that are not installed, digests that last."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.compute import artifacts, links_only
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.connections import is_our_secret
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.parts import parts_of
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.swanctl import quote, render_connections
from ansible_collections.swanfleet.ipsec.plugins.module_utils.artifacts.values import (
    CONNECTIONS_FILE,
    SECRETS_FILE,
    Artifacts,
    FileText,
    Tree,
)
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.gateway import parse_gateway
from ansible_collections.swanfleet.ipsec.plugins.module_utils.desired.situation import Situation
from ansible_collections.swanfleet.ipsec.tests.fakes.gateways import (
    INTERFACE,
    PARIS,
    PARIS_LAN,
    ROME,
    ROME_LAN,
    Config,
    config,
)

ADDRESSES = {"wan0": ("192.0.2.1",), "wan1": ("203.0.113.1",)}
SITUATION = Situation(b"k" * 32, ADDRESSES, {4: "wan0"}, {"ipsec-paris": 7})


def made(wish: Config) -> Artifacts:
    return artifacts(parse_gateway(wish), SITUATION)


def rome(**options: Any) -> Artifacts:
    return made(config([{**ROME, **options}], [ROME_LAN]))


@pytest.mark.parametrize(
    ("interfaces", "identity"),
    [
        pytest.param(["192.0.2.1"], {"auth": "psk", "id": "192.0.2.1"}, id="one address is who we are"),
        pytest.param(["wan0"], {"auth": "psk"}, id="an interface may get another address"),
        pytest.param(["any"], {"auth": "psk"}, id="whatever the routes say"),
        pytest.param(["192.0.2.1", "203.0.113.1"], {"auth": "psk"}, id="of several, the one that the SA has"),
    ],
)
def test_who_we_are(interfaces: list[str], identity: dict[str, str]) -> None:
    assert rome(interfaces=interfaces).connections["rome"]["local"] == identity


@pytest.mark.parametrize(
    ("options", "owners"),
    [
        pytest.param({}, ("198.51.100.3",), id="one address is who the peer is"),
        pytest.param({"interfaces": ["192.0.2.1"]}, ("198.51.100.3",), id="both ends by address: the peer alone"),
        pytest.param({"remote_endpoints": ["198.51.100.3", "198.51.100.4"]}, ("198.51.100.3", "198.51.100.4", "%any"),
                     id="several addresses"),
        pytest.param({"remote_endpoints": ["198.51.100.3", "192.0.2.7-192.0.2.9", "203.0.113.0/24", "gw.example.org"]},
                     ("198.51.100.3", "%any"), id="neither ranges, nor subnets, nor host names are identities"),
        pytest.param({"init_type": "none", "remote_endpoints": ["192.0.2.7-192.0.2.9"]}, ("%any",), id="a range alone"),
        pytest.param({"remote_id": "any"}, ("%any",), id="anyone"),
        pytest.param({"remote_id": "fqdn:gw"}, ("fqdn:gw",), id="by name"),
    ],
)  # fmt: skip
def test_who_owns_a_key(options: dict[str, Any], owners: tuple[str, ...]) -> None:
    [secret] = rome(**options).shared.values()
    assert (secret.kind, secret.owners) == ("ike", owners)


@pytest.mark.parametrize(
    "other",
    ["ike-x-0123456789abcdef0", "xike-x-0123456789abcdef", "ike-x-0123456789abcdef\n"],
)
def test_what_only_looks_like_an_id_of_ours(other: str) -> None:
    assert not is_our_secret(other)


def routes(endpoints: list[str], networks: list[str], **interface: Any) -> list[tuple[str, int, int]]:
    """Return destination, metric and table of each route of the link."""
    paris = {**PARIS, "init_type": "none", "remote_endpoints": endpoints}
    child = {**PARIS_LAN, "local_networks": ["dynamic"], "remote_networks": networks}
    [link] = made(config([paris], [child], [{**INTERFACE, **interface}])).links.values()
    return [(route.destination, route.metric, route.table) for route in link.routes]


LAN, V6 = ("10.2.0.0/24", 0, 254), ("2001:db8:2::/64", 1024, 254)


@pytest.mark.parametrize(
    ("endpoints", "networks", "expected"),
    [
        pytest.param(["198.51.100.2"], ["10.2.0.0/24", "2001:db8:2::/64"], [LAN, V6], id="both families"),
        pytest.param(["198.51.100.2"], ["dynamic", "10.2.0.0/24"], [LAN], id="none for the peer's own address"),
        pytest.param(["198.51.100.2"], ["0.0.0.0/0", "10.2.0.0/24"], [LAN], id="no default route"),
        pytest.param(["198.51.100.2"], ["198.51.100.0/24", "10.2.0.0/24"], [LAN], id="none over the peer's endpoint"),
        pytest.param(["10.2.0.0/25", "10.2.0.7-10.2.0.9", "gw.example.org"], ["10.2.0.0/24"], [LAN],
                     id="only an address is an endpoint that can lie in a network"),
    ],
)  # fmt: skip
def test_routes_of_a_phase_2(endpoints: list[str], networks: list[str], expected: list[Any]) -> None:
    assert routes(endpoints, networks) == expected


def test_written_routes_have_the_metric_that_the_kernel_would_give() -> None:
    written = [
        {"destination": "10.9.0.0/24"}, {"destination": "2001:db8:9::/64"}, {"destination": "10.8.0.0/24", "metric": 5},
        {"destination": "10.7.0.0/24", "table": 100},
    ]  # fmt: skip
    assert routes(["198.51.100.2"], ["dynamic"], routes=written) == [
        ("10.7.0.0/24", 0, 100), ("10.8.0.0/24", 5, 254), ("10.9.0.0/24", 0, 254), ("2001:db8:9::/64", 1024, 254),
    ]  # fmt: skip


def test_the_order_in_which_objects_are_written_means_nothing() -> None:
    other = {**INTERFACE, "name": "a", "if_id": 9}
    oslo = {**PARIS, "name": "oslo", "remote_endpoints": ["198.51.100.9"]}
    children = [
        PARIS_LAN,
        {**PARIS_LAN, "name": "dmz", "remote_networks": ["10.9.0.0/24", "198.51.100.0/24"]},
        ROME_LAN,
    ]
    children += [{**PARIS_LAN, "phase1": "oslo", "remote_networks": ["198.51.100.0/24"]}]
    gateways = [
        parse_gateway(config([PARIS, ROME, oslo][::way], children[::way], [INTERFACE, other][::way])) for way in (1, -1)
    ]
    situation = dataclasses.replace(SITUATION, if_ids={"ipsec-paris": 7, "a": 9})
    # As texts, since equal dictionaries may have another order.
    one, two = (artifacts(gateway, situation) for gateway in gateways)
    assert one.initiators == two.initiators
    shown = [str(dataclasses.replace(each, initiators=frozenset())) for each in (one, two)]
    assert shown[0] == shown[1]


def test_links_alone_tell_what_is_not_installed() -> None:
    wish = config([PARIS], [{**PARIS_LAN, "remote_networks": ["198.51.100.0/24"]}], [INTERFACE])
    found = links_only(parse_gateway(wish), Situation(b"", if_ids={"ipsec-paris": 7}))
    assert (list(found.links), found.connections, found.files) == (["ipsec-paris"], {}, {})
    [warning] = found.warnings
    assert warning == (
        "phase2 paris/lan: no route is installed for 198.51.100.0/24, since the peer's endpoint 198.51.100.2 lies in it: "
        "the tunnel's own packets would enter the tunnel"
    )


def test_a_range_is_routed_by_its_networks_and_nothing_by_a_port() -> None:
    remote = ["10.2.0.1-10.2.0.3", "10.3.0.0/24[tcp/443]", "dynamic[udp]"]
    wish = config([PARIS], [{**PARIS_LAN, "remote_networks": remote}], [INTERFACE])
    found = links_only(parse_gateway(wish), Situation(b"", if_ids={"ipsec-paris": 7}))
    routed = {route.destination for route in found.links["ipsec-paris"].routes}
    assert {"10.2.0.1/32", "10.2.0.2/31"} == {each for each in routed if each.startswith(("10.2.0.", "10.3."))}
    [warning] = found.warnings
    assert warning == (
        "phase2 paris/lan: no route is installed for 10.3.0.0/24[6/443], since a route knows no protocols and ports: what the "
        "tunnel does not take would be lost in it; set install_routes: false, and add the routes that are meant to the interface"
    )


@pytest.mark.parametrize(
    ("names", "told"), [("abc", "a, b, c"), ("abcd", "a, b, c and 1 more"), ("abcdef", "a, b, c and 3 more")]
)
def test_a_warning_names_three_and_counts_the_others(names: str, told: str) -> None:
    connections = [{**ROME, "name": name, "interfaces": ["wan0"]} for name in names]
    without = dataclasses.replace(SITUATION, interfaces=frozenset({"lo"}))
    assert artifacts(parse_gateway(config(connections, [])), without).warnings == (
        f"this host has no interface wan0 now; its last known addresses are used for phase1 {told}",
    )


def test_a_fallback_whose_checks_have_no_address_to_come_from_is_told() -> None:
    rome = {**ROME_LAN, "remote_networks": ["10.2.0.0/24"]}
    checked = {"name": "s", "primary": "paris", "fallbacks": ["rome"], "ping_check": True, "ping_address": ["10.2.0.1"]}
    wish = {**config([PARIS, ROME], [PARIS_LAN, rome], [INTERFACE]), "fallbacks": [checked]}
    looked = dataclasses.replace(SITUATION, interfaces=frozenset({"wan0"}), own={"wan0": ("192.0.2.1",)})
    [told] = artifacts(parse_gateway(wish), looked).warnings
    assert told.startswith(
        "fallback s: this host has no address in local_networks of the phase 2s of paris (10.1.0.0/24)"
    )


def test_what_is_known_of_each_connection() -> None:
    found = made(config([PARIS, {**ROME, "init_type": "none"}], [PARIS_LAN, ROME_LAN], [INTERFACE]))
    assert found.parts == {name: parts_of(tree) for name, tree in found.connections.items()}
    assert {name: found.shared[key].value.reveal() for name, (key,) in found.secret_of.items()} == {
        "paris": "s3cret", "rome": "another"}  # fmt: skip
    assert found.initiators == {"paris"}
    assert sorted(found.files) == [CONNECTIONS_FILE, SECRETS_FILE] == ["connections", "secrets"]


def test_digests_are_those_of_earlier_versions() -> None:
    """They are kept on the host: another form would make every loaded connection look changed, and interrupt it."""
    tree: Tree = {
        "version": "2",
        "children": {"lan": {"remote_ts": ["10.2.0.0/24", "10.3.0.0/24"], "start_action": "trap"}},
    }
    assert parts_of(tree).as_data() == [
        "f7ce4e458d643ed5f2a4956c",
        "f460639a8edaf3443456927c",
        {"lan": ["trap", "3ad94660f1aa7b2a748038c4"]},
    ]


def test_a_file_must_exist_unless_it_says_otherwise() -> None:
    assert FileText(0o600, "").needed


def test_what_a_wanted_child_carries_is_known_as_it_is_written() -> None:
    child = {"local_ts": ["10.1.0.0/24", "10.2.0.0/24"], "remote_ts": "10.3.0.0/24,10.4.0.0/24"}
    found = parts_of({"children": {"lan": child, "own": {}}}).children
    assert (found["lan"].local, found["lan"].remote) == (("10.1.0.0/24", "10.2.0.0/24"), ("10.3.0.0/24", "10.4.0.0/24"))
    assert (found["own"].local, found["own"].remote) == (("dynamic",), ("dynamic",))


def test_only_the_first_round_of_a_peer_is_about_its_address() -> None:
    rounds = {
        "psk": None,
        "local_auth": [{"auth": "psk"}],
        "remote_auth": [{"auth": "psk", "psk": "a long enough key"}, {"ca_certificates": ["/etc/ca.pem"]}],
    }
    sections = rome(**rounds).connections["rome"]
    assert sections["remote-1"] == {"auth": "psk", "id": "198.51.100.3"}
    assert sections["remote-2"] == {"auth": "pubkey", "cacerts": ["/etc/ca.pem"]}


def test_a_child_without_a_start_action_is_not_started() -> None:
    assert parts_of({"children": {"lan": {"mode": "tunnel"}}}).children["lan"].start == "none"


def test_what_cannot_be_written_says_so() -> None:
    with pytest.raises(ValueError, match=r"^a value with a NUL character cannot be written$"):
        quote("\0")


def test_bytes_that_are_no_text_survive() -> None:
    """Ansible hands over undecodable bytes as surrogates; a distinguished name may have them."""
    text = render_connections({"rome": {"id": b"CN=\xff".decode("utf-8", "surrogateescape")}})
    assert b'id = "CN=\xff"' in FileText(0o600, text).encoded
